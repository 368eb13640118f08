"""What a node has done before the simulation began: creations, starts and nightly backups."""

from __future__ import annotations

from pvesim.guest import Guest
from pvesim.model import Node
from pvesim.tasks import Task

ARCHIVED = 40  # per node


def tasks_of(node: Node) -> list[Task]:
    """All tasks of a node, newest first: those of the simulation, then what was before."""
    return [*node.tasks.all(), *_before(node)]


def _before(node: Node) -> list[Task]:
    began = node.cluster.began
    older = [guest for guest in node.guests.values() if guest.started <= began]
    if not older:
        return []
    tasks: list[Task] = []
    newest = sorted(older, key=lambda g: -g.started)
    for guest in newest[: ARCHIVED // 3]:
        tasks.append(_created(node, guest))
        if guest.running:
            tasks.append(_started(node, guest))
    midnight = int(began) // 86400 * 86400
    for night in range(3):
        at = midnight - night * 86400 + 7200
        if at < began:
            tasks.append(_backup(node, at, failed=night == 2))
    return sorted(tasks, key=lambda task: -task.starttime)[:ARCHIVED]


def _pstart(node: Node, at: int) -> int:
    return max(1, int((at - node.booted) * 100)) & 0xFFFFFFFF


def _started(node: Node, guest: Guest) -> Task:
    kind = "vzstart" if guest.kind == "lxc" else "qmstart"
    at = int(guest.started)
    return Task(
        node.name, 1000 + guest.vmid, _pstart(node, at), at, kind, str(guest.vmid), "root@pam", at + 2, "OK",
        ["TASK OK"],
    )  # fmt: skip


def _created(node: Node, guest: Guest) -> Task:
    """By the first token that there is, as where something automatic creates guests."""
    kind = "vzcreate" if guest.kind == "lxc" else "qmcreate"
    at = int(guest.started) - 40
    owner = next(iter(node.cluster.labels.values()), "root@pam")
    return Task(
        node.name, 800 + guest.vmid, _pstart(node, at), at, kind, str(guest.vmid), owner, at + 12, "OK",
        ["TASK OK"],
    )  # fmt: skip


def _backup(node: Node, at: int, *, failed: bool) -> Task:
    count = len(node.guests)
    status = "job errors" if failed else "OK"
    log = [
        f"INFO: starting new backup job: {count} guests",
        f"INFO: Backup job finished {'with errors' if failed else 'successfully'}",
        f"TASK ERROR: {status}" if failed else "TASK OK",
    ]
    return Task(
        node.name, 900, _pstart(node, at), at, "vzdump", "", "root@pam", at + 60 + 20 * count, status, log
    )
