"""The cluster's log: who signed in, and which tasks began and ended (pmxcfs `logger.c`).

Only what no task tells is kept; the rest follows from the tasks themselves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pvesim.model import Cluster, Node

INFO, ERROR = 6, 3
_KEPT = 500
_SHOWN = 50  # unless asked for more
#: (time, node, user, tag, priority, process id, text)
Line = tuple[int, str, str, str, int, int, str]


class ClusterLog:
    """What somebody did that was no task."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: deque[tuple[int, str, str, int, str]] = deque(maxlen=_KEPT)

    def say(self, node: str, at: float, user: str, text: str, priority: int = INFO) -> None:
        self._kept.append((int(at), node, user, priority, text))

    def lines(self, node: Node) -> list[Line]:
        """All of one node, oldest first."""
        found = [
            (at, where, user, "pvedaemon", priority, node.worker, text)
            for at, where, user, priority, text in self._kept
            if where == node.name
        ]
        began = max(node.booted, node.cluster.clock.started)
        found.append(
            (int(began), node.name, "root", "cluster", INFO, node.worker - 20, "starting cluster log")
        )
        for task in node.tasks.all():
            found.append(
                (
                    task.starttime,
                    node.name,
                    task.owner,
                    "pvedaemon",
                    INFO,
                    node.worker,
                    f"starting task {task.upid}",
                )
            )
            if task.endtime is not None:
                priority = ERROR if task.status != "OK" else INFO
                text = f"end task {task.upid} {task.status}"
                found.append((task.endtime, node.name, task.owner, "pvedaemon", priority, task.pid, text))
        return sorted(found, key=lambda line: line[0])


def rows(cluster: Cluster, user: str, most: int | None) -> list[dict[str, object]]:
    """As /cluster/log shows it, newest first; `user`: only his lines, empty for all."""
    found: list[dict[str, object]] = []
    for node in cluster.nodes.values():
        found += _numbered(cluster.log.lines(node), user)
    found.sort(key=lambda row: -int(str(row["time"])))
    return found[: most or _SHOWN]


def _numbered(lines: Iterable[Line], user: str) -> list[dict[str, object]]:
    return [
        {
            "uid": str(number),
            "id": f"{number}:{node}",
            "time": at,
            "pri": priority,
            "tag": tag,
            "pid": pid,
            "node": node,
            "user": who,
            "msg": text,
        }
        for number, (at, node, who, tag, priority, pid, text) in enumerate(lines, 1)
        if not user or who == user
    ]
