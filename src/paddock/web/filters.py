"""The filters of the templates: `formats`, with the clock and the time zone filled in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup

from paddock.base.clock import Clock
from paddock.web import formats

_TICKING = Markup(' data-ago=""')
_TIME = Markup('<time datetime="{at}" title="{exact}"{live}>{text}</time>')


def build(clock: Clock, zone: tzinfo) -> dict[str, Callable[..., Any]]:
    def timed(at: datetime, text: str, *, ticking: bool = False) -> Markup:
        return _TIME.format(
            at=at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            exact=formats.moment(at, zone, seconds=True),
            live=_TICKING if ticking else "",
            text=text,
        )

    def age(at: datetime | None, none: str = formats.NONE) -> str:
        """12 s ago; `paddock.js` lets it tick."""
        return none if at is None else timed(at, formats.ago(at, clock.now()), ticking=True)

    def since(at: datetime | None, none: str = formats.NONE, *, lower: bool = False) -> str:
        if at is None:
            return none
        text = formats.since(at, clock.now(), zone)
        return timed(at, text if lower else text[0].upper() + text[1:])

    def moment(at: datetime | None, none: str = formats.NONE) -> str:
        return none if at is None else timed(at, formats.moment(at, zone))

    def day(at: datetime | None, none: str = formats.NONE) -> str:
        return none if at is None else timed(at, formats.day(at, clock.now(), zone))

    def clock_time(at: datetime | None, none: str = formats.NONE) -> str:
        """03:12:40; the date is in the title."""
        return none if at is None else timed(at, at.astimezone(zone).strftime("%H:%M:%S"))

    return {
        "gib": formats.gib,
        "cores": formats.cores,
        "whole_cores": formats.whole_cores,
        "number": formats.number,
        "percent": formats.percent,
        "plural": formats.plural,
        "duration": formats.duration,
        "age": age,
        "since": since,
        "moment": moment,
        "day": day,
        "clock_time": clock_time,
    }


def local_zone() -> tuple[tzinfo, str]:
    """The server's time zone, and its name."""
    for source in (_from_timezone_file, _from_localtime_link):
        name = source()
        if name:
            try:
                return ZoneInfo(name), name
            except (ZoneInfoNotFoundError, ValueError):
                continue
    return UTC, "UTC"


def _from_timezone_file() -> str:
    try:
        return Path("/etc/timezone").read_text().strip()
    except OSError:
        return ""


def _from_localtime_link() -> str:
    target = Path("/etc/localtime").resolve().as_posix()
    return target.partition("/zoneinfo/")[2]
