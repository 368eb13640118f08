"""A node is removed: Proxmox is asked at that moment, and what runs there forbids it."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from paddock.watch.loop import Watcher
from pvesim import ClusterScene, GuestScene, Running
from tests.app.conftest import Estates
from tests.harness import Paddock


async def imported(paddock: Paddock, estate: Running, cluster: str = "prod") -> dict[str, Any]:
    await paddock.imported(await paddock.site(), estate[cluster])
    return await paddock.nodes()


async def remove(paddock: Paddock, node: Any, confirm: str | None = None, reason: str = "") -> Any:
    name = node["name"] if confirm is None else confirm
    path = f"/nodes/{node['id']}?confirm={quote(name)}&reason={quote(reason)}"
    return await paddock.api.call("DELETE", path)


def stop_all(estate: Running, cluster: str = "prod", node: str | None = None) -> None:
    state = estate.estate[cluster]
    for guest in list(state.guests.values()):
        if guest.kind == "lxc" and (node is None or guest.node.name == node):
            state.set_status(guest.vmid, "stopped")


async def test_active_containers_forbid_it_and_are_named_with_the_ways_out(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate))["pve1"]
    running = {
        guest.vmid
        for guest in estate.estate["prod"].guests.values()
        if guest.kind == "lxc" and guest.node.name == "pve1" and guest.status == "running"
    }
    assert running
    refused = await remove(paddock, node)
    assert (refused.status, refused["code"]) == (409, "containers_active")
    assert {one["vmid"] for one in refused["nodes"][0]["active"]} == running
    assert all(one["known"] for one in refused["nodes"][0]["active"])
    assert "Migrate them to another node, shut them down, or delete them" in refused["hint"]
    assert str(min(running)) in refused["detail"]
    assert "pve1" in await paddock.nodes()
    entry = (await paddock.api.get("/audit?action=nodes.remove"))["items"][0]
    assert (entry["outcome"], entry["code"]) == ("refused", "containers_active")


async def test_a_container_that_paddock_did_not_know_of_forbids_it_too(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate))["pve1"]
    stop_all(estate)
    await paddock.services.parts[Watcher].forget_all()
    estate.estate["prod"].create(GuestScene(vmid=900, node="pve1", name="secret-web"))
    refused = await remove(paddock, node, reason="a reason does not help")
    assert (refused.status, refused["code"]) == (409, "containers_active")
    assert refused["nodes"][0]["active"] == [
        {"vmid": 900, "name": "secret-web", "status": "running", "known": False}
    ]
    assert "900 secret-web (not known to Paddock so far)" in refused["detail"]


async def test_a_node_without_active_containers_goes_and_proxmox_is_left_alone(
    paddock: Paddock, estate: Running
) -> None:
    nodes = await imported(paddock, estate)
    stop_all(estate, node="pve1")
    changes = sum(estate.count(method=method) for method in ("POST", "PUT", "DELETE"))
    done = await remove(paddock, nodes["pve1"])
    assert (done.status, done["names"], done["cluster_removed"]) == (200, ["pve1"], False)
    assert sorted(await paddock.nodes()) == ["pve2", "pve3", "pve4", "pve5"]
    assert (await paddock.api.get("/containers?q=pve1"))["total"] == 0
    assert (await paddock.api.get(f"/nodes/{nodes['pve1']['id']}")).status == 404
    assert sum(estate.count(method=method) for method in ("POST", "PUT", "DELETE")) == changes
    events = (await paddock.api.get(f"/nodes/{nodes['pve2']['id']}/events"))["items"]
    assert any("pve1 was removed from Paddock" in event["text"] for event in events)
    assert (await paddock.api.get("/audit?action=nodes.remove"))["items"][0]["outcome"] == "ok"
    await paddock.until_status("pve2", "online")


@pytest.mark.parametrize("typed", ["", "PVE1", "pve"])
async def test_the_name_has_to_be_typed_exactly(paddock: Paddock, estate: Running, typed: str) -> None:
    node = (await imported(paddock, estate))["pve1"]
    stop_all(estate)
    refused = await remove(paddock, node, confirm=typed)
    assert (refused.status, refused["errors"][0]["field"]) == (422, "confirm")
    assert "pve1" in await paddock.nodes()


async def test_a_node_that_cannot_be_asked_needs_a_reason(paddock: Paddock, estate: Running) -> None:
    node = (await imported(paddock, estate))["pve3"]  # it is off
    refused = await remove(paddock, node)
    assert (refused.status, refused["code"]) == (422, "reason_needed")
    assert refused["errors"][0]["field"] == "reason"
    assert "cannot be asked" in refused["detail"]
    done = await remove(paddock, node, reason="burnt down")
    assert done.status == 200
    entry = (await paddock.api.get("/audit?action=nodes.remove"))["items"][0]
    assert entry["detail"]["reason"] == "burnt down"
    assert "pve3" in entry["detail"]["unasked"]


async def test_a_sign_in_that_sees_no_containers_is_not_taken_for_an_empty_node(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate))["pve1"]
    token = estate["prod"].tokens["auditor"]
    await paddock.imported(node["site_id"], estate["prod"], token_id=token.id, token_secret=token.secret)
    estate.fault("token-stripped", cluster="prod", token="auditor")
    refused = await remove(paddock, node)
    assert (refused.status, refused["code"]) == (422, "reason_needed")


async def test_running_tasks_ha_and_replication_are_named(paddock: Paddock, estate: Running) -> None:
    node = (await imported(paddock, estate))["pve1"]
    state = estate.estate["prod"]
    vmid = next(g.vmid for g in state.guests.values() if g.kind == "lxc" and g.node.name == "pve1")
    state.jobs[f"{vmid}-0"] = {"type": "local", "guest": vmid, "target": "pve2"}
    state.ha.rules["near"] = {"type": "node-affinity", "resources": f"ct:{vmid}", "nodes": "pve1:2,pve2"}
    found = await paddock.api.get(f"/nodes/{node['id']}/dependents")
    assert (found.status, found["asked"]) == (200, True)
    assert found["replication"] == [f"{vmid}-0 to pve2"]
    assert "rule near" in found["ha"]


async def test_the_last_node_takes_its_cluster_with_it(paddock: Paddock, estates: Estates) -> None:
    async with estates(ClusterScene.simple("lab", nodes=1, containers=2, prefix="bench")) as running:
        site = await paddock.site()
        token = running["lab"].tokens["full"]
        await paddock.imported(site, running["lab"], token_id=token.id, token_secret=token.secret)
        node = (await paddock.nodes())["bench1"]
        stop_all(running, "lab")
        done = await remove(paddock, node)
        assert (done.status, done["cluster_removed"]) == (200, True)
        user, _, name = token.id.partition("!")
        assert done["clean_up"][0] == f"pveum user token remove {user} {name}"
        for path in ("/nodes", "/clusters", "/containers"):
            assert (await paddock.api.get(path))["total"] == 0
        before = len(running.requests)
        await asyncio.sleep(1.5)
        assert len(running.requests) == before, "it is watched no longer"
        assert (await paddock.api.call("DELETE", f"/sites/{site}")).status == 204


async def test_a_whole_cluster_goes_at_once_or_not_at_all(paddock: Paddock, estate: Running) -> None:
    node = (await imported(paddock, estate))["pve1"]
    path = f"/clusters/{node['cluster_id']}?confirm=prod&reason=gone"
    refused = await paddock.api.call("DELETE", path)
    assert (refused.status, refused["code"]) == (409, "containers_active")
    assert len(await paddock.nodes()) == 5
    stop_all(estate)
    assert (await paddock.api.call("DELETE", path.partition("&")[0]))[
        "code"
    ] == "reason_needed"  # pve3 is off
    done = await paddock.api.call("DELETE", path)
    assert (done.status, done["names"]) == (200, ["pve1", "pve2", "pve3", "pve4", "pve5"])
    assert (await paddock.api.get("/clusters"))["total"] == 0


async def test_a_node_that_left_its_cluster_needs_no_reason(paddock: Paddock, estate: Running) -> None:
    node = (await imported(paddock, estate))["pve4"]
    estate.fault("node-removed", cluster="prod", node="pve4")
    done = await remove(paddock, node)
    assert done.status == 200
    assert "pve4" not in await paddock.nodes()


async def test_a_renamed_member_is_asked_under_its_new_name(paddock: Paddock, estate: Running) -> None:
    node = (await imported(paddock, estate))["pve1"]
    estate.fault("node-renamed", cluster="prod", node="pve1")
    held = await remove(paddock, node)
    assert (held.status, held["code"]) == (409, "containers_active"), held
    assert held["nodes"][0]["called"] == "renamed"
    _, html, _ = await paddock.browser.get(f"/nodes/{node['id']}/remove")
    assert "Proxmox VE calls it" in html
    stop_all(estate, node="renamed")
    assert (await remove(paddock, node)).status == 200


async def test_a_renamed_lone_host_has_not_left_and_its_containers_forbid_its_removal(
    paddock: Paddock, estates: Estates
) -> None:
    async with estates(ClusterScene.simple("lab", nodes=1, containers=3, prefix="bench")) as estate:
        node = (await imported(paddock, estate, "lab"))["bench1"]
        estate.fault("node-renamed", cluster="lab", node="bench1")
        held = await remove(paddock, node)
        assert (held.status, held["code"]) == (409, "containers_active"), held
        assert "migrate" not in held["hint"].lower(), "there is no other node"
        assert "pct shutdown" in held["hint"]
        stop_all(estate, "lab")
        assert (await remove(paddock, node)).status == 200


async def test_a_return_is_recognised_with_who_removed_it_and_why(paddock: Paddock, estate: Running) -> None:
    node = (await imported(paddock, estate))["pve3"]
    await remove(paddock, node, reason="burnt down")
    seen = await paddock.preview(node["site_id"], estate["prod"].first, estate["prod"])
    note = next(text for text in seen["notes"] if text.startswith("pve3 was removed on"))
    assert "by m.huber" in note
    assert "burnt down" in note
    await paddock.imported(node["site_id"], estate["prod"], members=["pve3"])
    back = (await paddock.nodes())["pve3"]
    events = (await paddock.api.get(f"/nodes/{back['id']}/events"))["items"]
    assert any("burnt down" in event["text"] and "It is back" in event["text"] for event in events)
    seen = await paddock.preview(node["site_id"], estate["prod"].first, estate["prod"])
    assert not any("was removed" in text for text in seen["notes"])


# -- the pages -----------------------------------------------------------------------------------------------------


async def test_the_page_names_what_runs_there_and_offers_no_removal(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate))["pve1"]
    _, text, _ = await paddock.browser.get(f"/nodes/{node['id']}")
    assert f'href="/nodes/{node["id"]}/remove"' in text
    await paddock.services.parts[Watcher].forget_all()  # it would hear of the new one within a second
    estate.estate["prod"].create(GuestScene(vmid=900, node="pve1", name="<b>web</b>", status="running"))
    status, text, _ = await paddock.browser.get(f"/nodes/{node['id']}/remove")
    assert status == 200
    assert "Migrate them to another node, shut them down, or delete them, first." in text
    assert "not known to Paddock so far" in text
    assert "pct migrate" in text
    assert "<b>web</b>" not in text
    assert 'name="confirm"' not in text
    status, text, _ = await paddock.browser.post(f"/nodes/{node['id']}/remove", {"confirm": "pve1"})
    assert (status, "Migrate them to another node" in text) == (409, True)


async def test_the_page_removes_it_after_its_name_was_typed_and_offers_the_way_back(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate))["pve1"]
    stop_all(estate, node="pve1")
    path = f"/nodes/{node['id']}/remove"
    _, text, _ = await paddock.browser.get(path)
    assert "Type <b>pve1</b> to confirm" in text
    status, text, _ = await paddock.browser.post(path, {"confirm": "PVE1"})
    assert (status, "type the name pve1 to confirm" in text) == (422, True)
    status, _, headers = await paddock.browser.post(path, {"confirm": "pve1", "version": "1"})
    assert status == 303
    _, text, _ = await paddock.browser.get(headers["location"])
    assert "pve1 was removed from Paddock." in text
    assert "Undo: add pve1 again" in text
    status, _, headers = await paddock.browser.post(
        "/nodes/joined", {"cluster": node["cluster_id"], "name": "pve1"}
    )
    assert (await paddock.ended(headers["location"].rpartition("/")[2]))["state"] == "done"
    back = await paddock.until_status("pve1", "online")
    events = (await paddock.api.get(f"/nodes/{back['id']}/events"))["items"]
    assert any("It is back: it was removed on" in event["text"] for event in events)


async def test_the_page_asks_for_a_reason_where_proxmox_says_nothing(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate))["pve3"]
    path = f"/nodes/{node['id']}/remove"
    _, text, _ = await paddock.browser.get(path)
    assert "Proxmox VE cannot be asked what runs on pve3" in text
    status, text, _ = await paddock.browser.post(path, {"confirm": "pve3"})
    assert (status, 'id="e-reason"' in text) == (422, True)
    status, _, _ = await paddock.browser.post(path, {"confirm": "pve3", "reason": "burnt down"})
    assert status == 303


async def test_a_whole_cluster_is_removed_on_its_page_with_the_way_back_filled_in(
    paddock: Paddock, estate: Running
) -> None:
    node = (await imported(paddock, estate))["pve1"]
    token = estate["prod"].tokens["full"]
    await paddock.imported(node["site_id"], estate["prod"], token_id=token.id, token_secret=token.secret)
    stop_all(estate)
    path = f"/clusters/{node['cluster_id']}/remove"
    _, text, _ = await paddock.browser.get(path)
    assert "Type <b>prod</b> to confirm" in text
    status, _, headers = await paddock.browser.post(path, {"confirm": "prod", "reason": "sold"})
    assert status == 303
    _, text, _ = await paddock.browser.get(headers["location"])
    assert "prod was removed from Paddock with its nodes." in text
    assert "pveum user token remove" in text
    _, form, _ = await paddock.browser.get(
        text.split('href="/nodes/import?gone=')[1].split('"')[0].join(["/nodes/import?gone=", ""])
    )
    assert f'value="{node["url"]}"' in form
    assert f'value="{token.id}"' in form
    assert token.secret not in form
