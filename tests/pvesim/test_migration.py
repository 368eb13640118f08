"""Containers go to other nodes, or fail to."""

from __future__ import annotations

import pytest

from pvesim.errors import ApiError
from pvesim.nodelife import boot, power_cut
from pvesim.tasks import LOST
from tests.pvesim.direct import Direct, container

AT = "/nodes/pve1/lxc/100"


def test_a_container_on_shared_storage_moves_without_its_disk() -> None:
    prod = Direct(container(100, storage="nfs"))
    task = prod.task("POST", f"{AT}/migrate", target="pve2")
    assert task.status == "OK"
    assert prod.cluster.guests[100].node.name == "pve2"
    assert not any("copied" in line for line in task.log)
    assert "lock" not in prod.get("/nodes/pve2/lxc/100/config")


def test_a_local_disk_is_copied_and_the_old_one_removed() -> None:
    prod = Direct(container(100))
    assert prod.task("POST", f"{AT}/migrate", target="pve2").status == "OK"
    assert prod.volumes(100) == {("pve2", "thin:vm-100-disk-0")}


def test_the_configuration_is_locked_meanwhile() -> None:
    prod = Direct(container(100))
    task = prod.begun("POST", f"{AT}/migrate", target="pve2")
    prod.later(2)
    assert prod.get(f"{AT}/config")["lock"] == "migrate"
    assert prod.refused("PUT", f"{AT}/config", memory=256) == "CT is locked (migrate)"
    assert prod.ended(task).status == "OK"


def test_target_storage_renames_the_volume_as_that_storage_does() -> None:
    prod = Direct(container(100))
    prod.task("POST", f"{AT}/migrate", target="pve2", target_storage="thin:zfs")
    assert prod.get("/nodes/pve2/lxc/100/config")["rootfs"] == "zfs:subvol-100-disk-0,size=1G"
    assert prod.volumes(100) == {("pve2", "zfs:subvol-100-disk-0")}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"target": "pve1"}, "Parameter verification failed."),
        ({"target": "nope"}, "no such cluster node 'nope'"),
        ({"target": "pve2", "target_storage": "gone"}, "storage 'gone' does not exist"),
        ({"target": "pve2", "target_storage": "only1"}, "storage 'only1' is not available on node 'pve2'"),
        ({"target": "pve2", "target_storage": "iso"}, "storage 'iso' does not support CT rootdirs"),
        ({"target": "pve2", "target_storage": "a b:c:d"}, "Parameter verification failed."),
    ],
)
def test_what_cannot_be_is_refused_at_once(given: dict[str, str], text: str) -> None:
    assert Direct(container(100)).refused("POST", f"{AT}/migrate", **given) == text


def test_a_running_container_needs_restart_and_runs_again_afterwards() -> None:
    prod = Direct(container(100, status="running", storage="nfs"))
    text = "can't migrate running container without --online or --restart"
    assert prod.refused("POST", f"{AT}/migrate", target="pve2") == text
    task = prod.task("POST", f"{AT}/migrate", target="pve2", restart=1)
    assert task.status == "OK"
    assert prod.cluster.guests[100].running
    assert [t.type for t in prod.cluster.nodes["pve2"].tasks.all()] == ["vzstart"]


def test_online_migration_of_containers_does_not_exist() -> None:
    task = Direct(container(100, status="running")).task("POST", f"{AT}/migrate", target="pve2", online=1)
    assert task.status == "migration aborted"
    assert "lxc live migration is currently not implemented" in task.log[0]


def test_snapshots_on_thin_volumes_keep_it_where_it_is() -> None:
    prod = Direct(container(100))
    prod.task("POST", f"{AT}/snapshot", snapname="s1")
    task = prod.task("POST", f"{AT}/migrate", target="pve2")
    assert task.status == "migration aborted"
    assert any("non-migratable snapshot exists" in line for line in task.log)
    assert prod.cluster.guests[100].node.name == "pve1"
    assert "lock" not in prod.get(f"{AT}/config")


def test_snapshots_on_zfs_go_along() -> None:
    prod = Direct(container(100, storage="zfs"))
    prod.task("POST", f"{AT}/snapshot", snapname="s1")
    assert prod.task("POST", f"{AT}/migrate", target="pve2").status == "OK"
    assert [row["name"] for row in prod.get("/nodes/pve2/lxc/100/snapshot")] == ["s1", "current"]


