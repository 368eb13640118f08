"""Importing a cluster, from the first contact to nodes that are watched."""

import asyncio

import pytest

from pvesim import ClusterScene, GuestScene, NodeScene, Running
from tests.app.conftest import Estates
from tests.harness import Paddock


async def test_one_nodes_credentials_import_the_whole_cluster(paddock: Paddock, estate: Running) -> None:
    site = await paddock.site()
    job = await paddock.imported(site, estate["prod"], node="pve2")
    assert job["state"] == "done", job["error"]
    nodes = await paddock.nodes()
    assert sorted(nodes) == ["pve1", "pve2", "pve3", "pve4", "pve5"]
    for name, node in nodes.items():
        simulated = estate["prod"].nodes[name]
        assert (node["address"], node["url"]) == (simulated.address, simulated.url)
        assert node["site"] == "Vienna"
    assert nodes["pve1"]["status"] == "online"
    assert nodes["pve3"]["status"] == "offline"
    assert nodes["pve1"]["pve_version"] == "9.2.11"
    assert nodes["pve1"]["cores"] > 0
    assert nodes["pve1"]["storage_total"] > 0
    containers = await paddock.api.get("/containers?size=2000")
    assert containers["total"] == 20


async def test_each_node_gets_a_line_that_says_how_it_is_reached(paddock: Paddock, estate: Running) -> None:
    estate.fault("daemon-down", cluster="prod", node="pve4")
    job = await paddock.imported(await paddock.site(), estate["prod"])
    said = {line["subject"]: (line["level"], line["text"]) for line in job["lines"]}
    assert said["pve1"] == ("ok", "Reachable directly")
    assert said["pve3"] == ("warn", "Offline, says pve1; imported and marked")
    assert said["pve4"][0] == "warn"
    assert said["pve4"][1].startswith("Known only through pve1: ")
    assert "refuses the connection" in said["pve4"][1]


async def test_a_certificate_has_to_be_confirmed_before_anything_is_sent(
    paddock: Paddock, estate: Running
) -> None:
    site, prod = await paddock.site(), estate["prod"]
    asked = await paddock.preview(site, prod.first, prod, trust={"mode": "cluster_ca"})
    assert (asked.status, asked["code"]) == (502, "unconfirmed")
    assert asked["certificate"]["sha256"] == prod.first.fingerprint
    assert "pvenode cert info" in asked["hint"]
    assert estate.credentials() == []


async def test_nothing_is_written_before_the_import(paddock: Paddock, estate: Running) -> None:
    seen = await paddock.preview(await paddock.site(), estate["prod"].first, estate["prod"])
    assert [one["comparison"] for one in seen["members"]] == ["new"] * 5
    assert (await paddock.api.get("/nodes"))["total"] == 0
    assert (await paddock.api.get("/clusters"))["total"] == 0


async def test_importing_again_changes_nothing_and_doubles_nothing(paddock: Paddock, estate: Running) -> None:
    site = await paddock.site()
    await paddock.imported(site, estate["prod"])
    before = await paddock.nodes()
    again = await paddock.preview(site, estate["prod"].nodes["pve5"], estate["prod"])
    assert {one["comparison"] for one in again["members"]} == {"known"}
    job = await paddock.imported(site, estate["prod"], node="pve5")
    assert job["state"] == "done"
    after = await paddock.nodes()
    assert {name: (node["id"], node["version"]) for name, node in after.items()} == {
        name: (node["id"], node["version"]) for name, node in before.items()
    }
    assert (await paddock.api.get("/containers"))["total"] == 20
    assert (await paddock.api.get("/clusters"))["total"] == 1


async def test_two_administrators_importing_at_once_double_nothing(paddock: Paddock, estate: Running) -> None:
    site = await paddock.site()
    jobs = await asyncio.gather(
        paddock.imported(site, estate["prod"], node="pve1"),
        paddock.imported(site, estate["prod"], node="pve2"),
    )
    assert [job["state"] for job in jobs] == ["done", "done"]
    assert len(await paddock.nodes()) == 5
    assert (await paddock.api.get("/containers"))["total"] == 20


async def test_only_the_ticked_members_are_registered(paddock: Paddock, estate: Running) -> None:
    await paddock.imported(await paddock.site(), estate["prod"], members=["pve1", "pve2"])
    assert sorted(await paddock.nodes()) == ["pve1", "pve2"]
    on = {one["node"] for one in (await paddock.api.get("/containers?size=2000"))["items"]}
    assert on == {"pve1", "pve2"}, "containers of members that are not registered are left out"


async def test_a_cluster_of_another_site_is_recognised_and_not_taken(
    paddock: Paddock, estate: Running
) -> None:
    await paddock.imported(await paddock.site("Vienna"), estate["prod"])
    seen = await paddock.preview(await paddock.site("Graz"), estate["prod"].first, estate["prod"])
    assert {one["comparison"] for one in seen["members"]} == {"elsewhere"}
    assert "Vienna" in seen["members"][0]["writes"]
    refused = await paddock.api.post("/imports", {"preview_id": seen["preview_id"], "members": ["pve1"]})
    assert refused.status == 422


async def test_a_wrong_case_is_not_the_same_name(paddock: Paddock, estate: Running) -> None:
    seen = await paddock.preview(await paddock.site(), estate["prod"].first, estate["prod"])
    refused = await paddock.api.post("/imports", {"preview_id": seen["preview_id"], "members": ["PVE1"]})
    assert refused.status == 422
    assert "case-sensitive" in refused["detail"]


