"""Many guests at once."""

from __future__ import annotations

import pytest

from pvesim.errors import ApiError
from pvesim.nodelife import power_cut
from tests.pvesim.direct import Direct, container

ALL = "/nodes/pve1"


def order(prod: Direct, kind: str, node: str = "pve1") -> list[str]:
    """Whose tasks of that type were begun, in that order."""
    return [task.id for task in reversed(prod.cluster.nodes[node].tasks.all()) if task.type == kind]


def test_only_those_that_start_with_the_node_are_started() -> None:
    prod = Direct(container(100), container(101, onboot=True), container(102, template=True, onboot=True))
    task = prod.task("POST", f"{ALL}/startall")
    assert (task.type, task.id, task.status) == ("startall", "", "OK")
    assert order(prod, "vzstart") == ["101"]


def test_force_starts_all_and_vms_chooses() -> None:
    prod = Direct(container(100), container(101), container(102))
    prod.task("POST", f"{ALL}/startall", force=1, vms="100,102")
    assert [guest.running for guest in prod.cluster.guests.values()] == [True, False, True]


def test_startup_decides_the_order_and_stopping_goes_backwards() -> None:
    prod = Direct(
        container(100, onboot=True, config={"startup": "order=2"}),
        container(101, onboot=True, config={"startup": "order=1"}),
        container(102, onboot=True),
    )
    prod.task("POST", f"{ALL}/startall")
    assert order(prod, "vzstart") == ["101", "100", "102"]
    prod.task("POST", f"{ALL}/stopall", max_workers=1)
    assert order(prod, "vzshutdown") == ["102", "100", "101"]
    assert not any(guest.running for guest in prod.cluster.guests.values())


def test_all_move_to_another_node_running_ones_by_restart() -> None:
    prod = Direct(container(100, storage="nfs", status="running"), container(101, storage="nfs"))
    task = prod.task("POST", f"{ALL}/migrateall", target="pve2", max_workers=2)
    assert task.status == "OK"
    moved = {vmid: (guest.node.name, guest.running) for vmid, guest in prod.cluster.guests.items()}
    assert moved == {100: ("pve2", True), 101: ("pve2", False)}


def test_moving_all_needs_to_know_how_many_at_a_time_and_where_to() -> None:
    prod = Direct(container(100))
    text = "either 'maxworkers' parameter or max_workers in datacenter.cfg must be set!"
    assert prod.refused("POST", f"{ALL}/migrateall", target="pve2") == text
    assert prod.refused("POST", f"{ALL}/migrateall", target="nope") == "no such cluster node 'nope'"
    with pytest.raises(ApiError) as refusal:
        prod.call("POST", f"{ALL}/migrateall", target="pve1")
    assert refusal.value.errors == {"target": "target is local node."}


def test_one_that_fails_does_not_keep_the_others() -> None:
    prod = Direct(container(100, config={"net0": "name=eth0,bridge=vmbr7,type=veth"}, onboot=True),
                  container(101, onboot=True))  # fmt: skip
    task = prod.task("POST", f"{ALL}/startall")
    assert prod.cluster.guests[101].running
    assert "Starting CT 100 failed: bridge 'vmbr7' does not exist" in task.log


def test_a_bulk_action_goes_through_the_whole_cluster() -> None:
    prod = Direct(container(100), container(101, "pve2"))
    task = prod.task("POST", "/cluster/bulk-action/guest/start", vms=["100", "101"])
    assert (task.type, task.status, task.node) == ("bulk-start", "OK", "pve1")
    assert order(prod, "vzstart", "pve2") == ["101"]
    task = prod.task("POST", "/cluster/bulk-action/guest/shutdown")
    assert task.type == "bulk-shutdown"
    assert not any(guest.running for guest in prod.cluster.guests.values())


