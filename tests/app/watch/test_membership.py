"""Membership follows reality: who joins is offered, who leaves is marked, addresses and names are followed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pvesim import ClusterScene, Running
from tests.app.conftest import Estates
from tests.harness import Paddock


async def until(check: Callable[[], Awaitable[Any]], seconds: float = 10) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await check()):
            await asyncio.sleep(0.05)
    return found


async def imported(paddock: Paddock, estate: Running, **more: Any) -> dict[str, Any]:
    await paddock.imported(await paddock.site(), estate["prod"], **more)
    return await paddock.nodes()


async def members(paddock: Paddock, cluster_id: str) -> dict[str, Any]:
    return {one["name"]: one for one in (await paddock.api.get(f"/clusters/{cluster_id}/members"))["items"]}


async def offered(paddock: Paddock, title: str) -> Any:
    async def look() -> Any:
        needs = (await paddock.api.get("/overview"))["attention"]
        return next((one for one in needs if one["code"] == "member_joined" and one["title"] == title), None)

    return await until(look)


async def log_of(paddock: Paddock, node: Any) -> str:
    events = (await paddock.api.get(f"/nodes/{node['id']}/events"))["items"]
    return "\n".join(event["text"] for event in events)


async def test_a_node_that_joined_is_offered_and_added_with_one_click_and_no_password(
    paddock: Paddock, estate: Running
) -> None:
    cluster_id = (await imported(paddock, estate))["pve1"]["cluster_id"]
    estate.fault("node-added", cluster="prod", called="pve6")
    need = await offered(paddock, "pve6 joined prod: add?")
    assert (need["level"], need["id"]) == ("notice", cluster_id)
    for path in ("/", "/nodes"):
        _, text, _ = await paddock.browser.get(path)
        assert "pve6 joined prod: add?" in text
        assert ">Add pve6</button>" in text.replace("\n", "") or "Add pve6</button>" in text
    status, _, headers = await paddock.browser.post("/nodes/joined", {"cluster": cluster_id, "name": "pve6"})
    assert status == 303
    job = await paddock.ended(headers["location"].rpartition("/")[2])
    assert job["state"] == "done", job
    await paddock.until_status("pve6", "online")
    assert (await members(paddock, cluster_id))["pve6"]["joined_at"] is None
    again = await paddock.api.post(f"/clusters/{cluster_id}/nodes", {"name": "pve6"})
    assert (again.status, again["code"]) == (409, "already_exists")
    unknown = await paddock.api.post(f"/clusters/{cluster_id}/nodes", {"name": "PVE6"})
    assert (unknown.status, unknown["errors"][0]["field"]) == (422, "name")


async def test_who_was_left_out_of_the_import_is_not_offered_but_can_be_added(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate, members=["pve1"]))["pve1"]
    await paddock.until_status("pve1", "online")
    assert all(one["joined_at"] is None for one in (await members(paddock, node["cluster_id"])).values())
    started = await paddock.api.post(f"/clusters/{node['cluster_id']}/nodes", {"name": "pve3"})
    assert (await paddock.ended(started["job_id"]))["state"] == "done", "it is off, and added all the same"
    assert sorted(await paddock.nodes()) == ["pve1", "pve3"]


async def test_an_offer_can_be_declined(paddock: Paddock, estate: Running) -> None:
    cluster_id = (await imported(paddock, estate))["pve1"]["cluster_id"]
    estate.fault("node-added", cluster="prod", called="pve6")
    await offered(paddock, "pve6 joined prod: add?")
    path = f"/clusters/{cluster_id}/members/pve6/decline"
    assert (await paddock.api.post(path)).status == 204
    assert (await paddock.api.post(path.replace("pve6", "pve66"))).status == 404
    needs = (await paddock.api.get("/overview"))["attention"]
    assert not [one for one in needs if one["code"] == "member_joined"]
    _, text, _ = await paddock.browser.get("/nodes")
    assert "pve6 joined" not in text


async def test_a_changed_address_is_followed_with_a_word_in_the_log(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate))["pve2"]
    await paddock.until_status("pve2", "online")
    estate.fault("address-changed", cluster="prod", node="pve2")
    new = estate["prod"].nodes["pve2"]

    async def moved() -> Any:
        now = (await paddock.nodes())["pve2"]
        return now if now["address"] == new.address else None

    now = await until(moved)
    assert (now["url"], now["version"]) == (new.url, node["version"] + 1)
    assert f"The cluster reports another address: {node['address']} → {new.address}" in await log_of(
        paddock, node
    )
    await paddock.until_status("pve2", "online")


async def test_an_address_that_a_person_chose_is_kept_and_the_other_one_told(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate))["pve2"]
    body = {"address": "192.0.2.77", "url": "192.0.2.77:8006", "save_anyway": "a test"}
    assert (await paddock.api.call("PATCH", f"/nodes/{node['id']}", body)).status == 200
    estate.fault("address-changed", cluster="prod", node="pve2")
    new = estate["prod"].nodes["pve2"].address

    async def told() -> bool:
        return f"The cluster reports {new} now; Paddock keeps 192.0.2.77" in await log_of(paddock, node)

    await until(told)
    assert (await paddock.nodes())["pve2"]["address"] == "192.0.2.77"


async def test_a_lone_host_that_became_a_cluster_keeps_identity_and_history(
    paddock: Paddock, estates: Estates
) -> None:
    async with estates(ClusterScene.simple("prod", nodes=1, containers=2)) as estate:
        node = (await imported(paddock, estate))["pve1"]
        estate.fault("cluster-formed", cluster="prod", called="formed")

        async def formed() -> Any:
            cluster = await paddock.api.get(f"/clusters/{node['cluster_id']}")
            return cluster if cluster["kind"] == "cluster" else None

        cluster = await until(formed)
        assert cluster["name"] == "formed"
        estate.fault("node-added", cluster="prod", called="pve2")
        await offered(paddock, "pve2 joined formed: add?")
        log = await log_of(paddock, node)
        assert "The lone host is the cluster formed now" in log
        assert "Imported" in log
        await paddock.until_status("pve1", "online")
        assert (await paddock.api.get("/clusters"))["total"] == 1


async def test_a_node_that_was_renamed_is_recognised_by_its_address(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate))["pve2"]
    estate.fault("node-renamed", cluster="prod", node="pve2", called="alpha")
    need = await offered(paddock, "pve2 seems to be called alpha now")
    assert need["id"] == node["id"]
    _, text, _ = await paddock.browser.get("/nodes")
    assert f'href="/nodes/{node["id"]}/edit?name=alpha"' in text
    _, text, _ = await paddock.browser.get(f"/nodes/{node['id']}/edit?name=alpha")
    assert 'name="name" type="text" value="alpha"' in text
    saved = await paddock.api.call("PATCH", f"/nodes/{node['id']}", {"name": "alpha"})
    assert saved.status == 200, saved
    needs = (await paddock.api.get("/overview"))["attention"]
    assert not [one for one in needs if one["code"] in {"member_joined", "node_vanished"}]


async def test_a_lone_host_that_joined_another_cluster_is_told_apart(
    paddock: Paddock, estates: Estates
) -> None:
    scenes = (
        ClusterScene.simple("prod", nodes=2),
        ClusterScene.simple("lab", nodes=1, prefix="bench", containers=0),
    )
    async with estates(*scenes) as estate:
        site = await paddock.site()
        await paddock.imported(site, estate["prod"])
        await paddock.imported(site, estate["lab"])
        estate.fault("host-joined", cluster="lab", into="prod")
        need = await offered(paddock, "bench1 joined prod: add?")
        assert "managed as bench1 of bench1 so far" in need["text"]
