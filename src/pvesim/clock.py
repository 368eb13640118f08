"""The simulator's own time, so that tests can let five minutes pass at once."""

from __future__ import annotations

import time


class Clock:
    """Wall time plus whatever has been skipped."""

    __slots__ = ("_skipped", "started")

    def __init__(self) -> None:
        self._skipped = 0.0
        self.started = time.time()

    @property
    def skipped(self) -> float:
        """Seconds by which it is ahead of the wall's clock."""
        return self._skipped

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time() + self._skipped

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass for everything that ages: tickets, dead nodes, uptimes."""
        self._skipped += seconds


class StillClock(Clock):
    """Time that passes only when it is told to, so that a replay does not depend on the machine's speed."""

    def now(self) -> float:
        return self.started + self._skipped
