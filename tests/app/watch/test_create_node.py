"""One node by hand: the name is compared with what Proxmox says."""

import re
from typing import Any

import pytest

from paddock.watch.loop import Watcher
from pvesim import ClusterScene, Running
from pvesim.scene import WATCH_PASSWORD
from tests.app.conftest import Estates
from tests.harness import Paddock


def wish(
    site: str, estate: Running, cluster: str = "prod", node: str = "pve2", **changes: Any
) -> dict[str, Any]:
    simulated = estate[cluster].nodes[node]
    return {
        "site_id": site,
        "name": node,
        "url": f"{simulated.url}/api2/json",
        "username": "root@pam",
        "password": estate[cluster].root_password,
        "trust": {"mode": "cluster_ca", "fingerprint": simulated.fingerprint},
        **changes,
    }


async def test_a_single_node_can_be_added_by_hand(paddock: Paddock, estate: Running) -> None:
    started = await paddock.api.post("/nodes", wish(await paddock.site(), estate))
    assert started.status == 202, started
    assert (await paddock.ended(started["job_id"]))["state"] == "done"
    nodes = await paddock.nodes()
    assert list(nodes) == ["pve2"], "the other members are not registered"
    assert nodes["pve2"]["status"] == "online"


async def test_a_lone_host_can_be_added_by_hand(paddock: Paddock, estates: Estates) -> None:
    async with estates(ClusterScene.simple("lab", nodes=1, containers=2, prefix="bench")) as running:
        body = wish(await paddock.site(), running, "lab", "bench1")
        started = await paddock.api.post("/nodes", body)
        assert (await paddock.ended(started["job_id"]))["state"] == "done"
        assert list(await paddock.nodes()) == ["bench1"]


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("PVE2", "name_case", "Names are case-sensitive"),
        ("pve2.example.org", "name_fqdn", "That is its host name with the domain"),
        ("pve1", "name_other_member", "pve1 is another member of the same cluster"),
        ("bench1", "name_other_cluster", "bench1 is managed already, as a node of bench1"),
        ("web", "name_mismatch", "if it is the node that you mean"),
    ],
)
async def test_a_name_that_does_not_match_is_told_with_the_right_one(
    paddock: Paddock, estates: Estates, typed: str, code: str, words: str
) -> None:
    scenes = ClusterScene.simple("prod", nodes=3), ClusterScene.simple("lab", nodes=1, prefix="bench")
    async with estates(*scenes) as estate:
        site = await paddock.site()
        await paddock.imported(site, estate["lab"])
        refused = await paddock.api.post("/nodes", wish(site, estate, name=typed))
        assert (refused.status, refused["code"], refused["called"]) == (422, code, "pve2")
        assert f"doesn't match: Proxmox calls it pve2, you typed {typed}." in refused["errors"][0]["message"]
        assert words.casefold() in f"{refused['detail']} {refused['hint']}".casefold()
        assert "Take pve2" in refused["hint"] or "take pve2" in refused["hint"]
        assert list(await paddock.nodes()) == ["bench1"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"address": "10.0.0.999"}, "address"),
        ({"url": ""}, "url"),
        ({"password": ""}, "password"),
    ],
)
async def test_a_missing_or_wrong_field_is_told_beside_it(
    paddock: Paddock, estate: Running, changes: dict[str, str], field: str
) -> None:
    refused = await paddock.api.post("/nodes", wish(await paddock.site(), estate, **changes))
    assert refused.status == 422
    assert [error["field"] for error in refused["errors"]] == [field]


async def test_a_node_without_a_site_is_refused(paddock: Paddock, estate: Running) -> None:
    body = wish("", estate)
    assert (await paddock.api.post("/nodes", body)).status == 404
    del body["site_id"]
    assert (await paddock.api.post("/nodes", body)).status == 422


async def test_a_node_that_is_registered_already_is_told_so(paddock: Paddock, estate: Running) -> None:
    site = await paddock.site()
    await paddock.imported(site, estate["prod"])
    refused = await paddock.api.post("/nodes", wish(site, estate))
    assert (refused.status, refused["code"]) == (409, "already_exists")
    assert "on its page" in refused["hint"]
    graz = await paddock.site("Graz")
    elsewhere = await paddock.api.post("/nodes", wish(graz, estate))
    assert (elsewhere.status, elsewhere["code"]) == (409, "registered_elsewhere")
    assert "in site Vienna" in elsewhere["detail"]


