"""Snapshots of containers."""

from __future__ import annotations

import pytest

from tests.pvesim.direct import Direct, container

AT = "/nodes/pve1/lxc/100"


def names(prod: Direct) -> list[str]:
    return [row["name"] for row in prod.get(f"{AT}/snapshot")]


def test_a_snapshot_keeps_the_configuration_of_then() -> None:
    prod = Direct(container(100, memory=512))
    assert prod.task("POST", f"{AT}/snapshot", snapname="s1", description="before").status == "OK"
    prod.call("PUT", f"{AT}/config", memory=1024)
    assert prod.get(f"{AT}/config", snapshot="s1")["memory"] == 512
    assert prod.get(f"{AT}/snapshot/s1/config")["description"] == "before"
    assert prod.get(f"{AT}/config")["memory"] == 1024


def test_rolling_back_brings_it_back_and_stops_the_container() -> None:
    prod = Direct(container(100, memory=512, status="running"))
    prod.task("POST", f"{AT}/snapshot", snapname="s1")
    prod.call("PUT", f"{AT}/config", memory=1024)
    assert prod.task("POST", f"{AT}/snapshot/s1/rollback").status == "OK"
    assert prod.get(f"{AT}/config")["memory"] == 512
    assert not prod.cluster.guests[100].running
    assert "lock" not in prod.get(f"{AT}/config")


def test_rolling_back_with_start_starts_it_again() -> None:
    prod = Direct(container(100, status="running"))
    prod.task("POST", f"{AT}/snapshot", snapname="s1")
    prod.task("POST", f"{AT}/snapshot/s1/rollback", start=1)
    prod.later(3)
    assert prod.cluster.guests[100].running


def test_the_chain_closes_when_a_snapshot_in_the_middle_goes() -> None:
    prod = Direct(container(100))
    for name in ("s1", "s2", "s3"):
        prod.task("POST", f"{AT}/snapshot", snapname=name)
    assert prod.task("DELETE", f"{AT}/snapshot/s2").status == "OK"
    rows = {row["name"]: row for row in prod.get(f"{AT}/snapshot")}
    assert rows["s3"]["parent"] == "s1"
    assert rows["current"]["parent"] == "s3"
    assert "parent" not in rows["s1"]


def test_files_cannot_be_snapshot() -> None:
    prod = Direct(container(100, storage="local"))
    assert prod.task("POST", f"{AT}/snapshot", snapname="s1").status == "snapshot feature is not available"
    assert names(prod) == ["current"]
    assert prod.get(f"{AT}/feature", feature="snapshot") == {"hasFeature": 0}


@pytest.mark.parametrize("name", ["current", "vzdump"])
def test_reserved_names_are_refused(name: str) -> None:
    prod = Direct(container(100))
    text = f"unable to use snapshot name '{name}' (reserved name)"
    assert prod.refused("POST", f"{AT}/snapshot", snapname=name) == text


def test_only_the_task_tells_that_a_snapshot_is_missing_or_there() -> None:
    prod = Direct(container(100))
    assert prod.task("POST", f"{AT}/snapshot/no/rollback").status == "snapshot 'no' does not exist"
    assert prod.task("DELETE", f"{AT}/snapshot/no").status == "snapshot 'no' does not exist"
    prod.task("POST", f"{AT}/snapshot", snapname="s1")
    assert prod.task("POST", f"{AT}/snapshot", snapname="s1").status == "snapshot name 's1' already used"


def test_zfs_goes_back_to_the_newest_only() -> None:
    prod = Direct(container(100, storage="zfs"))
    prod.task("POST", f"{AT}/snapshot", snapname="s1")
    prod.task("POST", f"{AT}/snapshot", snapname="s2")  # in the same second
    snapshots = prod.cluster.guests[100].snapshots
    assert snapshots is not None
    snapshots["s2"]["snaptime"] = snapshots["s1"]["snaptime"]
    status = prod.task("POST", f"{AT}/snapshot/s1/rollback").status
    assert status == "can't rollback, 's1' is not most recent snapshot on 'zfs:subvol-100-disk-0'"
    assert prod.task("POST", f"{AT}/snapshot/s2/rollback").status == "OK"


def test_a_volume_added_since_is_kept_as_unused() -> None:
    prod = Direct(container(100))
    prod.task("POST", f"{AT}/snapshot", snapname="s1")
    prod.call("PUT", f"{AT}/config", mp0="thin:1,mp=/data")
    prod.task("POST", f"{AT}/snapshot/s1/rollback")
    config = prod.get(f"{AT}/config")
    assert "mp0" not in config
    assert config["unused0"] == "thin:vm-100-disk-1"


def test_the_description_can_be_changed() -> None:
    prod = Direct(container(100))
    prod.task("POST", f"{AT}/snapshot", snapname="s1")
    prod.call("PUT", f"{AT}/snapshot/s1/config", description="better")
    assert prod.get(f"{AT}/snapshot")[0]["description"] == "better"
    text = prod.refused("PUT", f"{AT}/snapshot/no/config", description="x")
    assert text == "snapshot 'no' does not exist"
