"""Guessing gets slower."""

from datetime import UTC, datetime, timedelta

from paddock.access.throttle import SignInThrottle, Throttle, network_of

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


def test_all_addresses_of_one_ipv6_network_count_together() -> None:
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert network_of("2001:db8:1:3::1") != network_of("2001:db8:1:2::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("192.0.2.2") != network_of("192.0.2.1")
    assert network_of("a socket") == "a socket"


def test_an_attempt_taken_back_leaves_the_failures_of_others() -> None:
    throttle = Throttle(free=2)
    throttle.begin("a", START)
    throttle.begin("a", START)
    throttle.take_back("a")
    assert throttle.wait("a", START) == 0
    throttle.begin("a", START)
    assert throttle.wait("a", START) > 0


def _let_in(throttle: SignInThrottle, account: str, remotes: list[str]) -> int:
    passed = 0
    for remote in remotes:
        if throttle.wait(account, remote, START) == 0:
            throttle.begin(account, remote, START)
            passed += 1
    return passed


def test_an_ipv6_network_gives_no_more_guesses_than_one_address() -> None:
    assert _let_in(SignInThrottle(), "anna", [f"2001:db8::{n:x}" for n in range(5000)]) == 3


def test_many_networks_do_not_give_many_guesses_of_one_account() -> None:
    throttle = SignInThrottle()
    assert _let_in(throttle, "anna", [f"2001:db8:{n:x}::1" for n in range(5000)]) == 20
    assert throttle.wait("bert", "192.0.2.1", START) == 0
    assert throttle.wait("anna", "192.0.2.1", START) <= 60


def test_strangers_do_not_lock_the_owner_out() -> None:
    throttle = SignInThrottle()
    home, later = "192.0.2.7", START + timedelta(days=31)
    throttle.begin("anna", home, START)
    throttle.succeeded("anna", home, START)
    _let_in(throttle, "anna", [f"2001:db8:{n:x}::1" for n in range(5000)])
    assert throttle.wait("anna", home, START) == 0
    assert throttle.wait("anna", "192.0.2.8", START) > 0
    throttle.begin("anna", home, START)
    throttle.succeeded("anna", home, START)
    assert throttle.wait("anna", "192.0.2.8", START) > 0, "the strangers' failures stay"
    for number in range(30):
        throttle.begin("anna", f"198.51.100.{number}", later)
    assert throttle.wait("anna", home, later) > 0, "a place is home for a month"