def test_a_bind_mount_keeps_it_unless_it_is_shared() -> None:
    local = Direct(container(100, storage="nfs", config={"mp0": "/mnt/x,mp=/x"}))
    task = local.task("POST", f"{AT}/migrate", target="pve2")
    assert "cannot migrate local bind mount point 'mp0'" in task.log[0]
    shared = Direct(container(100, storage="nfs", config={"mp0": "/mnt/x,mp=/x,shared=1"}))
    assert shared.task("POST", f"{AT}/migrate", target="pve2").status == "OK"


def test_a_stop_while_copying_aborts_and_leaves_a_stale_volume() -> None:
    prod = Direct(container(100, storage="local", disk=8.0))
    task = prod.begun("POST", f"{AT}/migrate", target="pve2")
    prod.later(5)
    prod.call("DELETE", f"/nodes/pve1/tasks/{task.upid}")
    assert prod.ended(task).status == "migration aborted"
    assert "lock" not in prod.get(f"{AT}/config")
    assert ("pve2", "local:100/vm-100-disk-0.raw") in prod.volumes(100)
    assert prod.task("POST", f"{AT}/migrate", target="pve2").status == "OK"
    assert prod.get("/nodes/pve2/lxc/100/config")["rootfs"] == "local:100/vm-100-disk-1.raw,size=8G"


def test_a_stop_while_probing_escalates_and_the_lock_stays() -> None:
    prod = Direct(container(100, storage="local", disk=8.0))
    task = prod.begun("POST", f"{AT}/migrate", target="pve2")
    prod.later(0.5)
    prod.call("DELETE", f"/nodes/pve1/tasks/{task.upid}")
    assert task.running
    prod.later(6)
    assert task.status == LOST
    assert prod.get(f"{AT}/config")["lock"] == "migrate"
    assert not task.log[-1].startswith("TASK")


def test_a_target_that_dies_aborts_the_migration() -> None:
    prod = Direct(container(100, storage="local", disk=8.0))
    task = prod.begun("POST", f"{AT}/migrate", target="pve2")
    prod.later(5)
    power_cut(prod.cluster.nodes["pve2"])
    assert prod.ended(task).status == "migration aborted"
    assert any("Connection reset by" in line for line in task.log)
    assert "lock" not in prod.get(f"{AT}/config")
    boot(prod.cluster.nodes["pve2"])
    assert prod.task("POST", f"{AT}/migrate", target="pve2").status == "OK"


def test_a_target_that_dies_after_the_move_keeps_the_container_locked_and_stopped() -> None:
    prod = Direct(container(100, status="running", storage="nfs"))
    target, guest = prod.cluster.nodes["pve2"], prod.cluster.guests[100]
    task = prod.begun("POST", f"{AT}/migrate", target="pve2", restart=1)
    while guest.node is not target:
        prod.clock.advance(0.1)
        prod.cluster.live()
    power_cut(target)
    assert prod.ended(task).status == "migration problems"
    assert any("failed to clear migrate lock: command" in line for line in task.log)
    assert (guest.lock, guest.running, target.tasks.all()) == ("migrate", False, [])


def test_a_failed_restart_migration_starts_the_container_where_it_was() -> None:
    prod = Direct(container(100, status="running", storage="local", disk=8.0))
    task = prod.begun("POST", f"{AT}/migrate", target="pve2", restart=1)
    prod.later(8)
    prod.call("DELETE", f"/nodes/pve1/tasks/{task.upid}")
    assert prod.ended(task).status == "migration aborted"
    guest = prod.cluster.guests[100]
    assert (guest.node.name, guest.running) == ("pve1", True)


def test_preconditions_name_the_other_nodes() -> None:
    prod = Direct(container(100))
    expected = {"running": 0, "allowed-nodes": ["pve2", "pve3"], "not-allowed-nodes": {}}
    assert prod.get(f"{AT}/migrate") == expected


def test_preconditions_came_with_nine() -> None:
    with pytest.raises(ApiError) as refusal:
        Direct(container(100), version="8.4.1").get(f"{AT}/migrate")
    assert refusal.value.status == 501


def test_another_cluster_is_not_reached() -> None:
    text = Direct(container(100)).refused(
        "POST", f"{AT}/remote_migrate", target_bridge="1", target_storage="1",
        target_endpoint="host=192.0.2.1,apitoken=PVEAPIToken=root@pam!a=b",
    )  # fmt: skip
    assert "192.0.2.1:8006" in text