async def test_a_member_of_a_cluster_of_another_site_is_sent_there(paddock: Paddock, estate: Running) -> None:
    vienna, graz = await paddock.site(), await paddock.site("Graz")
    await paddock.imported(vienna, estate["prod"], members=["pve1"])
    refused = await paddock.api.post("/nodes", wish(graz, estate))
    assert (refused.status, refused["code"]) == (409, "cluster_elsewhere")
    assert "registered in site Vienna" in refused["detail"]
    assert refused["errors"][0]["field"] == "site_id"


async def test_a_node_reinstalled_under_its_old_name_is_not_taken_for_the_old_one(
    paddock: Paddock, estates: Estates
) -> None:
    async with estates(ClusterScene.simple("lab", nodes=1, prefix="bench")) as estate:
        site = await paddock.site()
        await paddock.imported(site, estate["lab"])
        estate.fault("ca-replaced", cluster="lab")
        refused = await paddock.api.post("/nodes", wish(site, estate, "lab", "bench1"))
        assert (refused.status, refused["code"]) == (409, "reinstalled")
        assert "with another CA" in refused["detail"]
        assert "remove the old bench1" in refused["hint"]
        old = (await paddock.nodes())["bench1"]
        path = f"/nodes/{old['id']}?confirm=bench1&reason=reinstalled"
        assert (await paddock.api.call("DELETE", path)).status == 200
        started = await paddock.api.post("/nodes", wish(site, estate, "lab", "bench1"))
        assert (await paddock.ended(started["job_id"]))["state"] == "done"


async def test_an_address_that_another_node_has_is_told(paddock: Paddock, estates: Estates) -> None:
    scenes = ClusterScene.simple("prod", nodes=2), ClusterScene.simple("lab", nodes=1, prefix="bench")
    async with estates(*scenes) as estate:
        site = await paddock.site()
        await paddock.imported(site, estate["lab"])
        node = (await paddock.nodes())["bench1"]
        body = {"url": estate["prod"].first.url, "save_anyway": "it is off and gets its address"}
        await paddock.services.parts[Watcher].forget_all()
        assert (await paddock.api.call("PATCH", f"/nodes/{node['id']}", body)).status in {200, 422}
        refused = await paddock.api.post("/nodes", wish(site, estate, "prod", "pve1"))
        assert (refused.status, refused["code"]) == (409, "address_taken"), refused


async def test_the_typed_url_is_what_is_called_whatever_the_address(
    paddock: Paddock, estate: Running
) -> None:
    node = estate["prod"].nodes["pve2"]
    body = wish(await paddock.site(), estate, address="192.0.2.12")
    started = await paddock.api.post("/nodes", body)
    assert (await paddock.ended(started["job_id"]))["state"] == "done"
    made = (await paddock.nodes())["pve2"]
    assert (made["address"], made["url"]) == ("192.0.2.12", node.url)
    await paddock.until_status("pve2", "online")


async def test_one_member_by_hand_leaves_the_way_to_the_others_alone(
    paddock: Paddock, estate: Running
) -> None:
    site = await paddock.site()
    await paddock.imported(site, estate["prod"], members=["pve1"])
    before = (await paddock.nodes())["pve1"]
    started = await paddock.api.post("/nodes", wish(site, estate, address="192.0.2.12"))
    assert (await paddock.ended(started["job_id"]))["state"] == "done"
    after = (await paddock.nodes())["pve1"]
    assert (after["address"], after["url"]) == (before["address"], before["url"])


# -- the page ------------------------------------------------------------------------------------------------------


