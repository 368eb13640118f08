"""Tasks: what a node has done, with UPIDs and logs.

For now the past only: creations, starts and nightly backups that such an estate would remember.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pvesim.identity import split_token
from pvesim.model import Guest, Node

_UPID = re.compile(
    r"UPID:([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?):([0-9A-F]{8}):([0-9A-F]{8,9}):([0-9A-F]{8})"
    r":([^:\s]+):([^:\s]*):([^:\s]+):"
)
ARCHIVED = 40  # per node
BROADCAST = 25  # per node, in /cluster/tasks


@dataclass(slots=True)
class Task:
    """One task; running while `endtime` is None."""

    node: str
    pid: int
    pstart: int
    starttime: int
    type: str
    id: str
    owner: str  # user, or user!token
    endtime: int | None = None
    status: str = ""
    log: list[str] = field(default_factory=list)

    @property
    def upid(self) -> str:
        return (
            f"UPID:{self.node}:{self.pid:08X}:{self.pstart:08X}:{self.starttime:08X}"
            f":{self.type}:{self.id}:{self.owner}:"
        )

    def row(self) -> dict[str, object]:
        """As in /nodes/N/tasks."""
        user, token = split_token(self.owner)
        row: dict[str, object] = {
            "upid": self.upid,
            "node": self.node,
            "pid": self.pid,
            "pstart": self.pstart,
            "starttime": self.starttime,
            "type": self.type,
            "id": self.id,
            "user": user,
        }
        if token:
            row["tokenid"] = token
        if self.endtime is not None:
            row |= {"endtime": self.endtime, "status": self.status}
        return row

    def broadcast(self) -> dict[str, object]:
        """As in /cluster/tasks."""
        row = self.row()
        del row["pstart"]
        if self.endtime is not None:
            del row["pid"]
            row["saved"] = "1"
        return row

    def state(self) -> dict[str, object]:
        """As in /nodes/N/tasks/UPID/status."""
        row = self.row()
        ended = row.pop("endtime", None) is not None
        status = row.pop("status", "")
        row["status"] = "stopped" if ended else "running"
        return {**row, "exitstatus": status} if ended else row


def parse_upid(text: str) -> str | None:
    """The node in a UPID; None if it is none."""
    match = _UPID.fullmatch(text)
    return match[1] if match else None


def history(node: Node, now: float) -> list[Task]:
    """The node's finished tasks, newest first."""
    if not node.guests:
        return []
    tasks: list[Task] = []
    newest = sorted(node.guests.values(), key=lambda g: -g.started)
    for guest in newest[: ARCHIVED // 3]:
        tasks.append(_created(node, guest))
        if guest.running:
            tasks.append(_started(node, guest))
    midnight = int(now) // 86400 * 86400
    for night in range(3):
        at = midnight - night * 86400 + 7200
        if at < now:
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
