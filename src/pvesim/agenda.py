"""What happens later: work that goes on between two looks at a cluster.

Nothing runs by itself. Whoever looks, lets everything happen first that was due by then, each at its own
time, so that a cluster nobody asks costs nothing and skipped time is lived through.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

Action = Callable[[float], None]


class Entry:
    """Something on the agenda."""

    __slots__ = ("action", "when")

    def __init__(self, when: float, action: Action) -> None:
        self.when = when
        self.action: Action | None = action

    def cancel(self) -> None:
        self.action = None


class Agenda:
    """Actions by the time at which they are due, in seconds since the epoch."""

    __slots__ = ("_heap", "_order", "before")

    def __init__(self) -> None:
        self.before: Action = lambda when: None  # done before every action
        self._heap: list[tuple[float, int, Entry]] = []
        self._order = count()

    def at(self, when: float, action: Action) -> Entry:
        """Do it at `when`, or at the next look if that has passed."""
        entry = Entry(when, action)
        heapq.heappush(self._heap, (when, next(self._order), entry))
        return entry

    def live(self, now: float) -> None:
        """Let everything happen that is due by now; an action learns the time it was due."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            when, _, entry = heapq.heappop(heap)
            if entry.action is not None:
                self.before(when)
                entry.action(when)

    @property
    def next_at(self) -> float | None:
        """When something is due next."""
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
