"""Tasks: work that goes on as time passes, with a log and an exit status."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pvesim import ClusterScene, Estate, Settings
from pvesim.clock import StillClock
from pvesim.model import Node
from pvesim.tasks import Interrupted, Task, TaskFailed, Work, command, parse_upid


@pytest.fixture
def node() -> Node:
    estate = Estate(
        [ClusterScene.simple("prod", nodes=1, containers=0)], settings=Settings(), clock=StillClock()
    )
    return estate["prod"].nodes["pve1"]


def start(node: Node, work: Callable[[Task], Work]) -> Task:
    return node.tasks.start("vzstart", "100", "root@pam!full", work)


def later(node: Node, seconds: float) -> None:
    node.cluster.clock.advance(seconds)
    node.cluster.live()


def two_steps(task: Task) -> Work:
    task.say("first")
    yield 2
    task.say("second")
    yield 3


def test_a_task_takes_the_time_of_its_steps(node: Node) -> None:
    task = start(node, two_steps)
    later(node, 1)
    assert (task.running, task.log) == (True, ["first"])
    later(node, 3)
    assert (task.running, task.log) == (True, ["first", "second"])
    later(node, 1)
    assert (task.status, task.log[-1]) == ("OK", "TASK OK")
    assert task.endtime == task.starttime + 5


def test_time_that_was_skipped_is_lived_through_step_by_step(node: Node) -> None:
    task = start(node, two_steps)
    later(node, 600)
    assert task.endtime == task.starttime + 5, "it ended when it would have, not when somebody looked"


def test_a_failure_is_the_exit_status_and_the_last_line_of_the_log(node: Node) -> None:
    def work(task: Task) -> Work:
        yield 1
        raise TaskFailed("no space\nleft on the device")

    task = start(node, work)
    later(node, 1)
    assert task.status == "no space"
    assert task.log == ["TASK ERROR: no space\nleft on the device"]


def test_warnings_are_counted(node: Node) -> None:
    def work(task: Task) -> Work:
        task.warn("old")
        task.warn("odd")
        yield 0

    task = start(node, work)
    later(node, 1)
    assert task.status == "WARNINGS: 2"
    assert task.log[-1] == "TASK WARNINGS: 2"


def test_who_is_stopped_may_clean_up_and_says_which_command_it_was(node: Node) -> None:
    cleaned = []

    def work(task: Task) -> Work:
        try:
            yield from command("systemctl start pve-container@100", 30)
        finally:
            cleaned.append(task.id)

    task = start(node, work)
    later(node, 1)
    node.tasks.active[task.upid].stop(node.cluster.clock.now())
    assert task.status == "command 'systemctl start pve-container@100' failed: received interrupt"
    assert cleaned == ["100"]
    later(node, 100)
    assert not node.tasks.active


def test_work_that_does_not_care_ends_with_the_interrupt(node: Node) -> None:
    task = start(node, two_steps)
    node.tasks.active[task.upid].stop(node.cluster.clock.now())
    assert task.status == "received interrupt"


def test_stopping_may_take_time_too(node: Node) -> None:
    def work(task: Task) -> Work:
        try:
            yield 30
        except Interrupted:
            yield 4
            raise TaskFailed("migration aborted") from None

    task = start(node, work)
    later(node, 1)
    node.tasks.active[task.upid].stop(node.cluster.clock.now())
    assert task.running
    later(node, 4)
    assert task.status == "migration aborted"


def test_what_ran_on_a_node_that_died_has_no_end_of_its_own(node: Node) -> None:
    task = start(node, two_steps)
    later(node, 1)
    node.tasks.power_cut()
    later(node, 60)
    assert task.running, "nobody has seen it end"
    node.tasks.booted(node.cluster.clock.now())
    assert task.state()["exitstatus"] == "unexpected status"
    assert task.row()["status"] == "RUNNING", "the list notices some seconds later"
    later(node, 20)
    assert task.row()["status"] == "unexpected status"
    assert task.log == ["first"]


def test_a_upid_names_node_process_time_type_subject_and_user(node: Node) -> None:
    task = start(node, two_steps)
    assert task.upid.startswith("UPID:pve1:")
    assert task.upid.endswith(":vzstart:100:root@pam!full:")
    assert parse_upid(task.upid) == "pve1"
    assert parse_upid(task.upid.removesuffix(":")) is None


def test_running_tasks_come_before_those_of_the_past(node: Node) -> None:
    node.tasks.done("vztemplate", "100", "root@pam")
    later(node, 2)
    task = start(node, two_steps)
    assert [each.type for each in node.tasks.all()] == ["vzstart", "vztemplate"]
    assert node.tasks.all()[0] is task


def test_a_task_splits_user_and_token_once_it_has_ended(node: Node) -> None:
    task = start(node, two_steps)
    assert task.row()["user"] == "root@pam!full"
    assert task.row()["status"] == "RUNNING"
    later(node, 10)
    assert (task.row()["user"], task.row()["tokenid"]) == ("root@pam", "full")
    assert task.broadcast()["saved"] == "1"
    assert task.state()["exitstatus"] == "OK"
