"""What clients read: lists, figures, configurations, several clusters at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pvesim import (
    ClusterScene,
    GuestScene,
    NodeScene,
    SceneError,
    demo_scene,
    read_scene,
    write_scene,
)
from pvesim.strangers import backup_server, stranger, web_page
from tests.pvesim.client import Client, serving
from tests.pvesim.replay import send

MARKUP = '<img src=x onerror="alert(1)">'


async def test_the_demo_estate_is_what_it_promises() -> None:
    async with serving(*demo_scene()) as running:
        rows = []
        for name, lost in (("prod", "pve3"), ("edge", ""), ("bench1", "")):
            client = Client(running[name]).by("auditor")
            rows += await client.get("/cluster/resources")
            offline = [row["node"] for row in await client.get("/nodes") if row["status"] != "online"]
            assert offline == ([lost] if lost else [])
        containers = [row for row in rows if row["type"] == "lxc" and not row.get("template")]
        assert 115 <= len(containers) <= 125
        assert sum(row["type"] == "node" for row in rows) == 9
        status = await Client(running["bench1"]).by("auditor").get("/cluster/status")
        assert [(row["type"], row["nodeid"]) for row in status] == [("node", 0)]
        assert (await Client(running["bench1"]).by("auditor").get("/version"))["version"] == "8.4.14"


async def test_each_node_says_that_it_is_the_local_one() -> None:
    async with serving(ClusterScene.simple("prod", nodes=3)) as running:
        for name in ("pve1", "pve2", "pve3"):
            rows = await Client(running["prod"], name).by("full").get("/cluster/status")
            assert [row["name"] for row in rows if row.get("local")] == [name]


async def test_a_change_shows_in_the_cluster_view_only_with_the_next_round_of_figures() -> None:
    async with serving(ClusterScene.simple("prod", nodes=1, containers=2), lag=10.0) as running:
        client = Client(running["prod"]).by("full")
        running.advance(10.1 - running.estate.clock.now() % 10)
        assert {row["status"] for row in await client.get("/cluster/resources?type=vm")} == {"running"}
        guest = running.estate["prod"].guests[100]
        guest.status = "stopped"
        guest.touch()
        assert {row["status"] for row in await client.get("/cluster/resources?type=vm")} == {"running"}
        assert (await client.get("/nodes/pve1/lxc/100/status/current"))["status"] == "stopped"
        running.advance(10)
        rows = {row["vmid"]: row["status"] for row in await client.get("/cluster/resources?type=vm")}
        assert rows == {100: "stopped", 101: "running"}


async def test_figures_move_and_counters_only_grow() -> None:
    async with serving(ClusterScene.simple("prod", nodes=1, containers=1)) as running:
        client = Client(running["prod"]).by("full")
        before = (await client.get("/cluster/resources?type=vm"))[0]
        running.advance(120)
        after = (await client.get("/cluster/resources?type=vm"))[0]
        assert after["uptime"] >= before["uptime"] + 119
        assert after["netin"] > before["netin"]
        assert after["cpu"] != before["cpu"]
        assert 0 < after["mem"] < after["maxmem"]


async def test_the_same_seed_gives_the_same_estate() -> None:
    scene = ClusterScene.simple("prod", nodes=2, containers=5)
    async with serving(scene) as one, serving(scene) as two:
        assert one["prod"].root_password == two["prod"].root_password
        assert one["prod"].tokens == two["prod"].tokens


async def test_markup_in_names_tags_and_notes_is_sent_raw() -> None:
    scene = ClusterScene(
        name="prod",
        nodes=[NodeScene(name="pve1", description=MARKUP)],
        guests=[GuestScene(vmid=100, name=MARKUP, node="pve1", tags=["<b>x</b>"], description=MARKUP)],
    )
    async with serving(scene) as running:
        client = Client(running["prod"]).by("full")
        row = (await client.get("/cluster/resources?type=vm"))[0]
        assert (row["name"], row["tags"]) == (MARKUP, "<b>x</b>")
        assert (await client.get("/nodes/pve1/lxc/100/config"))["description"] == f"{MARKUP}\n"
        assert (await client.get("/nodes/pve1/config"))["description"] == f"{MARKUP}\n"


async def test_addresses_of_running_containers_are_told_and_of_stopped_ones_not() -> None:
    guests = [
        GuestScene(vmid=100, name="a", node="pve1", ip="10.1.2.3/24"),
        GuestScene(vmid=101, name="b", node="pve1"),
        GuestScene(vmid=102, name="c", node="pve1", status="stopped"),
    ]
    async with serving(ClusterScene(name="prod", nodes=[NodeScene(name="pve1")], guests=guests)) as running:
        client = Client(running["prod"]).by("full")
        rows = {row["name"]: row for row in await client.get("/nodes/pve1/lxc/100/interfaces")}
        assert rows["eth0"]["inet"] == "10.1.2.3/24"
        leased = {row["name"]: row for row in await client.get("/nodes/pve1/lxc/101/interfaces")}
        assert leased["eth0"]["inet"].startswith("10.250.")
        assert await client.get("/nodes/pve1/lxc/102/interfaces") is None
        config = await client.get("/nodes/pve1/lxc/100/config")
        assert "ip=10.1.2.3/24" in config["net0"]
        assert isinstance(config["memory"], int)


async def test_all_nodes_can_share_one_address() -> None:
    from pvesim import Estate, Settings, serve

    estate = Estate([ClusterScene.simple("prod", nodes=3)], settings=Settings.quick())
    async with serve(estate, port=0, same_address=True) as running:
        assert {node.address for node in running["prod"].nodes.values()} == {"127.0.0.1"}
        assert len({node.port for node in running["prod"].nodes.values()}) == 3
        assert await Client(running["prod"], "pve2").by("full").get("/version")


def test_a_scene_survives_its_file(tmp_path: Path) -> None:
    file = tmp_path / "scene.toml"
    file.write_text(write_scene(demo_scene()), encoding="utf-8")
    assert read_scene(file) == demo_scene()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("clusters = 3", "Expected `array`"),
        ("[[clusters]]\nname = 'a'\nnodes = []", "has no nodes"),
        ("[[clusters]]\nname = 'a'\ncolour = 1\n[[clusters.nodes]]\nname = 'n'", "colour"),
        ("nonsense", "not a TOML file"),
        (
            "[[clusters]]\nname='a'\n[[clusters.nodes]]\nname='n'\n[[clusters.guests]]\nvmid=100\nname='x'\nnode='m'",
            "unknown node 'm'",
        ),
    ],
)
def test_a_wrong_scene_file_is_explained(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "scene.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SceneError, match=problem):
        read_scene(file)


async def test_strangers_answer_as_other_products_do() -> None:
    request = b"GET /api2/json/%s HTTP/1.1\r\nHost: x\r\n\r\n"
    async with stranger(web_page) as web, stranger(backup_server) as backup:
        assert (await send(web.address, web.port, request % b"version")).status == 404
        assert (await send(backup.address, backup.port, request % b"version")).status == 401
        assert b'"pbs"' in (await send(backup.address, backup.port, request % b"access/domains")).body
        assert len(backup.requests) == 2
