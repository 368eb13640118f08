"""How figures and times are written for people. Pure."""

from __future__ import annotations

from datetime import datetime, tzinfo

GIB = 1024**3
NONE = "–"


def gib(value: float | None, digits: int = 1) -> str:
    """Bytes as GiB with thousands separators: 3,576.9."""
    return NONE if value is None else f"{value / GIB:,.{digits}f}"


def cores(value: float | None) -> str:
    """CPU in cores: whole numbers plain, others with one decimal."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if isinstance(value, int) else f"{value:,.1f}"


def whole_cores(value: float | None) -> str:
    """Cores that a guest may use: whole as a rule; a limit of CPU time may be a part of one."""
    return cores(int(value) if value is not None and value == int(value) else value)


def number(value: float | None) -> str:
    return NONE if value is None else f"{value:,}"


def percent(value: float | None) -> str:
    """A fraction of 1 as a whole percentage."""
    return NONE if value is None else f"{value * 100:.0f} %"


def plural(count: int, one: str, many: str = "") -> str:
    """Count and noun: 1 node, 9 nodes."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def duration(seconds: float | None) -> str:
    """One unit, rounded down: 12 s, 31 min, 15 h, 52 days. Hours go up to 47, so that "1 day" never hides half of one."""
    if seconds is None:
        return NONE
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 48 * 3600:
        return f"{whole // 3600} h"
    return f"{whole // 86400:,} days"


def moment(at: datetime, zone: tzinfo, *, seconds: bool = False) -> str:
    """23 Nov 2026 03:12, in the zone of the pages."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y %H:%M:%S}" if seconds else f"{local.day} {local:%b %Y %H:%M}"


def day(at: datetime, now: datetime, zone: tzinfo) -> str:
    """As short as is clear today: 02:41, Sun 12:32, 2 Oct, 2 Oct 2025."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    if 0 <= (now - at).total_seconds() < 48 * 3600:
        return f"{local:%a %H:%M}"
    return f"{local.day} {local:%b}" if local.year == today.year else f"{local.day} {local:%b %Y}"


def since(at: datetime, now: datetime, zone: tzinfo) -> str:
    """since Sun 12:32 (15 h)."""
    return f"since {day(at, now, zone)} ({duration((now - at).total_seconds())})"


def ago(at: datetime, now: datetime) -> str:
    """12 s ago."""
    return f"{duration((now - at).total_seconds())} ago"
