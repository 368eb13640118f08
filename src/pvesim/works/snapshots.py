"""Snapshots of containers: taken, rolled back to, deleted.

Source: pve-guest-common `AbstractConfig.pm` (`snapshot_create`, `snapshot_delete`, `snapshot_rollback`),
pve-container `LXC/Config.pm`; pve-storage's plugins for what each can and prints.
"""

from __future__ import annotations

import re

from pvesim.features import all_have
from pvesim.guest import Guest
from pvesim.guestconfig import Conf, adopt, disks, edit, plain, set_lock
from pvesim.tasks import Interrupted, Task, TaskFailed, Work
from pvesim.works.locking import refuse_lock
from pvesim.works.power import kill

_TAKING = 0.4  # seconds per volume
_NOT_TAKEN_OVER = re.compile(r"snapstate|snaptime|lock|digest|description|unused\d+")
_KEPT = re.compile(r"unused\d+|description")


def take(task: Task, guest: Guest, name: str, comment: str) -> Work:
    """`vzsnapshot`."""
    cluster = guest.node.cluster
    _there(guest)
    if guest.template:
        raise TaskFailed("you can't take a snapshot if it's a template")
    refuse_lock(guest)
    known = guest.snapshots or {}
    if name in known:
        raise TaskFailed(f"snapshot name '{name}' already used")
    conf = edit(guest)
    if not all_have(cluster, "snapshot", conf):
        raise TaskFailed("snapshot feature is not available")
    _writable(guest, task)
    for other, each in known.items():
        if each.get("parent") == name:
            task.say(f"deleting parent '{name}' reference from '{other}' to avoid bogus snapshot cycle.")
            del each["parent"]
    snapshot: Conf = {key: value for key, value in conf.items() if not _NOT_TAKEN_OVER.fullmatch(key)}
    snapshot |= {"snapstate": "prepare", "snaptime": int(cluster.clock.now())}
    if comment:
        snapshot["description"] = comment
    guest.snapshots = {**known, name: snapshot}
    set_lock(guest, "snapshot")
    try:
        for disk in disks(conf).values():
            yield _TAKING
            _say(task, guest, disk["volume"], name, "created.")
    except Interrupted:
        task.say("snapshot create failed: starting cleanup")
        _forget(guest, name)
        raise TaskFailed("received interrupt") from None
    del snapshot["snapstate"]
    edit(guest)["parent"] = name
    set_lock(guest, "")


def delete(task: Task, guest: Guest, name: str, *, force: bool) -> Work:
    """`vzdelsnapshot`."""
    _there(guest)
    snapshot = _of(guest, name)
    refuse_lock(guest)
    if guest.template:
        raise TaskFailed("you can't delete a snapshot if vm is a template")
    _writable(guest, task)
    set_lock(guest, "snapshot-delete")
    snapshot["snapstate"] = "delete"
    for disk in disks(snapshot).values():
        yield _TAKING
        if guest.node.cluster.volumes.find(guest.node.name, disk["volume"]) is None:
            gone = f"volume '{disk['volume']}' does not exist"
            if not force:
                raise TaskFailed(gone)
            task.warn(gone)
            continue
        _say(task, guest, disk["volume"], name, "successfully removed.")
    _forget(guest, name)


def _forget(guest: Guest, name: str) -> None:
    """Out of the configuration; what descends from it descends from its parent then."""
    known = dict(guest.snapshots or {})
    gone = known.pop(name)
    for conf in (edit(guest), *known.values()):
        if conf.get("parent") == name:
            conf.pop("parent")
            if "parent" in gone:
                conf["parent"] = gone["parent"]
    guest.snapshots = known or None
    set_lock(guest, "")


