"""An estate survives a restart: everything that somebody has done to it, and nothing that was only trouble."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pvesim import ClusterScene, Estate, Running, SceneError, Settings, read_scene, serve, write_scene
from pvesim import keeping as k
from pvesim.clock import StillClock
from pvesim.guest import Guest
from pvesim.highavail import HighAvailability, Resource
from pvesim.identity import Identity
from pvesim.model import Cluster, Node
from pvesim.statedir import FILE, Keeper, kept_scenes
from pvesim.tasks import Task
from tests.pvesim.client import Client

SCENE = ClusterScene.simple("prod", nodes=3, containers=9)
CREATE = {
    "vmid": 500,
    "ostemplate": "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst",
    "rootfs": "local:4",
}


def attributes(kind: type, thing: object) -> set[str]:
    slots = getattr(kind, "__slots__", ())
    return set(slots) if slots else set(vars(thing))


def test_of_every_attribute_it_is_decided_whether_it_survives() -> None:
    """A new attribute of Cluster, Node or Guest belongs into one of the tables of pvesim.keeping."""
    cluster = Estate([SCENE])["prod"]
    things: list[tuple[type, Any, Any]] = [
        (Cluster, cluster, k.CLUSTER),
        (Node, cluster.nodes["pve1"], k.NODE),
        (Guest, cluster.guests[100], k.GUEST),
    ]
    for kind, thing, table in things:
        decided = [set(table), set(k.PARTS[kind]), set(k.DERIVED[kind]), set(k.DROPPED[kind])]
        assert attributes(kind, thing) == set().union(*decided), kind
        assert sum(map(len, decided)) == len(set().union(*decided)), f"{kind} decides something twice"


def test_of_identities_and_ha_everything_is_kept_but_what_follows_from_it() -> None:
    identity = Estate([SCENE])["prod"].identity
    assert attributes(Identity, identity) - set(k.IDENTITY) == {"builtin", "_held", "_alike"}
    assert set(HighAvailability.__slots__) - set(k.HIGH_AVAILABILITY) == {"resources", "entry"}
    assert {field.name for field in dataclasses.fields(Resource)} - set(k.RESOURCE) == {"work"}


def again(estate: Estate) -> Estate:
    """The estate as the next start finds it."""
    kept = msgspec.json.decode(k.encoded(estate))
    return Estate(msgspec.convert(kept, k.EstateScene).clusters, settings=estate.settings)


def test_an_estate_that_nobody_has_touched_is_kept_as_its_scene_and_is_the_same_again() -> None:
    estate = Estate([SCENE], settings=Settings.quick())
    kept = msgspec.json.decode(k.encoded(estate))
    assert all("state" not in guest for guest in kept["clusters"][0]["guests"])
    second = again(estate)
    assert k.encoded(again(second)) == k.encoded(second).replace(b'"starts":2', b'"starts":3')
    one, two = estate["prod"], second["prod"]
    assert {v: g.started for v, g in one.guests.items()} == {v: g.started for v, g in two.guests.items()}
    assert [node.booted for node in one.nodes.values()] == [node.booted for node in two.nodes.values()]
    assert (one.uuid, one.root_password, one.secret("full")) == (
        two.uuid,
        two.root_password,
        two.secret("full"),
    )


def test_names_and_secrets_made_after_a_restart_are_new_ones() -> None:
    estate = Estate([SCENE])
    assert estate["prod"].new_secret() != again(estate)["prod"].new_secret()


@asynccontextmanager
async def started(directory: Path, *scenes: ClusterScene, **settings: float) -> AsyncIterator[Running]:
    found = kept_scenes(directory, scenes) or scenes
    async with serve(
        Estate(found, settings=Settings.quick(**settings)), network="127.97", state_dir=directory, port=0
    ) as running:
        yield running


async def write(client: Client, verb: str, path: str, given: dict[str, Any] | None = None) -> Any:
    answer = await client.call(verb, path, given)
    assert answer.status == 200, f"{path}: {answer.reason} {answer.body!r}"
    return json.loads(answer.body)["data"]


async def test_a_restart_keeps_guests_users_tokens_tasks_and_trust(tmp_path: Path) -> None:
    async with started(tmp_path, SCENE) as running:
        root = Client(running["prod"]).by("full")
        made = await write(root, "POST", "/nodes/pve1/lxc", CREATE | {"tags": "new", "hostname": "fresh"})
        running.advance(600)
        await root.get("/version")
        await write(root, "PUT", "/nodes/pve1/lxc/500/config", {"memory": 777, "description": "kept"})
        await write(root, "POST", "/nodes/pve1/lxc/100/status/stop")
        running.advance(60)
        await root.get("/version")
        await write(root, "POST", "/access/users", {"userid": "new@pve", "comment": "there to stay"})
        token = await write(root, "POST", "/access/users/new@pve/token/t1", {"privsep": "0"})
        await write(root, "PUT", "/access/acl", {"path": "/", "users": "new@pve", "roles": "PVEAuditor"})
        await write(root, "POST", "/pools", {"poolid": "p1", "comment": "a pool"})
        await write(root, "POST", "/cluster/ha/resources", {"sid": "ct:101", "state": "started"})
        ticket = json.loads((await root.sign_in("root@pam", running["prod"].root_password)).body)["data"][
            "ticket"
        ]
        running.estate["prod"].remove(104)
        trust = (running["prod"].ca_fingerprint, [n.fingerprint for n in running["prod"].nodes.values()])
        now = running.estate.clock.now()
    async with started(tmp_path, SCENE) as running:
        fresh = {"Authorization": f"PVEAPIToken=new@pve!t1={token['value']}"}
        reader = Client(running["prod"], **fresh)
        rows = {row["vmid"]: row for row in await reader.get("/cluster/resources?type=vm")}
        assert (rows[500]["name"], rows[500]["tags"], rows[500]["status"]) == ("fresh", "new", "stopped")
        assert (rows[100]["status"], rows[101]["status"], 104 in rows) == ("stopped", "running", False)
        config = await reader.get("/nodes/pve1/lxc/500/config")
        assert (config["memory"], config["description"]) == (777, "kept\n")
        content = await reader.get("/nodes/pve1/storage/local/content")
        assert any(row["volid"].startswith("local:vztmpl/") for row in content)
        root = Client(running["prod"]).by("full")
        disks = await root.get("/nodes/pve1/storage/local/content?vmid=500")
        assert [row["size"] for row in disks] == [4 * 1024**3]
        assert (await reader.get(f"/nodes/pve1/tasks/{made}/status"))["exitstatus"] == "OK"
        assert [row["t"] for row in await reader.get(f"/nodes/pve1/tasks/{made}/log")][-1] == "TASK OK"
        assert {row["poolid"] for row in await root.get("/pools")} == {"p1"}
        assert [row["sid"] for row in await root.get("/cluster/ha/resources")] == ["ct:101"]
        by_ticket = Client(running["prod"], Cookie=f"PVEAuthCookie={ticket}")
        assert (await by_ticket.call("GET", "/version")).status == 200
        assert trust == (
            running["prod"].ca_fingerprint,
            [n.fingerprint for n in running["prod"].nodes.values()],
        )
        assert 0 <= running.estate.clock.now() - now < 60, "skipped time stays skipped"
        later = await write(root, "POST", "/nodes/pve1/lxc/100/status/start")
        assert later != made


async def test_a_task_under_way_is_lost_as_with_its_node(tmp_path: Path) -> None:
    async with started(tmp_path, SCENE, speed=0.001) as running:
        root = Client(running["prod"]).by("full")
        made = await write(root, "POST", "/nodes/pve1/lxc", CREATE)
        await root.get("/version")
    async with started(tmp_path) as running:
        root = Client(running["prod"]).by("full")
        assert (await root.get(f"/nodes/pve1/tasks/{made}/status"))["exitstatus"] == "unexpected status"
        assert (await root.get("/nodes/pve1/lxc/500/config"))["lock"] == "create"


async def test_faults_end_with_the_process_and_what_they_hid_is_there_again(tmp_path: Path) -> None:
    async with started(tmp_path, SCENE) as running:
        password, ca = running["prod"].root_password, running["prod"].ca_fingerprint
        prints = [node.fingerprint for node in running["prod"].nodes.values()]
        for name in ("password-changed", "user-disabled", "token-replaced", "ca-replaced", "quorum-lost"):
            running.fault(name)
        for name in ("certificate-expired", "node-down", "storage-full"):
            running.fault(name, node="pve2")
        assert Keeper(running.estate, tmp_path).save(), "and a kill at this moment would lose nothing either"
        assert running["prod"].ca_fingerprint != ca, "the trouble is still there"
    async with started(tmp_path) as running:
        client = Client(running["prod"])
        assert (await client.sign_in("root@pam", password)).status == 200
        assert (await client.by("auditor").call("GET", "/cluster/status")).status == 200
        assert running["prod"].ca_fingerprint == ca
        assert [node.fingerprint for node in running["prod"].nodes.values()] == prints
        assert await client.by("full").get("/nodes/pve2/status")


async def test_members_come_back_under_their_addresses(tmp_path: Path) -> None:
    async with started(tmp_path, SCENE) as running:
        addresses = {node.name: node.address for node in running["prod"].nodes.values()}
        running.fault("node-removed", node="pve2")
        running.fault("node-added", called="pve4")
    async with started(tmp_path) as running:
        assert list(running["prod"].nodes) == ["pve1", "pve3", "pve4"]
        assert running["prod"].nodes["pve3"].address == addresses["pve3"]
        assert {g.node.name for g in running.estate["prod"].guests.values()} == {"pve1", "pve3"}


def test_only_what_has_changed_is_written(tmp_path: Path) -> None:
    estate = Estate([SCENE], clock=StillClock())
    keeper = Keeper(estate, tmp_path)
    assert (keeper.save(), keeper.save()) == (True, False)
    estate["prod"].set_status(100, "stopped")
    assert keeper.save()
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / FILE).with_suffix(".new").exists()


def test_a_kept_estate_is_a_scene_to_play_and_to_print(tmp_path: Path) -> None:
    estate = Estate([SCENE])
    estate["prod"].set_status(100, "stopped")
    Keeper(estate, tmp_path).save()
    scenes = read_scene(tmp_path / FILE)
    assert Estate(scenes)["prod"].guests[100].status == "stopped"
    printed = tmp_path / "printed.toml"
    printed.write_text(write_scene(scenes), encoding="utf-8")
    assert Estate(read_scene(printed))["prod"].guests[100].status == "stopped"


def test_new_clusters_join_what_is_kept_and_known_ones_stay_as_they_are(tmp_path: Path) -> None:
    estate = Estate([SCENE])
    estate["prod"].remove(100)
    Keeper(estate, tmp_path).save()
    found = kept_scenes(tmp_path, [SCENE, ClusterScene.simple("lab", nodes=1)])
    assert found is not None
    both = Estate(found)
    assert list(both.clusters) == ["prod", "lab"]
    assert 100 not in both["prod"].guests
    assert kept_scenes(tmp_path / "nowhere") is None


@pytest.mark.parametrize("damage", ["{", '{"clusters":[{"name":"x"}]}', '{"clusters":3}'])
def test_a_damaged_file_is_told_with_a_way_out(tmp_path: Path, damage: str) -> None:
    (tmp_path / FILE).write_text(damage)
    with pytest.raises(SceneError, match="To start anew, remove that file"):
        kept_scenes(tmp_path)


def test_a_state_of_another_shape_is_told(tmp_path: Path) -> None:
    scene = msgspec.structs.replace(SCENE, state={"pools": 7})
    with pytest.raises(SceneError, match="kept state of cluster 'prod'"):
        Estate([scene])


def test_tasks_can_be_read_back_as_they_are() -> None:
    names = {field.name for field in dataclasses.fields(Task)}
    task = Task("pve1", 1, 2, 3, "vzstart", "100", "root@pam", 9, "OK", ["TASK OK"])
    kept = msgspec.json.decode(msgspec.json.encode(task))
    assert set(kept) == names
    assert msgspec.convert(kept, Task) == task
