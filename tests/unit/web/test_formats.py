"""Figures and times as people read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from paddock.web import formats

VIENNA = ZoneInfo("Europe/Vienna")
NOW = datetime(2026, 11, 23, 2, 12, 40, tzinfo=UTC)  # 03:12:40 in Vienna, a Monday


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0.0"), (3_840_668_000_000, "3,576.9"), (1024**3, "1.0")],
)
def test_bytes_are_gib_with_one_decimal(value: float | None, text: str) -> None:
    assert formats.gib(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (32, "32"), (9.4, "9.4"), (9.0, "9.0")])
def test_cores_are_whole_where_they_are_counted(value: float | None, text: str) -> None:
    assert formats.cores(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (-5, "0 s"),
        (12.9, "12 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (15 * 3600, "15 h"),
        (48 * 3600 - 1, "47 h"),
        (48 * 3600, "2 days"),
        (52 * 86400, "52 days"),
    ],
)
def test_a_duration_has_one_unit(seconds: float | None, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 11, 23, 1, 41, tzinfo=UTC), "since 02:41 (31 min)"),
        (datetime(2026, 11, 22, 11, 32, tzinfo=UTC), "since Sun 12:32 (14 h)"),
        (datetime(2026, 10, 2, 1, 0, tzinfo=UTC), "since 2 Oct (52 days)"),
        (datetime(2025, 10, 2, 1, 0, tzinfo=UTC), "since 2 Oct 2025 (417 days)"),
    ],
)
def test_since_is_as_short_as_is_clear_today(at: datetime, text: str) -> None:
    assert formats.since(at, NOW, VIENNA) == text


def test_a_moment_is_in_the_zone_of_the_pages() -> None:
    assert formats.moment(NOW, VIENNA, seconds=True) == "23 Nov 2026 03:12:40"


def test_a_time_in_the_future_is_no_negative_age() -> None:
    assert formats.ago(NOW + timedelta(seconds=3), NOW) == "0 s ago"


def test_a_noun_follows_its_number() -> None:
    assert formats.plural(1, "node") == "1 node"
    assert formats.plural(1200, "entry", "entries") == "1,200 entries"
