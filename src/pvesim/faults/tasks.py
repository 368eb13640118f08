"""Tasks.

The next tasks go wrong. `type` is a regular expression that is searched for in "TYPE ID", for example
vzcreate or "vzstart 101"; `count` how many (0: without end), `probability` and `after` as for answers. A
call that starts such a task succeeds; only the task tells.
"""

from __future__ import annotations

from collections.abc import Callable

from pvesim.faults.registry import Target, all_of, fault, joined, one_of
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


@fault("task-trouble", scope="node or cluster", selects="tasks")
def _task_trouble(
    target: Target, selector: Selector, how: str = "fail", text: str = "something broke"
) -> Undo:
    """The next tasks go wrong. how=fail: they fail in mid-work with `text`, clean up as they do, and say ERROR;
    how=warn: they succeed with `text` as a warning (WARNINGS: 1); how=hang: they never go on after their first
    step, but can be stopped, and go on when the fault ends."""
    one_of("task-trouble", "how", how, "fail", "warn", "hang")
    if how == "fail":
        return _meddle(target, selector, lambda node, task, work: _failing(work, TaskFailed(text)))
    if how == "warn":
        return _meddle(target, selector, lambda node, task, work: _warned(task, work, text))
    return _hang(target, selector)


@fault("task-killed", scope="node or cluster", selects="tasks", reversible=False)
def _task_killed(target: Target, selector: Selector, by: str = "signal") -> Undo:
    """The next tasks die in mid-work: nothing is cleaned up, locks and half-made disks stay, the exit status
    is "unexpected status". by=signal: only the task's process; by=power-cut: its node with it, which boots
    when the fault ends."""
    one_of("task-killed", "by", by, "signal", "power-cut")
    if by == "signal":
        return _meddle(target, selector, lambda node, task, work: _dying(work))
    undos: list[Undo] = []

    def cut(node: Node) -> None:
        now = node.cluster.clock.now()
        undos.append(target.put([node], down_since=now, down_silently=True))
        power_cut(node, silently=True)
        node.down_since = now
        undos.append(lambda: boot(node) if not node.down else None)

    undo = _meddle(target, selector, lambda node, task, work: _last(node, work, cut))

    def end() -> None:
        undo()
        for each in undos:
            each()

    return end


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


def _warned(task: Task, work: Work, text: str) -> Work:
    yield from work
    task.warn(text)


def _dying(work: Work) -> Work:
    yield next(work, 0.0)
    raise Killed


def _last(node: Node, work: Work, cut: Callable[[Node], None]) -> Work:
    now = yield next(work, 0.0)
    node.cluster.agenda.at(now, lambda now: cut(node))
    yield _EVER


def _hang(target: Target, selector: Selector) -> Undo:
    hanging: list[tuple[Node, Task]] = []
    over = False

    def hung(node: Node, task: Task, work: Work) -> Work:
        if over:
            return work
        hanging.append((node, task))
        return _hang_then(work)

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
