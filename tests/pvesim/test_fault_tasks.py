"""Faults that meddle with tasks and storages: what the task list, the guest and the figures say."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from pvesim import ClusterScene, Running, StorageScene
from tests.pvesim.client import Client, serving

SCENE = ClusterScene.simple("prod", nodes=2, containers=4)
CREATE = {
    "vmid": 500,
    "ostemplate": "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst",
    "rootfs": "local:4",
}


async def upid(client: Client, path: str, given: dict[str, Any] | None = None) -> str:
    answer = await client.call("POST", path, given or {})
    assert answer.status == 200, answer.reason
    return str(json.loads(answer.body)["data"])


async def state(client: Client, task: str) -> dict[str, Any]:
    found: dict[str, Any] = await client.get(f"/nodes/{task.split(':')[1]}/tasks/{task}/status")
    return found


async def ended(running: Running, client: Client, task: str) -> str:
    """The exit status after an hour."""
    await state(client, task)
    running.advance(3600)
    return str((await state(client, task)).get("exitstatus", "running"))


async def test_a_task_fails_in_mid_work_and_cleans_up() -> None:
    async with serving(SCENE, speed=1.0) as running:
        client = Client(running["prod"]).by("full")
        running.fault("task-trouble", how="fail", type="vzcreate", text="disk on fire")
        task = await upid(client, "/nodes/pve1/lxc", CREATE)
        assert await ended(running, client, task) == "unable to create CT 500 - disk on fire"
        assert 500 not in running.estate["prod"].guests
        again = await upid(client, "/nodes/pve1/lxc", CREATE)
        assert await ended(running, client, again) == "OK", "only the next one was to fail"


async def test_a_task_of_another_type_is_left_alone() -> None:
    async with serving(SCENE, speed=1.0) as running:
        client = Client(running["prod"]).by("full")
        active = running.fault("task-trouble", how="fail", type="^vzstart 101$")
        assert await ended(running, client, await upid(client, "/nodes/pve1/lxc/100/status/stop")) == "OK"
        assert await ended(running, client, await upid(client, "/nodes/pve2/lxc/101/status/stop")) == "OK"
        assert active.hits == 0
        started = await upid(client, "/nodes/pve2/lxc/101/status/start")
        assert await ended(running, client, started) == "something broke"


async def test_a_task_warns_and_succeeds() -> None:
    async with serving(SCENE, speed=1.0) as running:
        client = Client(running["prod"]).by("full")
        running.fault("task-trouble", how="warn", text="something is odd")
        task = await upid(client, "/nodes/pve1/lxc/100/status/stop")
        assert await ended(running, client, task) == "WARNINGS: 1"
        log = [row["t"] for row in await client.get(f"/nodes/pve1/tasks/{task}/log")]
        assert (log[-2], log[-1]) == ("WARN: something is odd", "TASK WARNINGS: 1")
        assert running.estate["prod"].guests[100].status == "stopped"


async def test_a_hanging_task_goes_on_when_the_fault_ends_or_can_be_stopped() -> None:
    async with serving(SCENE, speed=1.0) as running:
        client = Client(running["prod"]).by("full")
        running.fault("task-trouble", how="hang", type="vzcreate", count=2)
        one = await upid(client, "/nodes/pve1/lxc", CREATE)
        two = await upid(client, "/nodes/pve2/lxc", {**CREATE, "vmid": 501})
        assert [await ended(running, client, each) for each in (one, two)] == ["running", "running"]
        assert (await client.call("DELETE", f"/nodes/pve1/tasks/{one}")).status == 200
        running.advance(60)
        assert (await state(client, one))["exitstatus"].endswith("received interrupt")
        running.clear("task-trouble")
        assert await ended(running, client, two) == "OK"


async def test_a_killed_task_leaves_its_lock_behind() -> None:
    async with serving(SCENE, speed=1.0) as running:
        client = Client(running["prod"]).by("full")
        running.fault("task-killed", type="vzcreate")
        task = await upid(client, "/nodes/pve1/lxc", CREATE)
        assert await ended(running, client, task) == "unexpected status"
        assert (await client.get("/nodes/pve1/lxc/500/config"))["lock"] == "create"
        assert (await client.call("DELETE", "/nodes/pve1/lxc/500")).reason == "CT is locked (create)"


async def test_a_task_can_take_its_node_with_it() -> None:
    async with serving(SCENE, speed=1.0) as running:
        client = Client(running["prod"], "pve2").by("full")
        running.fault("task-killed", node="pve1", type="vzcreate", by="power-cut")
        task = await upid(client, "/nodes/pve1/lxc", CREATE)
        running.advance(60)
        rows = {row["node"]: row["status"] for row in await client.get("/nodes")}
        assert rows == {"pve1": "offline", "pve2": "online"}
        address = running["prod"].nodes["pve1"].address
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.open_connection(address, 8006), 0.2)
        running.clear()
        assert (await state(client.at("pve1"), task))["exitstatus"] == "unexpected status"
        assert (await client.at("pve1").get("/nodes/pve1/lxc/500/config"))["lock"] == "create"


async def test_a_full_storage_says_so_in_its_figures_and_in_tasks() -> None:
    async with serving(SCENE, speed=1.0) as running:
        client = Client(running["prod"]).by("full")
        running.fault("storage-full", node="pve1")
        full = await client.get("/nodes/pve1/storage/local/status")
        assert (full["avail"], full["used"]) == (0, full["total"])
        rows = {row["id"]: row for row in await client.get("/cluster/resources?type=storage")}
        assert rows["storage/pve1/local"]["disk"] == rows["storage/pve1/local"]["maxdisk"]
        assert rows["storage/pve2/local"]["disk"] < rows["storage/pve2/local"]["maxdisk"]
        task = await upid(client, "/nodes/pve1/lxc", CREATE)
        assert "No space left on device" in await ended(running, client, task)
        running.fault("storage-full", node="pve1")
        running.clear(running.faults[0])
        assert (await client.get("/nodes/pve1/storage/local/status"))["avail"] == 0, "the other still holds"
        running.clear()
        assert (await client.get("/nodes/pve1/storage/local/status"))["avail"] > 0


async def test_an_inactive_storage_is_seen_and_nothing_starts_on_it() -> None:
    nas = StorageScene(name="nas", type="nfs", shared=True)
    scene = ClusterScene.simple("prod", nodes=2, containers=2)
    scene = ClusterScene(name="prod", nodes=scene.nodes, guests=scene.guests, storages=[*scene.storages, nas])
    async with serving(scene, speed=1.0) as running:
        client = Client(running["prod"]).by("full")
        running.fault("storage-inactive", storage="nas", node="pve1")
        rows = {row["storage"]: row for row in await client.get("/nodes/pve1/storage")}
        assert (rows["nas"]["enabled"], rows["nas"]["active"], rows["nas"]["total"]) == (1, 0, 0)
        listed = {row["id"]: row["status"] for row in await client.get("/cluster/resources?type=storage")}
        assert (listed["storage/pve1/nas"], listed["storage/pve2/nas"]) == ("unknown", "available")
        answer = await client.call("GET", "/nodes/pve1/storage/nas/content")
        assert (answer.status, answer.reason) == (500, "storage 'nas' is not online")
        running.fault("storage-inactive", storage="local", node="pve1")
        await upid(client, "/nodes/pve1/lxc/100/status/stop")
        running.advance(60)
        task = await upid(client, "/nodes/pve1/lxc/100/status/start")
        assert (await ended(running, client, task)).startswith("unable to activate storage 'local'")
        running.clear()
        task = await upid(client, "/nodes/pve1/lxc/100/status/start")
        assert await ended(running, client, task) == "OK"


async def test_a_hung_storage_holds_lists_and_tasks_and_blinds_the_node() -> None:
    async with serving(SCENE, speed=1.0) as running:
        client = Client(running["prod"]).by("full")
        running.fault("storage-hung", node="pve1")
        for path in ("/nodes/pve1/storage", "/nodes/pve1/storage/local/content"):
            answer = await client.call("GET", path)
            assert (answer.status, answer.reason) == (596, "Connection timed out")
        assert await client.get("/nodes/pve2/storage")
        task = await upid(client, "/nodes/pve1/lxc/100/status/stop")
        assert await ended(running, client, task) == "running"
        rows = {row["id"]: row["status"] for row in await client.get("/cluster/resources")}
        assert (rows["node/pve1"], rows["lxc/100"], rows["lxc/101"]) == ("unknown", "unknown", "running")
        assert (await client.get("/nodes/pve1/status"))["uptime"] > 0
        running.clear()
        assert await ended(running, client, task) == "OK"
        rows = {row["id"]: row["status"] for row in await client.get("/cluster/resources")}
        assert (rows["node/pve1"], rows["lxc/100"]) == ("online", "stopped")
