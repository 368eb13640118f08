"""The rule of two truths."""

from datetime import UTC, datetime, timedelta

import pytest

from paddock.nodes.health import Contact, Evidence, Shown, Status, Verdict, Word, judge, settle

NOW = datetime(2026, 11, 23, 3, 12, tzinfo=UTC)
INTERVAL = timedelta(seconds=10)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def said(online: bool = True, seconds: float = 5) -> Word:
    return Word(online, ago(seconds), since=ago(60))


def reached(seconds: float = 20) -> Contact:
    return Contact(ago(seconds))


def missed(code: str = "connection_refused", seconds: float = 5) -> Contact:
    return Contact(ago(seconds), code, "Connection refused on 10.20.0.11:8006.")


@pytest.mark.parametrize(
    ("evidence", "status", "code"),
    [
        (Evidence(False, said(), reached()), Status.ONLINE, ""),
        (Evidence(False, said(seconds=120), reached()), Status.UNKNOWN, "no_word"),
        (Evidence(False, said(), reached(91)), Status.UNKNOWN, "no_contact"),
        (Evidence(False, said(), None), Status.UNKNOWN, "no_contact"),
        (Evidence(False, said(), missed()), Status.UNREACHABLE, "connection_refused"),
        (Evidence(False, said(False), missed()), Status.OFFLINE, "cluster_says_down"),
        (Evidence(False, said(False), reached()), Status.OFFLINE, "cut_off"),
        (Evidence(False, said(seconds=120), missed()), Status.OFFLINE, "connection_refused"),
        (Evidence(False, said(), missed("fingerprint_changed")), Status.NOT_TRUSTED, "fingerprint_changed"),
        (Evidence(False, None, reached(), refused="No."), Status.SIGN_IN_REFUSED, "sign_in_refused"),
        (Evidence(False, None, None), Status.UNKNOWN, "no_evidence"),
        (Evidence(True, None, reached()), Status.ONLINE, ""),
        (Evidence(True, None, missed()), Status.OFFLINE, "connection_refused"),
        (Evidence(True, None, reached(), unread="No answer."), Status.UNREACHABLE, "unread"),
        (Evidence(True, None, reached(300)), Status.UNKNOWN, "stale"),
    ],
)
def test_the_status_follows_from_the_evidence(evidence: Evidence, status: Status, code: str) -> None:
    verdict = judge(evidence, NOW, INTERVAL)
    assert (verdict.status, verdict.code) == (status, code)
    assert verdict.reason


def test_evidence_from_the_future_proves_nothing() -> None:
    evidence = Evidence(True, None, reached(-3600))
    assert judge(evidence, NOW, INTERVAL).status is Status.UNKNOWN


def test_a_contact_from_before_the_node_went_down_proves_nothing() -> None:
    word = Word(False, ago(1), since=ago(10))
    assert judge(Evidence(False, word, reached(20)), NOW, INTERVAL).code == "cluster_says_down"
    assert judge(Evidence(False, word, reached(5)), NOW, INTERVAL).code == "cut_off"


def test_nothing_is_green_without_fresh_evidence() -> None:
    evidence = Evidence(False, said(), reached())
    assert judge(evidence, NOW, INTERVAL).status is Status.ONLINE
    assert judge(evidence, NOW + timedelta(minutes=2), INTERVAL).status is Status.UNKNOWN


UP = Verdict(Status.ONLINE, "", "Well.")
DOWN = Verdict(Status.UNREACHABLE, "timed_out", "No answer.")


def test_one_missed_contact_is_not_yet_trouble() -> None:
    shown = Shown(Status.ONLINE, "", "Well.", ago(3600))
    first = settle(shown, DOWN, NOW)
    assert first.status is Status.ONLINE
    later = settle(first, DOWN, NOW + timedelta(seconds=20))
    assert later.status is Status.UNREACHABLE
    assert later.since == NOW, "since when it was first seen, not since when it was shown"


def test_a_contact_that_comes_back_within_the_grace_leaves_no_trace() -> None:
    shown = settle(Shown(Status.ONLINE, "", "Well.", ago(3600)), DOWN, NOW)
    back = settle(shown, UP, NOW + timedelta(seconds=10))
    assert (back.status, back.since, back.changes) == (Status.ONLINE, ago(3600), ())


def test_an_untrusted_certificate_is_shown_at_once() -> None:
    verdict = Verdict(Status.NOT_TRUSTED, "fingerprint_changed", "Changed.", certain=True)
    assert settle(Shown(Status.ONLINE, "", "", ago(60)), verdict, NOW).status is Status.NOT_TRUSTED


def test_a_flapping_node_must_stay_well_before_it_is_green_again() -> None:
    shown = Shown(Status.UNREACHABLE, "", "", NOW, changes=tuple(ago(s) for s in (200, 150, 100, 50)))
    held = settle(shown, UP, NOW)
    assert held.status is Status.UNREACHABLE
    assert "4 times" in held.reason
    assert settle(held, UP, NOW + timedelta(seconds=61)).status is Status.ONLINE


def test_a_calm_node_is_green_again_at_once() -> None:
    assert settle(Shown(Status.UNREACHABLE, "", "", NOW), UP, NOW).status is Status.ONLINE
