"""Clones, templates, disks that grow or go elsewhere."""

from __future__ import annotations

import pytest

from tests.pvesim.direct import Direct, container

AT = "/nodes/pve1/lxc/100"


def test_a_full_clone_has_disk_name_and_address_of_its_own() -> None:
    prod = Direct(container(100, ip="dhcp", memory=256, tags=["a"]))
    task = prod.task("POST", f"{AT}/clone", newid=200, hostname="copy", description="x")
    assert task.status == "OK"
    old, new = prod.get(f"{AT}/config"), prod.get("/nodes/pve1/lxc/200/config")
    assert new["rootfs"] == "thin:vm-200-disk-0,size=1G"
    assert (new["hostname"], new["description"], new["memory"], new["tags"]) == ("copy", "x\n", 256, "a")
    assert new["net0"] != old["net0"]
    assert "lock" not in new
    assert "lock" not in old


def test_a_clone_cannot_go_to_a_storage_without_container_disks() -> None:
    prod = Direct(container(100))
    status = prod.task("POST", f"{AT}/clone", newid=200, storage="iso").status
    assert status == ("clone failed: content type 'rootdir' is not available or configured on storage 'iso'")
    assert 200 not in prod.cluster.guests
    assert "lock" not in prod.get(f"{AT}/config")


def test_original_and_copy_are_locked_meanwhile() -> None:
    prod = Direct(container(100, storage="local", disk=8.0))
    task = prod.begun("POST", f"{AT}/clone", newid=200)
    prod.later(0.5)
    assert prod.get(f"{AT}/config")["lock"] == "disk"
    copy = prod.get("/nodes/pve1/lxc/200/config")
    assert copy["lock"] == "create"
    assert "hostname" in copy
    assert prod.refused("POST", f"{AT}/clone", newid=201) == "CT is locked (disk)"
    prod.ended(task)


def test_a_clone_that_is_stopped_leaves_nothing() -> None:
    prod = Direct(container(100, storage="local", disk=8.0))
    task = prod.begun("POST", f"{AT}/clone", newid=200)
    prod.later(0.5)
    prod.call("DELETE", f"/nodes/pve1/tasks/{task.upid}")
    assert prod.ended(task).status == "clone failed: interrupted by signal"
    assert prod.volumes(200) == set()
    assert 200 not in prod.cluster.guests
    assert "lock" not in prod.get(f"{AT}/config")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"newid": 101}, "CT 101 already exists on node 'pve1'"),
        ({"newid": 200, "target": "nope"}, "no such cluster node 'nope'"),
        ({"newid": 200, "target": "pve2"}, "can't clone CT to node 'pve2' (CT uses local storage)"),
        ({"newid": 200, "target": "pve2", "storage": "thin"}, "can't clone to non-shared storage 'thin'"),
        ({"newid": 200, "full": 0, "storage": "zfs"}, "parameter 'storage' not allowed for linked clones"),
        ({"newid": 200, "full": 0}, "Linked clone feature for 'thin:vm-100-disk-0' is not available"),
        ({"newid": 200, "snapname": "no"}, "snapshot 'no' does not exist"),
        ({"newid": 200, "pool": "no"}, "pool 'no' does not exist"),
    ],
)
def test_what_cannot_be_copied_is_refused_and_leaves_no_lock(given: dict[str, object], text: str) -> None:
    prod = Direct(container(100), container(101))
    assert prod.refused("POST", f"{AT}/clone", **given) == text
    assert "lock" not in prod.get(f"{AT}/config")
    assert sorted(prod.cluster.guests) == [100, 101]


def test_running_containers_are_copied_from_snapshots_only() -> None:
    prod = Direct(container(100, status="running"))
    text = "Cannot do full clones on a running container without snapshots"
    assert prod.refused("POST", f"{AT}/clone", newid=200) == text
    prod.task("POST", f"{AT}/snapshot", snapname="s1")
    assert prod.task("POST", f"{AT}/clone", newid=200, snapname="s1").status == "OK"


def test_a_clone_on_shared_storage_may_begin_on_another_node() -> None:
    prod = Direct(container(100))
    task = prod.task("POST", f"{AT}/clone", newid=200, storage="nfs", target="pve2")
    assert task.status == "OK"
    assert prod.get("/nodes/pve2/lxc/200/config")["rootfs"] == "nfs:200/vm-200-disk-0.raw,size=1G"


@pytest.mark.parametrize(
    ("storage", "base", "clone"),
    [
        ("thin", "thin:base-100-disk-0", "thin:vm-200-disk-0"),
        ("zfs", "zfs:basevol-100-disk-0", "zfs:basevol-100-disk-0/subvol-200-disk-0"),
    ],
)
def test_templates_have_bases_that_linked_clones_build_on(storage: str, base: str, clone: str) -> None:
    prod = Direct(container(100, storage=storage))
    assert prod.call("POST", f"{AT}/template") is None
    prod.later(1)
    assert prod.cluster.nodes["pve1"].tasks.all()[0].type == "vztemplate"
    config = prod.get(f"{AT}/config")
    assert (config["template"], config["rootfs"]) == (1, f"{base},size=1G")
    assert prod.task("POST", f"{AT}/clone", newid=200).status == "OK"
    copy = prod.get("/nodes/pve1/lxc/200/config")
    assert copy["rootfs"] == f"{clone},size=1G"
    assert "template" not in copy


