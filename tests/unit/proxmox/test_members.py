from __future__ import annotations

import pytest

from paddock.proxmox.address import Endpoint
from paddock.proxmox.errors import Unreachable
from paddock.proxmox.members import Member, Track, order
from paddock.proxmox.trust import TlsPolicy, TrustMode


class Time:
    def __init__(self) -> None:
        self.value = 1000.0

    def __call__(self) -> float:
        return self.value


@pytest.fixture
def time() -> Time:
    return Time()


def tracks(time: Time, *names: str) -> list[Track]:
    policy = TlsPolicy(TrustMode.OFF)
    return [
        Track(Member(name, Endpoint(name), policy), parallel=2, now=time, chance=lambda: 1.0)
        for name in names
    ]


def names(found: list[Track]) -> list[str]:
    return [track.member.name for track in found]


def failed(track: Track, times: int) -> Track:
    for _ in range(times):
        track.failed(Unreachable("gone"))
    return track


def test_the_first_to_be_asked_changes_from_turn_to_turn(time: Time) -> None:
    all_ = tracks(time, "a", "b", "c")
    assert [names(order(all_, turn, None))[0] for turn in range(4)] == ["a", "b", "c", "a"]


def test_the_preferred_member_is_asked_first(time: Time) -> None:
    assert names(order(tracks(time, "a", "b", "c"), 0, "c")) == ["c", "a", "b"]


def test_one_failure_does_not_send_a_member_to_rest(time: Time) -> None:
    all_ = tracks(time, "a", "b")
    failed(all_[0], 1)
    assert names(order(all_, 0, None)) == ["a", "b"]


def test_a_member_that_fails_again_rests_and_then_comes_last(time: Time) -> None:
    all_ = tracks(time, "a", "b")
    failed(all_[0], 2)
    assert names(order(all_, 0, "a")) == ["b"]
    time.value += 5.1
    assert names(order(all_, 0, "a")) == ["b", "a"]


def test_after_its_rest_one_call_is_let_through_as_a_trial(time: Time) -> None:
    track = failed(tracks(time, "a")[0], 2)
    assert not track.enter()
    time.value += 5.1
    assert track.enter()
    assert not track.enter()


def test_success_ends_the_trial(time: Time) -> None:
    track = failed(tracks(time, "a")[0], 5)
    track.succeeded()
    assert track.enter()
    assert track.enter()
    assert track.state().ok


def test_the_rest_grows_to_a_minute_and_no_further(time: Time) -> None:
    track = tracks(time, "a")[0]
    rests = []
    for failures in range(2, 12):
        failed(track, 2 if failures == 2 else 1)
        start = time.value
        while track.resting:
            time.value += 1
        rests.append(time.value - start)
    assert rests[:5] == [5, 10, 20, 40, 60]
    assert set(rests[5:]) == {60}


def test_a_member_that_nobody_asked_is_neither_good_nor_bad(time: Time) -> None:
    state = tracks(time, "a")[0].state()
    assert state.at is None
    assert not state.ok
    assert state.error is None
