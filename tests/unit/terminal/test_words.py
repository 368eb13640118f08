"""Words for people: ages, sizes, states."""

from datetime import UTC, datetime, timedelta

import pytest

from paddock.terminal import words

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "text"),
    [(0, "0 s ago"), (12, "12 s ago"), (59.9, "59 s ago"), (60, "1 min ago"), (7200, "2 h ago"), (86400, "1 day ago"),
     (200000, "2 days ago"), (-0.5, "now"), (-90, "in 1 min")],
)  # fmt: skip
def test_an_age_is_told_in_the_largest_unit(before: float, text: str) -> None:
    assert words.age((NOW - timedelta(seconds=before)).isoformat(), NOW) == text


def test_times_are_read_with_and_without_zone() -> None:
    assert words.age("2026-05-01T11:59:30Z", NOW) == "30 s ago"
    assert words.age("2026-05-01T11:59:30", NOW) == "30 s ago"
    assert words.age("2026-05-01T13:59:30+02:00", NOW) == "30 s ago"
    assert words.age("yesterday", NOW) == words.age(None, NOW) == words.age(17, NOW) == words.NOTHING


def test_sizes_are_gib_with_one_decimal_and_holes_stay_holes() -> None:
    assert words.gib(1536 * 1024**2) == "1.5 GiB"
    assert words.gib_of(None, 2 * 1024**3) == "2.0 GiB"
    assert words.gib_of(1024**3, None) == words.NOTHING
    assert words.gib("big") == words.gib(True) == words.NOTHING
    assert words.cores_of(3.21, 16) == "3.2 of 16 cores"
    assert words.cores_of(None, 1) == "1 core"
    assert words.cores_of(1.0, 0) == words.NOTHING


def test_a_state_of_a_later_version_is_shown_as_it_came() -> None:
    assert words.state(words.NODE_STATES, "refused").text == "Sign-in refused"
    assert words.state(words.NODE_STATES, "draining").text == "Draining"
    assert words.state(words.NODE_STATES, None).text == "Unknown"


def test_every_state_has_icon_and_word() -> None:
    for table in (
        words.NODE_STATES,
        words.CONTAINER_STATES,
        words.JOB_STATES,
        words.LEVELS,
        words.COMPARISONS,
    ):
        assert all(word.icon and word.text and word.style for word in table.values())
        assert len({word.icon for word in table.values()}) == len(table)


def test_control_characters_and_direction_marks_are_taken_out() -> None:
    assert words.plain("a\x1b[31mb\u202ec\nd") == "a [31mb c d"
    assert words.plain(["a", None, True]) == "a, –, yes"
