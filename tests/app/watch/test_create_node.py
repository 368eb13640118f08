"""One node by hand: the name is compared with what Proxmox says."""

from typing import Any

import pytest

from pvesim import ClusterScene, Running
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


@pytest.mark.parametrize("typed", ["PVE2", "pve1", "pve2.example.org"])
async def test_a_name_that_does_not_match_is_told_with_the_right_one(
    paddock: Paddock, estate: Running, typed: str
) -> None:
    refused = await paddock.api.post("/nodes", wish(await paddock.site(), estate, name=typed))
    assert (refused.status, refused["code"]) == (422, "name_mismatch")
    assert "doesn't match: Proxmox calls it pve2" in refused["errors"][0]["message"]
    assert await paddock.nodes() == {}


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
