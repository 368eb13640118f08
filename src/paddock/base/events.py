"""What happened, told to whoever listens: in the same process, after the commit.

Events may be lost (the process dies between commit and delivery), so listeners also reconcile.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

log = logging.getLogger(__name__)

Listener = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events. `views` name the pages whose content the event changes, for live updates."""

    views: ClassVar[frozenset[str]] = frozenset()

    @property
    def marks(self) -> tuple[str, ...]:
        """Names whose revision the event raises besides those of its views, without waking a page."""
        return ()


class Bus:
    """Delivers events to listeners by type, and the names of changed views to live pages."""

    def __init__(self) -> None:
        self._listeners: dict[type[Event], list[Listener]] = {}
        self._watchers: set[asyncio.Queue[str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._revisions: dict[str, int] = {}
        self._delivered: Counter[type[Event]] = Counter()

    def subscribe(self, kind: type[Event], listener: Listener) -> None:
        self._listeners.setdefault(kind, []).append(listener)

    def revision(self, view: str) -> int:
        """Counts the changes of a view, or of a mark, since the process started."""
        return self._revisions.get(view, 0)

    def delivered(self, kinds: Iterable[type[Event]]) -> int:
        """How many events of these kinds were delivered since the process started."""
        return sum(self._delivered[kind] for kind in kinds)

    def deliver(self, events: Iterable[Event]) -> None:
        """Hands events to their listeners, each in a task of its own, and wakes the live pages."""
        views: set[str] = set()
        for event in events:
            views |= event.views
            self._delivered[type(event)] += 1
            self.mark(*event.marks)
            for listener in self._listeners.get(type(event), ()):
                task = asyncio.ensure_future(listener(event))
                self._tasks.add(task)
                task.add_done_callback(self._finished)
        self.touch(views)

    def mark(self, *names: str) -> None:
        """Raises revisions without waking a page."""
        for name in names:
            self._revisions[name] = self.revision(name) + 1

    def touch(self, views: Iterable[str]) -> None:
        """Says that views changed without an event, for example because live figures are newer."""
        for view in views:
            self.mark(view)
            for queue in self._watchers:
                queue.put_nowait(view)

    def watch(self) -> asyncio.Queue[str]:
        """A queue of names of changed views; give it back with `unwatch`."""
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._watchers.add(queue)
        return queue

    def unwatch(self, queue: asyncio.Queue[str]) -> None:
        self._watchers.discard(queue)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a listener failed", exc_info=error)