def test_a_linked_clone_that_names_its_base_stays_where_that_is() -> None:
    prod = Direct(container(100, storage="zfs"))
    prod.call("POST", f"{AT}/template")
    prod.later(1)
    prod.task("POST", f"{AT}/clone", newid=200)
    task = prod.task("POST", "/nodes/pve1/lxc/200/migrate", target="pve2")
    assert task.status == "migration aborted"
    assert any("clone of 'basevol-100-disk-0'" in line for line in task.log)


def test_only_what_stands_still_becomes_a_template_and_once() -> None:
    running = Direct(container(100, status="running"))
    text = "you can't convert a CT to template if the CT is running"
    assert running.refused("POST", f"{AT}/template") == text
    prod = Direct(container(100))
    prod.task("POST", f"{AT}/snapshot", snapname="s1")
    text = "unable to create template, because CT contains snapshots"
    assert prod.refused("POST", f"{AT}/template") == text
    prod.task("DELETE", f"{AT}/snapshot/s1")
    prod.call("POST", f"{AT}/template")
    prod.later(1)
    assert prod.refused("POST", f"{AT}/template") == "you can't convert a template to a template"
    assert prod.task("POST", f"{AT}/status/start").status == "you can't start a CT if it's a template"


def test_disks_grow_and_never_shrink() -> None:
    prod = Direct(container(100))
    assert prod.task("PUT", f"{AT}/resize", disk="rootfs", size="+1G").status == "OK"
    assert prod.get(f"{AT}/config")["rootfs"] == "thin:vm-100-disk-0,size=2G"
    assert prod.get(f"{AT}/status/current")["maxdisk"] == 2 * 1024**3
    assert prod.refused("PUT", f"{AT}/resize", disk="rootfs", size="1G") == "unable to shrink disk size"
    text = "disk is already at specified size"
    assert prod.refused("PUT", f"{AT}/resize", disk="rootfs", size="2G") == text


def test_before_nine_growing_by_nothing_was_nothing() -> None:
    prod = Direct(container(100), version="8.4.1")
    assert prod.call("PUT", f"{AT}/resize", disk="rootfs", size="1G") is None


@pytest.mark.parametrize("delete", [0, 1])
def test_a_volume_goes_to_another_storage_and_is_kept_unless_deleted(delete: int) -> None:
    prod = Direct(container(100))
    task = prod.task("POST", f"{AT}/move_volume", volume="rootfs", storage="zfs", delete=delete)
    assert task.status == "OK"
    config = prod.get(f"{AT}/config")
    assert config["rootfs"] == "zfs:subvol-100-disk-0,size=1G"
    assert config.get("unused0") == (None if delete else "thin:vm-100-disk-0")
    assert (("pve1", "thin:vm-100-disk-0") in prod.volumes(100)) is not bool(delete)
    assert "lock" not in config


def test_volumes_that_snapshots_need_are_not_deleted() -> None:
    prod = Direct(container(100))
    prod.task("POST", f"{AT}/snapshot", snapname="s1")
    text = prod.refused("POST", f"{AT}/move_volume", volume="rootfs", storage="zfs", delete=1)
    assert text == "you can't move a volume with snapshots and delete the source"


def test_a_volume_is_given_to_another_container() -> None:
    prod = Direct(container(100), container(101))
    prod.call("PUT", f"{AT}/config", mp0="thin:1,mp=/data")
    task = prod.task("POST", f"{AT}/move_volume", volume="mp0", target_vmid=101, target_volume="mp1")
    assert (task.status, task.id) == ("OK", "100-mp0>101-mp1")
    assert "mp0" not in prod.get(f"{AT}/config")
    assert prod.get("/nodes/pve1/lxc/101/config")["mp1"] == "thin:vm-101-disk-1,mp=/data,size=1G"
    assert prod.refused("POST", f"{AT}/move_volume", volume="rootfs", target_vmid=101) == (
        "Cannot move to/from 'rootfs'"
    )


@pytest.mark.parametrize(
    ("storage", "copy", "clone", "snapshot"),
    [("local", 1, 0, 0), ("thin", 1, 0, 1), ("zfs", 1, 0, 1), ("nfs", 1, 0, 0)],
)
def test_what_a_container_can_depends_on_its_storage(
    storage: str, copy: int, clone: int, snapshot: int
) -> None:
    prod = Direct(container(100, storage=storage))
    found = [prod.get(f"{AT}/feature", feature=name)["hasFeature"] for name in ("copy", "clone", "snapshot")]
    assert found == [copy, clone, snapshot]
