"""Guessing gets slower."""

from datetime import UTC, datetime, timedelta

from paddock.access.throttle import Throttle

START = datetime(2026, 11, 23, tzinfo=UTC)


def test_the_first_attempts_are_free() -> None:
    throttle = Throttle(free=3)
    for _ in range(2):
        throttle.begin("a", START)
    assert throttle.wait("a", START) == 0


def test_each_further_failure_doubles_the_wait_up_to_the_longest() -> None:
    throttle, waits, now = Throttle(free=3, longest=60), [], START
    for _ in range(10):
        throttle.begin("a", now)
        waits.append(throttle.wait("a", now))
        now += timedelta(seconds=waits[-1])
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_the_wait_ends() -> None:
    throttle = Throttle(free=1)
    throttle.begin("a", START)
    assert throttle.wait("a", START + timedelta(seconds=0.5)) == 0.5
    assert throttle.wait("a", START + timedelta(seconds=1)) == 0


def test_success_forgets_the_failures() -> None:
    throttle = Throttle(free=1)
    throttle.begin("a", START)
    throttle.succeeded("a")
    assert throttle.wait("a", START) == 0


def test_one_key_does_not_slow_another() -> None:
    throttle = Throttle(free=1)
    throttle.begin("a", START)
    assert throttle.wait("b", START) == 0


def test_failures_of_yesterday_do_not_count() -> None:
    throttle = Throttle(free=2, forget=3600)
    throttle.begin("a", START)
    throttle.begin("a", START + timedelta(days=1))
    assert throttle.wait("a", START + timedelta(days=1)) == 0


def test_many_keys_do_not_fill_the_memory() -> None:
    throttle = Throttle(free=1, keys=100)
    for number in range(1000):
        throttle.begin(str(number), START)
    assert throttle.wait("0", START) == 0
    assert throttle.wait("999", START) > 0