def roll_back(task: Task, guest: Guest, name: str) -> Work:
    """`vzrollback`: stops the container, and leaves it stopped."""
    _there(guest)
    if guest.template:
        raise TaskFailed("you can't rollback if vm is a template")
    snapshot = _of(guest, name)
    for disk in disks(snapshot).values():
        _possible(guest, disk["volume"], name)
    if state := snapshot.get("snapstate"):
        raise TaskFailed(f"unable to rollback to incomplete snapshot (snapstate = {state})")
    refuse_lock(guest)
    _writable(guest, task)
    if guest.running:
        yield from kill(guest)
    set_lock(guest, "rollback")
    for disk in disks(snapshot).values():
        yield _TAKING
        if _type(guest, disk["volume"]) == "lvmthin":
            task.say(f'  Logical volume "{_bare(disk["volume"])}" successfully removed.')
        _say(task, guest, disk["volume"], name, "")
    before = edit(guest)
    wanted = {disk["volume"] for disk in disks(snapshot).values()}
    lost = [disk["volume"] for disk in disks(before).values() if disk["volume"] not in wanted]
    conf: Conf = {key: value for key, value in before.items() if _KEPT.fullmatch(key)}
    conf |= {key: value for key, value in snapshot.items() if not _NOT_TAKEN_OVER.fullmatch(key)}
    conf["parent"] = name
    for volid in lost:
        number = next(n for n in range(256) if f"unused{n}" not in conf)
        conf[f"unused{number}"] = volid
    guest.conf = conf
    adopt(guest)


def _there(guest: Guest) -> None:
    node = guest.node
    if node.cluster.guests.get(guest.vmid) is not guest:
        raise TaskFailed(f"Configuration file 'nodes/{node.name}/lxc/{guest.vmid}.conf' does not exist")


def _of(guest: Guest, name: str) -> Conf:
    snapshot = (guest.snapshots or {}).get(name)
    if snapshot is None:
        raise TaskFailed(f"snapshot '{name}' does not exist")
    return snapshot


def _writable(guest: Guest, task: Task) -> None:
    if not guest.node.cluster.quorate:
        where = f"/etc/pve/nodes/{guest.node.name}/lxc/{guest.vmid}.conf.tmp.{task.pid}"
        raise TaskFailed(f"unable to open file '{where}' - Permission denied")


def _possible(guest: Guest, volid: str, name: str) -> None:
    """ZFS rolls back to the newest snapshot only."""
    if _type(guest, volid) != "zfspool":
        return
    taken = list((guest.snapshots or {}).items())  # in their order, even within a second
    newer = taken[[other for other, _ in taken].index(name) + 1 :]
    if any(volid in {disk["volume"] for disk in disks(each).values()} for _, each in newer):
        raise TaskFailed(f"can't rollback, '{name}' is not most recent snapshot on '{volid}'")


def _type(guest: Guest, volid: str) -> str:
    return guest.node.cluster.storages[volid.partition(":")[0]].type


def _bare(volid: str) -> str:
    return volid.partition(":")[2]


def _say(task: Task, guest: Guest, volid: str, name: str, what: str) -> None:
    """What the storage's tools print."""
    kind = _type(guest, volid)
    if kind == "lvmthin" and what:
        task.say(f'  Logical volume "snap_{_bare(volid)}_{name}" {what}')
    elif kind == "lvmthin":
        task.say(f'  Logical volume "{_bare(volid)}" created.')
    elif kind == "rbd":
        verb = {"created.": "Creating snap", "successfully removed.": "Removing snap"}.get(
            what, "Rolling back"
        )
        task.say(f"{verb}: 100% complete...done.")


def listed(guest: Guest) -> list[dict[str, object]]:
    """The rows of the snapshot list but for `current`."""
    rows: list[dict[str, object]] = []
    for name, each in (guest.snapshots or {}).items():
        row: dict[str, object] = {
            "name": name,
            "snaptime": each.get("snaptime", 0),
            "description": each.get("description", ""),
        }
        row |= {key: each[key] for key in ("parent", "snapstate") if key in each}
        rows.append(row)
    return rows


def parent_of(guest: Guest) -> str:
    return str(plain(guest).get("parent", ""))
