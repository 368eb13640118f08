"""Slows down guessing: each failed attempt makes the next wait longer. Pure; the caller hands in the time."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True)
class _Record:
    failures: int
    until: datetime
    last: datetime


class Throttle:
    """Counts attempts per key. The first `free` ones cost nothing, then the wait doubles from 1 s up to `longest`.

    An attempt counts when it begins, so that many at once gain nothing; `succeeded` takes it back.
    """

    def __init__(
        self, *, free: int, longest: float = 900.0, forget: float = 3600.0, keys: int = 10_000
    ) -> None:
        self._free = free
        self._longest = longest
        self._forget = timedelta(seconds=forget)
        self._keys = keys
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def wait(self, key: str, now: datetime) -> float:
        """Seconds until the next attempt is allowed; 0 where it is now."""
        record = self._records.get(key)
        return 0.0 if record is None else max(0.0, (record.until - now).total_seconds())

    def begin(self, key: str, now: datetime) -> None:
        """Counts an attempt as failed until it has succeeded."""
        record = self._records.get(key)
        if record is None or now - record.last > self._forget:
            record = self._records[key] = _Record(0, now, now)
        record.failures += 1
        record.last = now
        over = record.failures - self._free
        record.until = now + timedelta(seconds=min(self._longest, 2.0 ** min(over, 30))) if over >= 0 else now
        self._records.move_to_end(key)
        while len(self._records) > self._keys:
            self._records.popitem(last=False)

    def succeeded(self, key: str) -> None:
        self._records.pop(key, None)
