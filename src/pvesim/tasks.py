"""Tasks: work with a UPID, a log and an exit status, done step by step as time passes.

Sources: pve-common `PVE/UPID.pm`, `PVE/RESTEnvironment.pm` (`fork_worker`, `active_workers`) and
`PVE/ProcFSTools.pm`; what the lists show as recorded from a genuine cluster.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from pvesim.identity import split_token

if TYPE_CHECKING:
    from pvesim.model import Node

_UPID = re.compile(
    r"UPID:([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?):([0-9A-F]{8}):([0-9A-F]{8,9}):([0-9A-F]{8})"
    r":([^:\s]+):([^:\s]*):([^:\s]+):"
)
BROADCAST = 25  # per node, in /cluster/tasks
KEPT = 1000  # finished tasks per node
INTERRUPT = "received interrupt"
LOST = "unexpected status"  # of a task whose log has no last line
NOTICED_AFTER = 8.0  # until the list of active tasks learns that a worker is gone

#: A task's work: yields seconds to wait for the next step and receives the time at which it goes on.
#: Raises TaskFailed; is thrown Interrupted where somebody stops the task.
Work = Generator[float, float, None]


class TaskFailed(Exception):
    """The work ends with this exit status."""


class Interrupted(Exception):
    """Somebody has stopped the task; thrown into its work, which may clean up."""


class Killed(Exception):
    """The worker was killed: it cleans nothing up and writes no last line."""


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
    warnings: int = 0
    lost: bool = False  # its worker is gone without a last line, which the lists notice later

    @property
    def upid(self) -> str:
        return (
            f"UPID:{self.node}:{self.pid:08X}:{self.pstart:08X}:{self.starttime:08X}"
            f":{self.type}:{self.id}:{self.owner}:"
        )

    @property
    def running(self) -> bool:
        return self.endtime is None

    def say(self, *lines: str) -> None:
        self.log.extend(lines)

    def warn(self, line: str) -> None:
        """Counts towards the exit status `WARNINGS: n`."""
        self.warnings += 1
        self.log.append(f"WARN: {line}")

    def end(self, now: float, failure: str = "") -> None:
        self.endtime = int(now)
        if failure:
            self.status = failure.split("\n", 1)[0]
            self.log.append(f"TASK ERROR: {failure}")
        elif self.warnings:
            self.status = f"WARNINGS: {self.warnings}"
            self.log.append(f"TASK WARNINGS: {self.warnings}")
        else:
            self.status = "OK"
            self.log.append("TASK OK")

    def lose(self, now: float) -> None:
        """The worker is gone, and with it the last line of the log."""
        self.endtime, self.status = int(now), LOST

    def row(self) -> dict[str, object]:
        """As in /nodes/N/tasks."""
        row: dict[str, object] = {
            "upid": self.upid,
            "node": self.node,
            "pid": self.pid,
            "pstart": self.pstart,
            "starttime": self.starttime,
            "type": self.type,
            "id": self.id,
        }
        if self.endtime is None:  # from the list of active ones, where users are not taken apart
            return row | {"user": self.owner, "status": "RUNNING", "saved": "0"}
        user, token = split_token(self.owner)
        row |= {"user": user, "endtime": self.endtime, "status": self.status}
        return row | {"tokenid": token} if token else row

    def broadcast(self) -> dict[str, object]:
        """As in /cluster/tasks."""
        row = self._split()
        del row["pstart"]
        if self.endtime is not None:
            del row["pid"]
            row |= {"saved": "1", "endtime": self.endtime, "status": self.status}
        return row

    def state(self) -> dict[str, object]:
        """As in /nodes/N/tasks/UPID/status."""
        row = self._split()
        if self.endtime is None and not self.lost:
            return row | {"status": "running"}
        return row | {"status": "stopped", "exitstatus": self.status or LOST}

    def _split(self) -> dict[str, object]:
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
        return row | {"tokenid": token} if token else row


class Worker:
    """A task at work on a node: takes its steps on the cluster's agenda."""

    __slots__ = ("_begun", "_entry", "_node", "_then", "_work", "task")

    def __init__(self, node: Node, task: Task, work: Work, then: Callable[[], None] | None) -> None:
        self.task = task
        self._node = node
        self._work: Work | None = work
        self._then = then
        self._begun = False
        self._entry = node.cluster.agenda.at(node.cluster.clock.now(), self._step)

    def _step(self, now: float) -> None:
        work = self._work
        assert work is not None
        begun, self._begun = self._begun, True
        self._advance(now, lambda: work.send(now) if begun else next(work))

    def _advance(self, now: float, go: Callable[[], float]) -> None:
        try:
            seconds = go()
        except StopIteration:
            self._end(now, "")
        except TaskFailed as failure:
            self._end(now, str(failure))
        except Interrupted:
            self._end(now, INTERRUPT)
        except Killed:
            self._end(now, None)
        else:
            speed = self._node.cluster.settings.speed
            self._entry = self._node.cluster.agenda.at(now + seconds / speed, self._step)

    def _end(self, now: float, failure: str | None) -> None:
        self._work = None
        now += self._node.trouble.skew
        if failure is None:
            self.task.lose(now)
        else:
            self.task.end(now, failure)
        self._node.tasks.ended(self.task)
        if self._then is not None:
            self._then()

    def stop(self, now: float) -> None:
        """Somebody interrupts the task; its work may clean up first."""
        work = self._work
        if work is None:
            return
        self._entry.cancel()
        self._advance(now, lambda: work.throw(Interrupted()))

    def hang(self) -> None:
        """The work never goes on by itself; it can still be stopped."""
        self._entry.cancel()

    def go_on(self) -> None:
        """Take the next step now, whatever the work is waiting for."""
        if self._work is not None:
            self._entry.cancel()
            self._entry = self._node.cluster.agenda.at(self._node.cluster.clock.now(), self._step)

    def die(self) -> None:
        """The node is gone, and the work with it: nothing is cleaned up."""
        self._entry.cancel()
        self._work = None