async def test_a_member_with_another_credential_gets_one_of_its_own_and_the_cluster_keeps_its_own(
    paddock: Paddock, estate: Running
) -> None:
    site = await paddock.site()
    await paddock.imported(site, estate["prod"], members=["pve1"])
    (cluster,) = (await paddock.api.get("/clusters"))["items"]
    other = wish(site, estate, username="watch@pve", password=WATCH_PASSWORD)
    started = await paddock.api.post("/nodes", other)
    job = await paddock.ended(started["job_id"])
    assert "pve2 has a sign-in of its own, watch@pve; prod keeps the one it has." in str(job["lines"])
    kept = await paddock.api.get(f"/clusters/{cluster['id']}/sign-in")
    assert kept["name"] == "root@pam"
    assert [(one["member"], one["name"]) for one in kept["own"]] == [("pve2", "watch@pve")]
    await paddock.until_status("pve2", "online")
    _, html, _ = await paddock.browser.get(f"/nodes/{(await paddock.nodes())['pve2']['id']}")
    assert "watch@pve" in html


async def test_a_member_with_the_clusters_credential_gets_none_of_its_own(
    paddock: Paddock, estate: Running
) -> None:
    site = await paddock.site()
    await paddock.imported(site, estate["prod"], members=["pve1"])
    (cluster,) = (await paddock.api.get("/clusters"))["items"]
    started = await paddock.api.post("/nodes", wish(site, estate))
    assert (await paddock.ended(started["job_id"]))["state"] == "done"
    kept = await paddock.api.get(f"/clusters/{cluster['id']}/sign-in")
    assert (kept["name"], kept["own"]) == ("root@pam", [])


async def test_a_single_member_cannot_change_whom_paddock_believes_for_all(
    paddock: Paddock, estate: Running
) -> None:
    site = await paddock.site()
    await paddock.imported(site, estate["prod"], members=["pve1"])
    refused = await paddock.api.post("/nodes", wish(site, estate, trust={"mode": "off"}))
    assert (refused.status, refused["code"]) == (422, "trust_differs")
    assert refused["errors"][0]["field"] == "trust"


async def test_a_second_import_says_whose_sign_in_it_replaces(paddock: Paddock, estate: Running) -> None:
    site = await paddock.site()
    await paddock.imported(site, estate["prod"], members=["pve1"])
    other = {"username": "watch@pve", "password": WATCH_PASSWORD}
    shown = await paddock.preview(site, estate["prod"].first, estate["prod"], **other)
    assert "as root@pam. From the import on it is watch@pve, at all members" in shown["notes"][0]


async def test_all_that_is_missing_by_hand_is_told_at_once_and_it_stays_by_hand(paddock: Paddock) -> None:
    site = await paddock.site()
    await paddock.browser.get("/nodes/new")
    status, text, _ = await paddock.browser.post(
        "/nodes/import", {"by_hand": "yes", "site_id": site, "username": "root@pam", "address": "10.20.0.300"}
    )
    assert status == 422
    assert "<h1>Create New Node</h1>" in text
    for fault in (
        "Give the node&#39;s name", "The API URL is missing", "The password is missing", "Not an IP address"
    ):  # fmt: skip
        assert fault in text, fault


async def test_the_right_name_is_one_click_away_and_nothing_is_typed_again(
    paddock: Paddock, estate: Running
) -> None:
    site = await paddock.site()
    node = estate["prod"].nodes["pve2"]
    _, text, _ = await paddock.browser.get("/nodes/new")
    for word in ("Create New Node", "Name", "IP Address", "API URL", "Username", "Password"):
        assert word in text
    typed = {
        "by_hand": "yes", "site_id": site, "name": "PVE2", "url": f"{node.url}/api2/json", "trust": "off",
        "username": "root@pam", "password": estate["prod"].root_password,
    }  # fmt: skip
    status, text, _ = await paddock.browser.post("/nodes/import", typed)
    assert status == 422
    assert "Proxmox calls it pve2, you typed PVE2" in text
    assert estate["prod"].root_password not in text
    take = re.search(r'id="take" method="post" action="([^"]+)"', text)
    assert take
    assert 'form="take"' in text
    status, _, headers = await paddock.browser.post(take[1])
    assert status == 303
    _, text, _ = await paddock.browser.get(headers["location"])
    assert "Save pve2" in text
    status, _, headers = await paddock.browser.post(headers["location"], {"members": "pve2"})
    assert (await paddock.ended(headers["location"].rpartition("/")[2]))["state"] == "done"
    assert list(await paddock.nodes()) == ["pve2"]
