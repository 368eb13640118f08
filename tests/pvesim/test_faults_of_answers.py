"""Answers, tasks and guests that go wrong, as a client sees it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pvesim import BadTarget, ClusterScene, Running
from tests.pvesim.client import Client, serving

TEMPLATE = "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst"
NEW = {"vmid": 300, "ostemplate": TEMPLATE, "rootfs": "local:1", "unprivileged": 1}


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with serving(ClusterScene.simple("prod", nodes=2, containers=4)) as found:
        yield found


def root(running: Running) -> Client:
    return Client(running["prod"]).by("full")


async def ended(client: Client, upid: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            state: dict[str, Any] = await client.get(f"/nodes/pve1/tasks/{upid}/status")
            if state["status"] == "stopped":
                return state
            await asyncio.sleep(0.01)


async def test_a_lost_answer_has_been_worth_its_work(running: Running) -> None:
    running.fault("answer-lost", node="pve1")
    lost = await root(running).call("POST", "/nodes/pve1/lxc", NEW)
    assert lost.status == 0, "nothing came back"
    assert 300 in running.estate["prod"].guests
    assert (await root(running).call("POST", "/nodes/pve1/lxc", {**NEW, "vmid": 301})).status == 200, (
        "once only"
    )


async def test_reads_are_not_lost_unless_they_are_meant(running: Running) -> None:
    running.fault("answer-lost", node="pve1")
    assert (await root(running).call("GET", "/version")).status == 200


async def test_an_answer_may_break_off_in_the_middle(running: Running) -> None:
    whole = await root(running).call("GET", "/cluster/resources")
    running.fault("answer-cut", node="pve1")
    cut = await root(running).call("GET", "/cluster/resources")
    assert len(cut.body) < len(whole.body)


async def test_a_dripping_answer_comes_whole_in_the_end(running: Running) -> None:
    running.fault("drip", node="pve1", seconds=0.001, path="/version")
    assert b'"version"' in (await root(running).call("GET", "/version")).body


@pytest.mark.parametrize("how", ["invalid-json", "not-json", "empty", "wrong-type", "huge", "header"])
async def test_rubbish_is_rubbish(running: Running, how: str) -> None:
    client = root(running)
    sound = await client.call("GET", "/nodes")
    running.fault("rubbish", node="pve1", how=how)
    spoilt = await client.call("GET", "/nodes")
    assert (spoilt.body, spoilt.reason) != (sound.body, sound.reason)
    running.clear("rubbish")
    assert json.loads((await client.call("GET", "/nodes")).body)["data"]


async def test_an_endless_answer_does_not_end(running: Running) -> None:
    running.fault("rubbish", node="pve1", how="endless", path="/nodes$")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(root(running).call("GET", "/nodes"), 0.5)


async def test_markup_stands_where_names_were(running: Running) -> None:
    running.fault("rubbish", node="pve1", how="markup", path="/cluster/resources")
    rows = await root(running).get("/cluster/resources?type=vm")
    assert all("<img" in row["name"] for row in rows)


async def test_a_path_a_count_and_a_probability_choose_the_answers(running: Running) -> None:
    client = root(running)
    running.fault("overloaded", node="pve1", path="GET /version$", count=2)
    assert [(await client.call("GET", "/version")).status for _ in range(3)] == [503, 503, 200]
    running.fault("overloaded", node="pve1", probability=0.5)
    seen = {(await client.call("GET", "/nodes")).status for _ in range(40)}
    assert seen == {200, 503}
    with pytest.raises(BadTarget):
        running.fault("overloaded", node="pve1", path="(")


@pytest.mark.parametrize(("how", "status"), [("fail", "no luck"), ("warn", "WARNINGS: 1")])
async def test_the_next_task_of_a_type_goes_wrong(running: Running, how: str, status: str) -> None:
    client = root(running)
    running.fault("task-trouble", node="pve1", how=how, type="vzstop", text="no luck")
    upid = json.loads((await client.call("POST", "/nodes/pve1/lxc/100/status/stop", {})).body)["data"]
    assert (await ended(client, upid))["exitstatus"] == status


async def test_a_hanging_task_ends_when_it_is_stopped(running: Running) -> None:
    client = root(running)
    running.fault("task-trouble", node="pve1", how="hang", type="vzstop")
    upid = json.loads((await client.call("POST", "/nodes/pve1/lxc/100/status/stop", {})).body)["data"]
    running.advance(600)
    assert (await client.get(f"/nodes/pve1/tasks/{upid}/status"))["status"] == "running"
    await client.call("DELETE", f"/nodes/pve1/tasks/{upid}")
    assert (await ended(client, upid))["exitstatus"].endswith("received interrupt")


async def test_a_full_storage_says_so_and_takes_nothing_more(running: Running) -> None:
    client = root(running)
    running.fault("storage-full", cluster="prod", storage="local")
    status = await client.get("/nodes/pve1/storage/local/status")
    assert status["used"] == status["total"]
    upid = json.loads((await client.call("POST", "/nodes/pve1/lxc", NEW)).body)["data"]
    assert "No space left on device" in (await ended(client, upid))["exitstatus"]


async def test_somebody_else_takes_the_vmid(running: Running) -> None:
    client = root(running)
    running.fault("vmid-taken")
    taken = await client.call("POST", "/nodes/pve1/lxc", NEW)
    assert taken.status == 500
    assert taken.reason.endswith("CT 300 already exists on node 'pve1'")
    assert (await client.call("POST", "/nodes/pve1/lxc", {**NEW, "vmid": 301})).status == 200


async def test_somebody_else_moves_renames_locks_and_destroys(running: Running) -> None:
    client = root(running)
    running.fault("guest-moved", vmid=100, to="pve2")
    assert (await client.call("GET", "/nodes/pve1/lxc/100/config")).status == 500
    running.fault("guest-renamed", vmid=100, called="other")
    assert (await client.get("/nodes/pve2/lxc/100/config"))["hostname"] == "other"
    running.fault("guest-locked", vmid=100, lock="backup")
    refused = await client.call("PUT", "/nodes/pve2/lxc/100/config", {"memory": 600})
    assert refused.reason == "CT is locked (backup)"
    running.clear("guest-locked")
    running.fault("guest-destroyed", vmid=100)
    assert (await client.call("GET", "/nodes/pve2/lxc/100/config")).status == 500


async def test_power_cut_and_back(running: Running) -> None:
    client = Client(running["prod"], "pve2").by("full")
    running.fault("power-cut", node="pve1", how="refused")
    assert (await client.call("GET", "/nodes/pve1/status")).status == 595
    running.clear("power-cut")
    assert (await client.get("/nodes/pve1/lxc/100/status/current"))["status"] == "stopped"


async def test_a_node_reboots_when_it_is_told_to(running: Running) -> None:
    there = Client(running["prod"], "pve2").by("full")
    assert (await there.call("POST", "/nodes/pve1/status", {"command": "reboot"})).status == 200
    for _ in range(4):  # its guests are stopped first
        running.advance(0.5)
        await there.call("GET", "/version")
    assert (await there.call("GET", "/nodes/pve1/status")).status == 595
    with pytest.raises(OSError, match="Connect"):
        await root_at(running, "pve1").call("GET", "/version")
    running.advance(60)
    await there.call("GET", "/version")
    assert (await root_at(running, "pve1").call("GET", "/version")).status == 200


def root_at(running: Running, node: str) -> Client:
    return Client(running["prod"], node).by("full")


async def test_figures_of_the_past_are_there_at_every_resolution(running: Running) -> None:
    client = root(running)
    for frame, count in (("hour", 60), ("day", 1440), ("week", 336)):
        rows = await client.get(f"/nodes/pve1/rrddata?timeframe={frame}")
        assert len(rows) == count
        assert all(0 <= row["cpu"] <= 1 for row in rows if "cpu" in row)
    rows = await client.get("/nodes/pve1/lxc/100/rrddata?timeframe=hour")
    assert rows[-1]["maxmem"] == running.estate["prod"].guests[100].memory