class Tasks:
    """The tasks of one node."""

    __slots__ = ("_finished", "_node", "_pid", "active")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pid = 5000
        self.active: dict[str, Worker] = {}
        self._finished: list[Task] = []  # oldest first

    def start(
        self,
        kind: str,
        subject: str,
        owner: str,
        work: Callable[[Task], Work],
        then: Callable[[], None] | None = None,
    ) -> Task:
        """Fork a worker; its first step is taken at the next look. `then` is done when it has ended."""
        task = self.new(kind, subject, owner)
        doing = work(task)
        for meddler in self._node.trouble.task_meddlers:
            doing = meddler(self._node, task, doing)
        self.active[task.upid] = Worker(self._node, task, doing, then)
        return task

    def new(self, kind: str, subject: str, owner: str) -> Task:
        node, now = self._node, self._node.now()
        self._pid += 3
        pstart = max(1, int((now - node.booted) * 100)) & 0xFFFFFFFF
        return Task(node.name, self._pid, pstart, int(now), kind, subject, owner)

    def done(self, kind: str, subject: str, owner: str, *lines: str, failure: str = "") -> Task:
        """A task that is over as soon as it has begun."""
        task = self.new(kind, subject, owner)
        task.say(*lines)
        task.end(self._node.now(), failure)
        self._keep(task)
        return task

    def ended(self, task: Task) -> None:
        del self.active[task.upid]
        self._keep(task)

    @property
    def finished(self) -> list[Task]:
        """Oldest first."""
        return self._finished

    @property
    def pid(self) -> int:
        """The latest worker's."""
        return self._pid

    def remember(self, finished: list[Task], pid: int) -> None:
        """What was before the simulator was started again."""
        self._finished, self._pid = finished, pid

    def _keep(self, task: Task) -> None:
        self._finished.append(task)
        del self._finished[:-KEPT]

    def all(self) -> list[Task]:
        """Newest first."""
        running = [worker.task for worker in self.active.values()]
        return sorted([*running, *self._finished], key=lambda task: (-task.starttime, -task.pid))

    def power_cut(self) -> None:
        """The node dies: what ran stays as it was."""
        for worker in self.active.values():
            worker.die()

    def booted(self, now: float) -> None:
        """The node is back: what ran when it died has no end of its own. The list of active tasks, kept in
        a file, still says RUNNING until somebody goes through it."""
        for worker in list(self.active.values()):
            worker.task.lost = True
            self._node.cluster.agenda.at(now + NOTICED_AFTER, partial(self._noticed, worker.task))

    def _noticed(self, task: Task, now: float) -> None:
        if task.upid not in self.active or self._node.down:  # it died again meanwhile
            return
        task.lose(now)
        self.ended(task)


def parse_upid(text: str) -> str | None:
    """The node in a UPID; None if it is none."""
    match = _UPID.fullmatch(text)
    return match[1] if match else None


def command(line: str, seconds: float) -> Work:
    """Run a command that takes a while; interrupted, it says so as PVE::Tools does."""
    try:
        yield seconds
    except Interrupted:
        raise TaskFailed(f"command '{line}' failed: {INTERRUPT}") from None


def wait(seconds: float) -> Generator[float, float, float]:
    """Let time pass; gives the time afterwards."""
    now = yield seconds
    return now
