"""Tasks.

The next tasks go wrong. `type` is a regular expression that is searched for in "TYPE ID", for example
vzcreate or "vzstart 101"; `count` how many (0: without end), `probability` and `after` as for answers. A
call that starts such a task succeeds; only the task tells.
"""

from __future__ import annotations

from collections.abc import Callable

from pvesim.faults.registry import BadTarget, Target, all_of, fault, joined
from pvesim.layers import Undo
from pvesim.model import Node
from pvesim.nodelife import boot, power_cut
from pvesim.tasks import Interrupted, Killed, Task, TaskFailed, Work
from pvesim.trouble import Selector

_EVER = 1e9  # seconds


def _meddle(target: Target, selector: Selector, change: Callable[[Node, Task, Work], Work]) -> Undo:
    def meddler(node: Node, task: Task, work: Work) -> Work:
        return change(node, task, work) if selector.takes(f"{task.type} {task.id}") else work

    lists = [node.trouble.task_meddlers for node in target.nodes]
    return all_of([joined(each, meddler) for each in lists])  # type: ignore[arg-type]


def _hang_then(work: Work) -> Work:
    """The first step, then nothing until somebody lets it go on or interrupts it."""
    try:
        next(work)
        wait = _EVER
        while True:
            try:
                now = yield wait
            except Interrupted as interrupted:
                wait = work.throw(interrupted)
            else:
                wait = work.send(now)
    except StopIteration:
        return


@fault("task-fails", scope="node or cluster", selects="tasks")
def _task_fails(target: Target, selector: Selector, text: str = "command failed: exit code 5") -> Undo:
    """The task fails in mid-work with this text, cleans up as it does, and says ERROR."""
    return _meddle(target, selector, lambda node, task, work: _failing(work, TaskFailed(text)))


def _failing(work: Work, failure: TaskFailed) -> Work:
    try:
        seconds = next(work)
    except StopIteration:
        raise failure from None
    now = yield seconds
    try:
        seconds = work.throw(failure)
        while True:
            now = yield seconds
            seconds = work.send(now)
    except StopIteration:
        raise failure from None


@fault("task-warns", scope="node or cluster", selects="tasks")
def _task_warns(target: Target, selector: Selector, text: str = "something is odd", lines: int = 1) -> Undo:
    """The task succeeds, with warnings: its exit status is WARNINGS: n."""

    def warned(task: Task, work: Work) -> Work:
        for _ in range(lines):
            task.warn(text)
        yield from work

    return _meddle(target, selector, lambda node, task, work: warned(task, work))


@fault("task-hangs", scope="node or cluster", selects="tasks")
def _task_hangs(target: Target, selector: Selector) -> Undo:
    """The task never goes on after its first step; it can be stopped. Ended, it goes on."""
    hanging: list[tuple[Node, Task]] = []
    over = False

    def hung(node: Node, task: Task, work: Work) -> Work:
        if over:
            yield from work
            return
        hanging.append((node, task))
        yield from _hang_then(work)

    undo = _meddle(target, selector, hung)

    def end() -> None:
        nonlocal over
        over = True
        undo()
        for node, task in hanging:
            worker = node.tasks.active.get(task.upid)
            if worker is not None:
                worker.go_on()

    return end


@fault("task-dies", scope="node or cluster", selects="tasks", reversible=False)
def _task_dies(target: Target, selector: Selector) -> Undo:
    """The task's process is killed in mid-work: nothing is cleaned up, locks and half-made disks stay, its
    exit status is "unexpected status"."""

    def dying(work: Work) -> Work:
        yield next(work, 0.0)
        raise Killed

    return _meddle(target, selector, lambda node, task, work: dying(work))


@fault("task-kills-node", scope="node or cluster", selects="tasks", sockets=True, reversible=False)
def _task_kills_node(target: Target, selector: Selector, how: str = "silent") -> Undo:
    """The node loses its power in mid-task, as with power-cut. Ended, it boots."""
    if how not in ("refused", "silent"):
        raise BadTarget(f"task-kills-node: how must be refused or silent, not {how!r}.")
    undos: list[Undo] = []

    def last(node: Node, work: Work) -> Work:
        node.cluster.agenda.at((yield next(work, 0.0)), lambda now: cut(node))
        yield _EVER

    def cut(node: Node) -> None:
        now = node.cluster.clock.now()
        undos.append(target.put([node], down_since=now, down_silently=how == "silent"))
        power_cut(node, silently=how == "silent")
        node.down_since = now
        undos.append(lambda: boot(node) if not node.down else None)
        if node.trouble.follow is not None:
            node.trouble.follow()

    undo = _meddle(target, selector, lambda node, task, work: last(node, work))

    def end() -> None:
        undo()
        for each in undos:
            each()

    return end
