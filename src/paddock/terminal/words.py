"""Words for people: states with icon and colour, ages, sizes. Pure; the same words as on the pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

NOTHING = "–"
GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Word:
    """A state. Colour never stands alone: a terminal shows icon and text, a pipe the text."""

    text: str
    icon: str
    style: str


Cell = str | Word

_GREEN, _ORANGE, _RED, _BLUE, _GREY = "green", "dark_orange", "red", "blue", "bright_black"

NODE_STATES = {
    "online": Word("Online", "✓", _GREEN),
    "unreachable": Word("Unreachable", "↯", _ORANGE),
    "offline": Word("Offline", "✗", _RED),
    "refused": Word("Sign-in refused", "⚿", _ORANGE),
    "untrusted": Word("Certificate not trusted", "⛨", _ORANGE),
    "unknown": Word("Unknown", "?", _GREY),
}
CONTAINER_STATES = {
    "running": Word("Running", "✓", _GREEN),
    "stopped": Word("Stopped", "■", _GREY),
    "unknown": Word("Unknown", "?", _GREY),
}
JOB_STATES = {
    "queued": Word("Queued", "…", _GREY),
    "running": Word("Running", "▸", _BLUE),
    "done": Word("Done", "✓", _GREEN),
    "failed": Word("Failed", "✗", _RED),
    "cancelled": Word("Cancelled", "⊘", _GREY),
}
LEVELS = {
    "ok": Word("ok", "✓", _GREEN),
    "info": Word("info", "·", _BLUE),
    "warn": Word("warning", "!", _ORANGE),
    "bad": Word("failed", "✗", _RED),
}
COMPARISONS = {
    "new": Word("New", "+", _GREEN),
    "known": Word("Known", "=", _GREY),
    "changed": Word("Changed", "~", _BLUE),
    "vanished": Word("Vanished", "✗", _RED),
    "elsewhere": Word("In another site", "→", _ORANGE),
}


def state(words: dict[str, Word], value: Any) -> Word:
    """The word for a state; one that this version does not know is shown as it came."""
    text = plain(value)
    return words.get(text) or Word(text.capitalize() if text != NOTHING else "Unknown", "?", _GREY)


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


def plain(value: Any) -> str:
    """A value as one line. Control characters go: a container's name must not command the terminal."""
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(plain(each) for each in value)
    return _CONTROL.sub(" ", str(value)).strip() or NOTHING


def number(value: Any) -> float | None:
    """A number, or None where the answer has none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def moment(value: Any) -> datetime | None:
    """A time of the wire (ISO 8601); None where it is none. One without zone is UTC."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


_UNITS = ((86400, "day", "days"), (3600, "h", "h"), (60, "min", "min"), (1, "s", "s"))


def span(seconds: float) -> str:
    """12 s · 3 min · 5 h · 1 day · 2 days: the largest unit that fits."""
    for size, one, many in _UNITS:
        if (count := int(seconds // size)) >= 1:
            return f"{count} {one if count == 1 else many}"
    return "0 s"


def age(value: Any, now: datetime) -> str:
    """12 s ago, or "in 3 days" for a time to come."""
    at = moment(value)
    if at is None:
        return NOTHING
    seconds = (now - at).total_seconds()
    if seconds >= 0:
        return f"{span(seconds)} ago"
    return "now" if seconds > -1 else f"in {span(-seconds)}"


def gib(value: Any) -> str:
    """Bytes as GiB with one decimal."""
    size = number(value)
    return NOTHING if size is None else f"{size / GIB:.1f} GiB"


def gib_of(used: Any, total: Any) -> str:
    """12.3 of 64.0 GiB; only the total while nobody knows the use."""
    first, second = number(used), number(total)
    if not second:  # 0: nothing has been said of it yet
        return NOTHING
    return gib(second) if first is None else f"{first / GIB:.1f} of {second / GIB:.1f} GiB"


def cores_of(used: Any, total: Any) -> str:
    """3.2 of 16 cores; only the total while nobody knows the use."""
    first, second = number(used), number(total)
    if not second:
        return NOTHING
    unit = "core" if second == 1 else "cores"
    return f"{second:g} {unit}" if first is None else f"{first:.1f} of {second:g} {unit}"


def count_of(part: Any, whole: Any) -> str:
    """Running of all, as in 4/6."""
    first, second = number(part), number(whole)
    if second is None:
        return NOTHING
    return f"{NOTHING if first is None else f'{first:g}'}/{second:g}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """1 node · 5 nodes."""
    return f"{count} {one if count == 1 else many or one + 's'}"
