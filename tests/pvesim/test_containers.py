"""The life of a container through the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pvesim import ClusterScene, StorageScene
from tests.pvesim.client import Client, serving

TEMPLATE = "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst"
BARE = {"vmid": 300, "ostemplate": TEMPLATE, "rootfs": "local:4", "unprivileged": 1}


@pytest.fixture
async def root() -> AsyncIterator[Client]:
    scene = ClusterScene.simple("prod", nodes=2, containers=2)
    async with serving(scene) as running:
        yield Client(running["prod"]).by("full")


async def done(client: Client, upid: Any) -> dict[str, Any]:
    """Waits for the end of a task; its status."""
    node = str(upid).split(":")[1]
    async with asyncio.timeout(10):
        while True:
            state: dict[str, Any] = await client.get(f"/nodes/{node}/tasks/{upid}/status")
            if state["status"] == "stopped":
                return state
            await asyncio.sleep(0.01)


async def post(client: Client, path: str, given: dict[str, Any] | None = None, verb: str = "POST") -> Any:
    """The data of a successful call, its task waited for."""
    answer = await client.call(verb, path, given or {})
    assert answer.status == 200, answer.reason
    data = json.loads(answer.body)["data"]
    return await done(client, data) if str(data).startswith("UPID:") else data


async def make(client: Client, **more: Any) -> dict[str, Any]:
    state: dict[str, Any] = await post(client, "/nodes/pve1/lxc", {**BARE, **more})
    return state


async def test_a_container_is_made_from_a_template(root: Client) -> None:
    state = await make(
        root,
        hostname="web",
        memory=1024,
        net0="name=eth0,bridge=vmbr0,ip=dhcp",
        tags="web,prod",
        description="x",
    )
    assert state["exitstatus"] == "OK"
    config = await root.get("/nodes/pve1/lxc/300/config")
    assert config["hostname"] == "web"
    assert config["memory"] == 1024
    assert config["rootfs"] == "local:300/vm-300-disk-0.raw,size=4G"
    assert config["tags"] == "prod;web"
    assert config["description"] == "x\n"
    assert config["net0"].startswith("name=eth0,bridge=vmbr0,hwaddr=BC:24:11:")
    log = await root.get(f"/nodes/pve1/tasks/{state['upid']}/log")
    assert log[-1]["t"] == "TASK OK"
    assert any(line["t"].startswith("extracting archive") for line in log)


async def test_its_vmid_is_taken_from_the_call_on() -> None:
    async with serving(ClusterScene.simple("prod", nodes=2, containers=0), speed=0.01) as running:
        root = Client(running["prod"]).by("full")
        answer = await root.call("POST", "/nodes/pve1/lxc", BARE)
        upid = json.loads(answer.body)["data"]
        config = await root.get("/nodes/pve1/lxc/300/config")
        assert config.keys() == {"lock", "digest"}
        again = await root.at("pve2").call("POST", "/nodes/pve2/lxc", BARE)
        assert again.status == 500
        assert again.reason.endswith("CT 300 already exists on node 'pve1'")
        running.advance(1000)
        assert (await done(root, upid))["exitstatus"] == "OK"


async def test_start_with_the_creation_is_a_task_of_its_own(root: Client) -> None:
    await make(root, start=1)
    async with asyncio.timeout(10):
        while (await root.get("/nodes/pve1/lxc/300/status/current"))["status"] != "running":
            await asyncio.sleep(0.01)
    types = [row["type"] for row in await root.get("/nodes/pve1/tasks?source=all&vmid=300")]
    assert types == ["vzstart", "vzcreate"]


async def test_a_missing_template_shows_only_in_the_task_and_leaves_nothing(root: Client) -> None:
    state = await make(root, ostemplate="local:vztmpl/nope.tar.gz")
    assert state["exitstatus"] == "unable to create CT 300 - volume 'local:vztmpl/nope.tar.gz' does not exist"
    gone = await root.call("GET", "/nodes/pve1/lxc/300/config")
    assert gone.reason == "Configuration file 'nodes/pve1/lxc/300.conf' does not exist"
    assert await root.get("/nodes/pve1/storage/local/content?vmid=300") == []


@pytest.mark.parametrize(
    ("given", "status", "reason"),
    [
        ({"rootfs": "nope:4"}, 500, "storage 'nope' does not exist"),
        ({"rootfs": "local:abc"}, 500, "unable to parse directory volume name 'abc'"),
        ({"pool": "nope"}, 500, "pool 'nope' does not exist"),
        ({"ostemplate": "nope:vztmpl/x.tar.gz"}, 500, "storage 'nope' does not exist"),
        ({"features": "keyctl=1"}, 403, "Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)"),
        ({"vmid": 100}, 500, "CT 100 already exists on node 'pve1'"),
        ({"hostname": "a_b"}, 400, "Parameter verification failed."),
    ],
)  # fmt: skip
async def test_what_fails_at_once(root: Client, given: dict[str, Any], status: int, reason: str) -> None:
    answer = await root.call("POST", "/nodes/pve1/lxc", {**BARE, **given})
    assert (answer.status, answer.reason) == (status, reason)


async def test_stopped_creation_takes_everything_away_again() -> None:
    async with serving(ClusterScene.simple("prod", nodes=1, containers=0), speed=1) as running:
        root = Client(running["prod"]).by("full")
        answer = await root.call("POST", "/nodes/pve1/lxc", BARE)
        upid = json.loads(answer.body)["data"]
        running.advance(0.5)
        assert (await root.call("DELETE", f"/nodes/pve1/tasks/{upid}")).status == 200
        state = await root.get(f"/nodes/pve1/tasks/{upid}/status")
        assert state["exitstatus"].startswith("unable to create CT 300 - command 'lxc-usernsexec")
        assert state["exitstatus"].endswith("received interrupt")
        assert not running.estate["prod"].guests
        assert await root.get("/nodes/pve1/storage/local/content?vmid=300") == []


async def test_power_follows_the_verbs(root: Client) -> None:
    await make(root)
    at = "/nodes/pve1/lxc/300/status"
    assert (await post(root, f"{at}/start"))["exitstatus"] == "OK"
    assert (await root.call("POST", f"{at}/start")).reason == "CT 300 already running"
    assert (await root.get(f"{at}/current"))["status"] == "running"
    assert (await post(root, f"{at}/shutdown"))["exitstatus"] == "OK"
    assert (await root.call("POST", f"{at}/stop")).reason == "CT 300 not running"


async def test_a_bridge_that_does_not_exist_shows_at_the_start(root: Client) -> None:
    assert (await make(root, net0="name=eth0,bridge=vmbr77"))["exitstatus"] == "OK"
    assert (await post(root, "/nodes/pve1/lxc/300/status/start"))[
        "exitstatus"
    ] == "bridge 'vmbr77' does not exist"


async def test_a_configuration_is_changed_under_its_digest(root: Client) -> None:
    at = "/nodes/pve1/lxc/100/config"
    digest = (await root.get(at))["digest"]
    assert await post(root, at, {"memory": 777, "digest": digest}, "PUT") is None
    assert (await root.get(at))["memory"] == 777
    stale = await root.call("PUT", at, {"memory": 778, "digest": digest})
    assert stale.reason.startswith("detected modified configuration")
    assert (await root.call("PUT", at, {"unprivileged": 0})).reason == (
        "unable to modify read-only option: 'unprivileged'"
    )
    assert (await root.get("/nodes/pve1/lxc/100/status/current"))["maxmem"] == 777 * 1024**2


async def test_a_mount_point_comes_and_goes_with_its_volume(root: Client) -> None:
    at = "/nodes/pve1/lxc/100/config"
    await post(root, at, {"mp0": "local:2,mp=/data"}, "PUT")
    config = await root.get(at)
    assert config["mp0"] == "local:100/vm-100-disk-1.raw,mp=/data,size=2G"
    await post(root, "/nodes/pve1/lxc/100/status/stop")  # while it runs, that would wait
    await post(root, at, {"delete": "mp0"}, "PUT")
    config = await root.get(at)
    assert config["unused0"] == "local:100/vm-100-disk-1.raw"
    assert "mp0" not in config
    await post(root, at, {"delete": "unused0"}, "PUT")
    assert "unused0" not in await root.get(at)


async def test_destroying_asks_first_whether_it_runs_or_is_protected(root: Client) -> None:
    at = "/nodes/pve1/lxc/100"
    assert (await root.call("DELETE", at)).reason == "unable to destroy CT 100 - container is running"
    await post(root, f"{at}/config", {"protection": 1}, "PUT")
    assert (
        await root.call("DELETE", f"{at}?force=1")
    ).reason == "can't remove CT 100 - protection mode enabled"
    await post(root, f"{at}/config", {"protection": 0}, "PUT")
    answer = await root.call("DELETE", f"{at}?force=1&purge=1")
    state = await done(root, json.loads(answer.body)["data"])
    assert state["exitstatus"] == "OK"
    assert (await root.call("GET", f"{at}/config")).status == 500


async def test_without_quorum_nothing_is_made() -> None:
    async with serving(ClusterScene.simple("prod", nodes=3, containers=1)) as running:
        root = Client(running["prod"]).by("full")
        running.fault("quorum-lost")
        answer = await root.call("POST", "/nodes/pve1/lxc", BARE)
        assert (answer.status, answer.reason) == (500, "cluster not ready - no quorum?")


async def test_a_full_storage_shows_in_the_task(root: Client) -> None:
    root.cluster.state.nodes["pve1"].full_storages.add("local")
    state = await make(root)
    assert "No space left on device" in state["exitstatus"]
    assert await root.get("/nodes/pve1/storage/local/content?vmid=300") == []


async def test_other_storages_name_their_volumes_their_own_way() -> None:
    scene = ClusterScene.simple("prod", nodes=1, containers=0)
    thin = StorageScene(name="thin", type="lvmthin", content=["rootdir", "images"])
    tank = StorageScene(name="tank", type="zfspool", content=["rootdir", "images"])
    both = ClusterScene(name="prod", nodes=scene.nodes, storages=[*scene.storages, thin, tank])
    async with serving(both) as running:
        root = Client(running["prod"]).by("full")
        await make(root, rootfs="thin:4", mp0="tank:1,mp=/data")
        config = await root.get("/nodes/pve1/lxc/300/config")
        assert config["rootfs"] == "thin:vm-300-disk-0,size=4G"
        assert config["mp0"] == "tank:subvol-300-disk-0,mp=/data,size=1G"


async def test_starts_wait_for_the_lock_and_give_up_in_the_end() -> None:
    async with serving(ClusterScene.simple("prod", nodes=1, containers=0), speed=1) as running:
        root = Client(running["prod"]).by("full")
        await root.call("POST", "/nodes/pve1/lxc", BARE)
        running.advance(0.3)
        waiting = json.loads((await root.call("POST", "/nodes/pve1/lxc/300/status/start")).body)["data"]
        running.advance(0.1)
        assert (await root.get(f"/nodes/pve1/tasks/{waiting}/status"))["status"] == "running"
        running.advance(20)
        assert (await root.get(f"/nodes/pve1/tasks/{waiting}/status"))["exitstatus"] == "OK"
        assert running.estate["prod"].guests[300].running


async def test_a_backup_is_restored_under_another_vmid(root: Client) -> None:
    await make(root, memory=640, tags="prod")
    state = await post(root, "/nodes/pve1/vzdump", {"vmid": 300, "storage": "local", "mode": "stop"})
    assert state["exitstatus"] == "OK"
    [backup] = await root.get("/nodes/pve1/storage/local/content?content=backup")
    assert backup["vmid"] == 300
    given = {"vmid": 301, "ostemplate": backup["volid"], "restore": 1, "hostname": "copy"}
    assert (await post(root, "/nodes/pve1/lxc", given))["exitstatus"] == "OK"
    config = await root.get("/nodes/pve1/lxc/301/config")
    assert (config["memory"], config["hostname"], config["tags"]) == (640, "copy", "prod")
    assert config["rootfs"] == "local:301/vm-301-disk-0.raw,size=4G"
    answer = await root.call(
        "DELETE", f"/nodes/pve1/storage/local/content/{backup['volid'].replace('/', '%2F')}"
    )
    assert (await done(root, json.loads(answer.body)["data"]))["exitstatus"] == "OK"
    assert await root.get("/nodes/pve1/storage/local/content?content=backup") == []


async def test_a_snapshot_is_taken_and_rolled_back_to_where_the_storage_can() -> None:
    thin = StorageScene(name="thin", type="lvmthin", content=["rootdir", "images"])
    scene = ClusterScene.simple("prod", nodes=1, containers=0)
    async with serving(
        ClusterScene(name="prod", nodes=scene.nodes, storages=[*scene.storages, thin])
    ) as running:
        root = Client(running["prod"]).by("full")
        await make(root, rootfs="thin:4", memory=512)
        at = "/nodes/pve1/lxc/300"
        assert (await post(root, f"{at}/snapshot", {"snapname": "before"}))["exitstatus"] == "OK"
        await post(root, f"{at}/config", {"memory": 2048}, "PUT")
        assert (await post(root, f"{at}/snapshot/before/rollback"))["exitstatus"] == "OK"
        assert (await root.get(f"{at}/config"))["memory"] == 512
        assert [each["name"] for each in await root.get(f"{at}/snapshot")] == ["before", "current"]


async def test_a_running_container_moves_by_stopping_and_starting_again(root: Client) -> None:
    refused = await root.call("POST", "/nodes/pve1/lxc/100/migrate", {"target": "pve2"})
    assert refused.reason == "can't migrate running container without --online or --restart"
    state = await post(root, "/nodes/pve1/lxc/100/migrate", {"target": "pve2", "restart": 1})
    assert state["exitstatus"] == "OK"
    assert (await root.get("/nodes/pve2/lxc/100/status/current"))["status"] == "running"
    assert (await root.call("GET", "/nodes/pve1/lxc/100/config")).status == 500


async def test_a_pool_holds_guests_until_it_is_empty(root: Client) -> None:
    await post(root, "/pools", {"poolid": "web", "comment": "c"})
    await post(root, "/pools", {"poolid": "web", "vms": "100"}, "PUT")
    [pool] = await root.get("/pools?poolid=web")
    assert [member["vmid"] for member in pool["members"]] == [100]
    refused = await root.call("DELETE", "/pools?poolid=web")
    assert refused.reason == "delete pool failed: pool 'web' is not empty (contains VM 100)"
    await post(root, "/pools", {"poolid": "web", "vms": "100", "delete": 1}, "PUT")
    assert (await root.call("DELETE", "/pools?poolid=web")).status == 200
