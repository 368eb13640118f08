"""Storages.

Without `storage` it is the cluster's first one; on the node, or on all of them.
"""

from __future__ import annotations

from pvesim.faults.registry import BadTarget, Target, all_of, fault, joined
from pvesim.guestconfig import disks
from pvesim.layers import Undo
from pvesim.model import Node
from pvesim.tasks import Interrupted, Task, Work

_EVER = 1e9  # seconds


def _name(target: Target, storage: str) -> str:
    storages = target.cluster.storages
    name = storage or next(iter(storages), "")
    if name not in storages:
        raise BadTarget(
            f"cluster {target.cluster.name!r} has no storage {name!r}: it has {', '.join(storages)}."
        )
    return name


def _seen(target: Target) -> None:
    for node in target.nodes:
        node.changed()


def _held(target: Target, undos: list[Undo]) -> Undo:
    _seen(target)

    def undo() -> None:
        all_of(undos)()
        _seen(target)

    return undo


@fault("storage-full", scope="node or cluster")
def _storage_full(target: Target, storage: str = "") -> Undo:
    """Nothing more fits: figures say so, new disks and backups fail in their tasks, what is there works."""
    name = _name(target, storage)
    hold = target.cluster.altered.hold
    return _held(target, [hold(node.full_storages, name) for node in target.nodes])


@fault("storage-inactive", scope="node or cluster")
def _storage_inactive(target: Target, storage: str = "") -> Undo:
    """The storage is not there: active 0 and no figures, status unknown in the cluster's list, its content
    is refused with 500, containers on it do not start."""
    name = _name(target, storage)
    hold = target.cluster.altered.hold
    return _held(target, [hold(node.trouble.inactive_storages, name) for node in target.nodes])


@fault("storage-hung", scope="node or cluster")
def _storage_hung(target: Target, storage: str = "") -> Undo:
    """The storage does not answer, as a dead NFS server: lists, status and content of storages are 596 after
    30 s, tasks of guests on it hang until it is back, and pvestatd hangs too: the node is online, but its
    figures stand still and expire after five minutes (status unknown)."""
    name = _name(target, storage)
    hold, now = target.cluster.altered.hold, target.cluster.clock.now()
    undos = [hold(node.trouble.hung_storages, name) for node in target.nodes]
    troubles = [node.trouble for node in target.nodes if node.trouble.blind_since is None]
    undos.append(target.put(troubles, blind_since=now))
    waiting: list[tuple[Node, Task]] = []

    def meddler(node: Node, task: Task, work: Work) -> Work:
        return _waiting(node, task, work, name, waiting) if _uses(node, task, name) else work

    undos += [joined(node.trouble.task_meddlers, meddler) for node in target.nodes]  # type: ignore[arg-type]

    def go_on() -> None:
        for node, task in waiting:
            worker = node.tasks.active.get(task.upid)
            if worker is not None and name not in node.trouble.hung_storages:
                worker.go_on()

    return _held(target, [go_on, *undos])


def _uses(node: Node, task: Task, storage: str) -> bool:
    guest = node.guests.get(int(task.id)) if task.id.isdigit() else None
    if guest is None or task.type in ("vncproxy", "hastart", "hastop", "hamigrate"):
        return False
    if guest.storage == storage:
        return True
    return guest.conf is not None and any(
        disk["volume"].startswith(f"{storage}:") for disk in disks(guest.conf, guest.kind).values()
    )


def _waiting(node: Node, task: Task, work: Work, storage: str, waiting: list[tuple[Node, Task]]) -> Work:
    """Wait for the storage first; a process that waits for a dead mount cannot be stopped either."""
    waiting.append((node, task))
    while storage in node.trouble.hung_storages:
        try:
            yield _EVER
        except Interrupted:
            continue
    yield from work