def test_a_bulk_action_tells_who_failed() -> None:
    prod = Direct(container(100, config={"net0": "name=eth0,bridge=vmbr7,type=veth"}), container(101))
    task = prod.task("POST", "/cluster/bulk-action/guest/start")
    assert task.status == "Some guests failed to start: 100"


def test_a_bulk_migration_moves_managed_guests_by_asking() -> None:
    prod = Direct(container(100, storage="nfs", status="running"), container(101, storage="nfs"))
    prod.call("POST", "/cluster/ha/resources", sid="ct:100")
    prod.later(30)
    prod.task("POST", "/cluster/bulk-action/guest/migrate", target="pve2", online=1)
    assert "hamigrate" in [task.type for task in prod.cluster.nodes["pve1"].tasks.all()]
    prod.later(60)
    assert {guest.node.name for guest in prod.cluster.guests.values()} == {"pve2"}


def test_a_bulk_migration_restarts_nothing_unless_allowed_to() -> None:
    prod = Direct(container(100, storage="nfs", status="running"), container(101, storage="nfs"),
                  container(102, "pve2", storage="nfs"))  # fmt: skip
    task = prod.task("POST", "/cluster/bulk-action/guest/migrate", target="pve2")
    assert task.status == "Some guests failed to migrate 100"
    assert "WARN: can't migrate running container without --online or --restart" in task.log
    assert "WARN: CT 102 already on pve2, skipping." in task.log
    assert {vmid: guest.node.name for vmid, guest in prod.cluster.guests.items()} == {
        100: "pve1", 101: "pve2", 102: "pve2",
    }  # fmt: skip


def test_what_needs_nothing_done_is_a_warning_of_a_bulk_action() -> None:
    prod = Direct(container(100, status="running"), container(101))
    task = prod.task("POST", "/cluster/bulk-action/guest/start")
    assert (task.status, task.log[1]) == ("WARNINGS: 1", "WARN: Skipping CT 100, already running.")


def test_guests_of_a_dead_node_are_not_reached_by_a_bulk_action() -> None:
    prod = Direct(container(100, "pve2"), container(101))
    power_cut(prod.cluster.nodes["pve2"])
    prod.later(20)
    task = prod.task("POST", "/cluster/bulk-action/guest/start")
    assert task.status == "Some guests failed to start: 100"
    assert "WARN: 595 No route to host" in task.log
    assert [guest.running for guest in prod.cluster.guests.values()] == [False, True]
    assert order(prod, "vzstart", "pve2") == []


def test_a_bulk_action_does_not_wait_for_a_node_that_dies_meanwhile() -> None:
    prod = Direct(container(100, "pve2", status="running"))
    task = prod.begun("POST", "/cluster/bulk-action/guest/shutdown")
    prod.later(1)
    power_cut(prod.cluster.nodes["pve2"])
    assert prod.ended(task).status == "Some guests failed to shutdown 100"
    assert "WARN: Stopping CT 100 failed: could not query task status" in task.log


def test_the_next_in_order_wait_until_the_first_are_done() -> None:
    prod = Direct(
        container(100, status="running", config={"startup": "order=1"}),
        container(101, status="running", config={"startup": "order=2"}),
    )
    prod.begun("POST", f"{ALL}/stopall", max_workers=4)
    prod.later(1.5)
    assert order(prod, "vzshutdown") == ["101"]


def test_rights_are_needed_on_each_or_on_all() -> None:
    prod = Direct(container(100), container(101))
    prod.cluster.identity.grant("/vms/100", "user", "watch@pve", "PVEVMUser")
    prod.cluster.identity.changed()
    given = {"by": "watch@pve", "force": 1}
    text = "Permission check failed (/, VM.PowerMgmt)"
    assert prod.refused("POST", f"{ALL}/startall", **given) == text
    text = "Permission check failed (/vms/101, VM.PowerMgmt)"
    assert prod.refused("POST", f"{ALL}/startall", vms="100,101", **given) == text
    prod.task("POST", f"{ALL}/startall", vms="100", **given)
    assert prod.cluster.guests[100].running