async def test_a_lone_host_is_a_cluster_of_one(paddock: Paddock, estates: Estates) -> None:
    async with estates(ClusterScene.simple("bench1", nodes=1, containers=3)) as running:
        job = await paddock.imported(await paddock.site(), running["bench1"])
        assert job["state"] == "done"
        cluster = (await paddock.api.get("/clusters"))["items"][0]
        assert (cluster["kind"], cluster["quorate"]) == ("standalone", None)
        node = next(iter((await paddock.nodes()).values()))
        assert node["status"] == "online"


async def test_two_clusters_of_one_site_are_told_apart_even_with_equal_names(
    paddock: Paddock, estates: Estates
) -> None:
    scenes = [ClusterScene.simple(name, nodes=2, containers=2) for name in ("one", "two")]
    async with estates(*scenes) as running:
        site = await paddock.site()
        for name in ("one", "two"):
            assert (await paddock.imported(site, running[name]))["state"] == "done"
        nodes = (await paddock.api.get("/nodes?sort=name"))["items"]
        assert [(node["name"], node["cluster"]) for node in nodes] == [
            ("pve1", "one"),
            ("pve1", "two"),
            ("pve2", "one"),
            ("pve2", "two"),
        ]
        clusters = (await paddock.api.get("/clusters"))["items"]
        assert len({cluster["ca_fingerprint"] for cluster in clusters}) == 2
        assert (await paddock.api.get("/containers"))["total"] == 4, (
            "equal vmids in two clusters are two containers"
        )


async def test_a_server_that_shows_a_registered_clusters_ca_must_prove_it(
    paddock: Paddock, estates: Estates
) -> None:
    """The CA is public; an impostor can show it and report a certificate of its own besides."""
    scenes = [
        ClusterScene.simple("prod", nodes=1, containers=3),
        ClusterScene.simple("evil", nodes=1, containers=0),
    ]
    async with estates(*scenes) as running:
        site = await paddock.site()
        await paddock.imported(site, running["prod"])
        running.fault("certificate-custom", cluster="evil", node="pve1")
        impostor, real = running.estate["evil"], running.estate["prod"]
        impostor.authority.certificate = real.authority.certificate
        refused = await paddock.preview(site, running["evil"].first, running["evil"])
        assert (refused.status, refused["code"]) == (502, "identity_unproven")
        assert (await paddock.api.get("/containers"))["total"] == 3


async def test_an_auditors_token_is_enough_to_watch_and_is_told_what_it_cannot_do(
    paddock: Paddock, estate: Running
) -> None:
    token = estate["prod"].tokens["auditor"]
    site = await paddock.site()
    seen = await paddock.preview(
        site, estate["prod"].first, estate["prod"], token_id=token.id, token_secret=token.secret
    )
    assert "create and delete containers" in seen["credential"]["cannot"]
    assert seen["credential"]["can"] == ["watch"]
    job = await paddock.imported(site, estate["prod"], token_id=token.id, token_secret=token.secret)
    assert job["state"] == "done"
    assert (await paddock.api.get("/containers"))["total"] == 20


async def test_templates_are_not_containers(paddock: Paddock, estates: Estates) -> None:
    scene = ClusterScene(
        name="prod",
        nodes=[NodeScene(name="pve1"), NodeScene(name="pve2")],
        guests=[
            *(GuestScene(vmid=100 + n, name=f"ct{n}", node="pve1") for n in range(4)),
            GuestScene(vmid=900, name="debian-template", node="pve2", status="stopped", template=True),
        ],
    )
    async with estates(scene) as running:
        await paddock.imported(await paddock.site(), running["prod"])
        assert (await paddock.api.get("/containers"))["total"] == 4
        assert sum(node["containers_total"] for node in (await paddock.nodes()).values()) == 4


async def test_details_fill_in_after_the_import(paddock: Paddock, estate: Running) -> None:
    await paddock.imported(await paddock.site(), estate["prod"])
    async with asyncio.timeout(15):
        while True:
            found = (await paddock.api.get("/containers?size=2000"))["items"]
            on_living_nodes = [one for one in found if one["status"] != "unknown"]
            if on_living_nodes and all(one["addresses"] for one in on_living_nodes):
                break
            await asyncio.sleep(0.1)
    assert all(one["ostype"] for one in on_living_nodes)


async def test_a_review_belongs_to_one_person_and_ends(paddock: Paddock, estate: Running) -> None:
    seen = await paddock.preview(await paddock.site(), estate["prod"].first, estate["prod"])
    first = await paddock.api.post("/imports", {"preview_id": seen["preview_id"], "members": ["pve1"]})
    assert first.status == 202
    again = await paddock.api.post("/imports", {"preview_id": seen["preview_id"], "members": ["pve1"]})
    assert (again.status, again["code"]) == (404, "review_used")
    await paddock.ended(first["job_id"])


async def test_markup_in_names_is_kept_as_text(paddock: Paddock, estates: Estates) -> None:
    name = "<script>alert(1)</script>"
    scene = ClusterScene(
        name="prod",
        nodes=[NodeScene(name="pve1")],
        guests=[GuestScene(vmid=100, name=name, node="pve1", tags=["a&b"])],
    )
    async with estates(scene) as running:
        await paddock.imported(await paddock.site(), running["prod"])
        assert (await paddock.api.get("/containers"))["items"][0]["name"] == name
        for path in ("/containers", "/nodes", "/"):
            status, text, _ = await paddock.browser.get(path)
            assert status == 200
            assert "<script>alert" not in text


@pytest.mark.parametrize("members", [[], ["pve9"]])
async def test_ticks_that_mean_nothing_are_refused(
    paddock: Paddock, estate: Running, members: list[str]
) -> None:
    seen = await paddock.preview(await paddock.site(), estate["prod"].first, estate["prod"])
    refused = await paddock.api.post("/imports", {"preview_id": seen["preview_id"], "members": members})
    assert refused.status == 422
    assert refused["errors"][0]["field"] == "members"
