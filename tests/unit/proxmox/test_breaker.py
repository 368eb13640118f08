from __future__ import annotations

import pytest

from paddock.proxmox.breaker import PASSWORD, TOKEN, UNDECIDED_SECONDS, Breaker, Patience
from paddock.proxmox.errors import LoginRefused

REFUSED = LoginRefused("no")


class Now:
    value = 1000.0

    def __call__(self) -> float:
        return self.value


def passes(breaker: Breaker) -> bool:
    try:
        breaker.enter()
    except LoginRefused:
        return False
    return True


@pytest.mark.parametrize(
    ("patience", "waits"), [(TOKEN, [60, 120, 240, 300, 300]), (PASSWORD, [300, 600, 1200, 1800, 1800])]
)
def test_one_trial_is_let_through_at_a_falling_rate(patience: Patience, waits: list[int]) -> None:
    now = Now()
    breaker = Breaker(patience, now=now, chance=lambda: 0.0)
    assert passes(breaker)
    for wait in waits:
        breaker.refused(REFUSED)
        now.value += wait - 1
        assert not passes(breaker)
        now.value += 1
        assert passes(breaker)
        assert not passes(breaker), "one at a time"
        assert breaker.refusal is REFUSED


def test_an_accepted_trial_closes_it_and_an_older_call_does_not() -> None:
    now = Now()
    breaker = Breaker(TOKEN, now=now, chance=lambda: 0.0)
    breaker.refused(REFUSED)
    breaker.accepted()
    assert not passes(breaker)
    now.value += 60
    assert passes(breaker)
    breaker.accepted()
    assert breaker.refusal is None
    assert passes(breaker)


def test_calls_that_were_under_way_do_not_lengthen_the_wait() -> None:
    now = Now()
    breaker = Breaker(TOKEN, now=now, chance=lambda: 0.0)
    for _ in range(5):
        breaker.refused(REFUSED)
    now.value += 60
    assert passes(breaker)


def test_a_trial_without_a_verdict_is_followed_by_another() -> None:
    now = Now()
    breaker = Breaker(PASSWORD, now=now, chance=lambda: 0.0)
    breaker.refused(REFUSED)
    now.value += 300
    assert passes(breaker)
    now.value += UNDECIDED_SECONDS
    assert passes(breaker)


def test_the_wait_differs_by_up_to_a_fifth() -> None:
    now = Now()
    breaker = Breaker(TOKEN, now=now, chance=lambda: 1.0)
    breaker.refused(REFUSED)
    now.value += 71
    assert not passes(breaker)
    now.value += 1
    assert passes(breaker)
