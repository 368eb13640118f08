"""Answers of reads that many pages ask for, kept until something is told that may change them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Any, TypeVar

from paddock.base.events import Bus, Event

T = TypeVar("T")


class Memory:
    """A part of `Services`.

    An answer is forgotten when an event of one of its kinds was delivered, and after `OLDEST` seconds in any case,
    since events may be lost. `MOST` are kept; then all are forgotten.
    """

    OLDEST = 30.0
    MOST = 256

    def __init__(self, bus: Bus, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._clock = clock
        self._kept: dict[Hashable, tuple[int, float, Any]] = {}

    async def recall(
        self, key: Hashable, told_by: Iterable[type[Event]], read: Callable[[], Awaitable[T]]
    ) -> T:
        """What `read` said for this key, or says now. The key names all that the answer depends on but the data."""
        told = self._bus.delivered(
            told_by
        )  # before the reading: what is told meanwhile makes the next one read again
        kept = self._kept.get(key)
        if kept is not None and kept[0] == told and self._clock() < kept[1]:
            answer: T = kept[2]
            return answer
        answer = await read()
        if len(self._kept) >= self.MOST:
            self._kept.clear()
        self._kept[key] = told, self._clock() + self.OLDEST, answer
        return answer
