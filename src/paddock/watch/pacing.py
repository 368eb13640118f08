"""A rate that several askers share. Pure, apart from the clock it is given."""

from __future__ import annotations

import time
from collections.abc import Callable

ACTIVE_SECONDS = 3.0
"""Who has not asked for so long wants nothing now, and leaves its share to the others."""


class Share:
    """At most `rate` a second for all askers together, in equal parts for those that ask."""

    def __init__(self, rate: float, *, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._now = now
        self._asked: dict[str, float] = {}
        """Asker → when it last asked."""
        self._owed: dict[str, float] = {}
        """Parts of one that are too small to be given yet."""

    def take(self, asker: str, wanted: int) -> int:
        """How many of `wanted` the asker may have now. It asks about once a second."""
        now = self._now()
        since = now - self._asked.get(asker, now - 1.0)
        self._asked = {one: at for one, at in self._asked.items() if now - at < ACTIVE_SECONDS} | {asker: now}
        self._owed = {one: owed for one, owed in self._owed.items() if one in self._asked}
        part = self._rate / len(self._asked)
        # what was not used is not saved up, but for the part of one
        owed = min(self._owed.get(asker, 0.0) + part * min(since, ACTIVE_SECONDS), max(1.0, part))
        given = min(wanted, int(owed))
        self._owed[asker] = min(owed - given, 1.0)
        return given
