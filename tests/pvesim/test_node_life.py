"""Nodes die and come back, with what was going on there."""

from __future__ import annotations

from typing import Any

from pvesim.nodelife import boot, power_cut
from pvesim.tasks import LOST
from tests.pvesim.direct import Direct, container

TEMPLATE = "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst"


def creating() -> tuple[Direct, str]:
    """Container 300 is being made on pve3 when its power is cut."""
    prod = Direct(container(100, "pve3", status="running"), container(101, "pve3", onboot=True))
    path = "/nodes/pve3/lxc"
    task = prod.begun("POST", path, vmid=300, ostemplate=TEMPLATE, rootfs="local:1")
    prod.later(0.5)
    power_cut(prod.cluster.nodes["pve3"])
    prod.later(60)
    return prod, task.upid


def broadcast(prod: Direct, upid: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in prod.get("/cluster/tasks") if row["upid"] == upid)
    return found


def test_while_the_node_is_down_the_cluster_has_the_task_running() -> None:
    prod, upid = creating()
    assert "endtime" not in broadcast(prod, upid)
    assert prod.get("/cluster/resources", type="vm")[-1]["lock"] == "create"
    text = prod.refused("POST", "/nodes/pve1/lxc", vmid=300, ostemplate=TEMPLATE)
    assert text == "CT 300 already exists on node 'pve3'"


def test_back_again_the_task_is_lost_and_the_lists_notice_late() -> None:
    prod, upid = creating()
    boot(prod.cluster.nodes["pve3"])
    state = prod.get(f"/nodes/pve3/tasks/{upid}/status")
    assert (state["status"], state["exitstatus"]) == ("stopped", LOST)
    assert prod.get("/nodes/pve3/tasks", source="active")[0]["status"] == "RUNNING"
    prod.later(10)
    assert prod.get("/nodes/pve3/tasks", source="active") == []
    assert broadcast(prod, upid)["status"] == LOST


def test_a_node_that_dies_again_at_once_loses_its_tasks_once() -> None:
    prod, upid = creating()
    node = prod.cluster.nodes["pve3"]
    boot(node)
    prod.later(1)
    power_cut(node)
    boot(node)
    prod.later(30)
    assert [task.upid for task in node.tasks.all() if task.status == LOST].count(upid) == 1
    assert not node.tasks.active


def test_back_again_locks_and_half_made_disks_are_still_there() -> None:
    prod, _ = creating()
    boot(prod.cluster.nodes["pve3"])
    assert set(prod.get("/nodes/pve3/lxc/300/config")) == {"lock", "digest"}
    assert prod.volumes(300) == {("pve3", "local:300/vm-300-disk-0.raw")}
    assert prod.refused("DELETE", "/nodes/pve3/lxc/300", force=1) == "CT is locked (create)"


def test_back_again_only_those_that_start_with_the_node_run() -> None:
    prod, _ = creating()
    assert prod.cluster.guests[100].running  # as far as anybody knows
    boot(prod.cluster.nodes["pve3"])
    prod.later(10)
    assert not prod.cluster.guests[100].running
    assert prod.cluster.guests[101].running
    types = {task.type for task in prod.cluster.nodes["pve3"].tasks.all()}
    assert {"startall", "vzstart"} <= types


def test_until_pvestatd_goes_round_a_booted_node_is_unknown() -> None:
    prod = Direct(container(100, "pve3"), lag=10)
    power_cut(prod.cluster.nodes["pve3"])
    prod.later(30)
    boot(prod.cluster.nodes["pve3"])
    rows = {row["id"]: row for row in prod.get("/cluster/resources")}
    assert rows["node/pve3"]["status"] == "unknown"
    assert rows["lxc/100"]["status"] == "unknown"
    assert "name" not in rows["lxc/100"]
    assert prod.get("/nodes/pve3/status")["uptime"] < 5
    prod.later(16)
    rows = {row["id"]: row for row in prod.get("/cluster/resources")}
    assert rows["node/pve3"]["status"] == "online"
    assert rows["lxc/100"]["status"] == "stopped"
