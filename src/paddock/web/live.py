"""Live pages: one stream per browser that says which views changed; the page then fetches what it shows.

One pump reads the bus for everybody. It puts one message per second and set of views where all streams read;
each of them only remembers how far it is, so a browser costs one waiting task and no queue. Whoever does not
keep up is dropped: the browser comes again and fetches what it shows.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from paddock.base.clock import Clock
from paddock.base.context import Context
from paddock.base.events import Bus
from paddock.web import problems

PACE = 1.0
"""Seconds between two messages; what changes meanwhile goes into one."""
HEARTBEAT = 15.0
LONGEST = 900.0
"""Seconds after which a stream ends; the browser opens a new one and is asked who it is again."""
MOST_BEHIND = 64
"""Messages that a stream may be behind."""
STALLED = 60.0
"""Seconds that one message may take to be accepted by the connection."""
MOST_PER_PERSON = 20
MOST = 500
"""Streams at once; pages of those who get none are fetched every 15 s instead."""


class Live:
    """A part of `Services`. `start` it in the running loop; `stop` ends all streams."""

    def __init__(self, bus: Bus, clock: Clock, *, pace: float = PACE, heartbeat: float = HEARTBEAT) -> None:
        self._bus = bus
        self._clock = clock
        self._pace = pace
        self._heartbeat = heartbeat
        self._recent: deque[bytes] = deque(maxlen=MOST_BEHIND)
        self._count = 0
        """Messages since the start; the last ones are in `_recent`."""
        self._news: asyncio.Future[None] | None = None
        """Done with the next message, or when Paddock stops; None while Paddock does not run."""
        self._streams: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._news = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._pump(), name="live")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self.end()

    def end(self) -> None:
        """Ends all streams; none begins any more. Safe to call from a signal handler of the loop's thread."""
        if self._news is not None:
            news, self._news = self._news, None
            news.set_result(None)

    @contextmanager
    def place(self, person: str) -> Iterator[None]:
        """Counts one stream. Raises Busy where the person, or everybody together, has too many."""
        if self._streams[person] >= MOST_PER_PERSON or self._streams.total() >= MOST:
            raise problems.Busy("Too many live streams are open.", seconds=60, hint="Close some pages.")
        self._streams[person] += 1
        try:
            yield
        finally:
            self._streams[person] -= 1
            if not self._streams[person]:
                del self._streams[person]

    async def stream(self) -> AsyncIterator[bytes]:
        """Messages from now on, with a greeting that carries the server's time."""
        told = self._count
        hello = json.dumps({"at": self._clock.now().isoformat(), "live": self._news is not None})
        yield f"retry: 3000\nevent: hello\ndata: {hello}\n\n".encode()
        until = asyncio.get_running_loop().time() + LONGEST
        while self._news is not None and asyncio.get_running_loop().time() < until:
            behind = self._count - told
            if behind == 0:
                await asyncio.shield(self._news)
            elif behind > len(self._recent):
                return
            else:
                told += 1
                yield self._recent[-behind]

    async def _pump(self) -> None:
        queue = self._bus.watch()
        try:
            while True:
                try:
                    views = {await asyncio.wait_for(queue.get(), self._heartbeat)}
                except TimeoutError:
                    self._append(b": still here\n\n")
                    continue
                views |= _drain(queue)
                self._append(_message(views))
                await asyncio.sleep(self._pace)
        finally:
            self._bus.unwatch(queue)

    def _append(self, message: bytes) -> None:
        if self._news is None:
            return  # Paddock is stopping
        self._recent.append(message)
        self._count += 1
        self._news.set_result(None)
        self._news = asyncio.get_running_loop().create_future()


class LiveResponse(StreamingResponse):
    """Takes a place while it runs, and ends where the other side does not read."""

    def __init__(self, live: Live, person: str, *, stalled: float = STALLED) -> None:
        super().__init__(
            live.stream(),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._live = live
        self._person = person
        self._stalled = stalled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def in_time(message: Message) -> None:
            async with asyncio.timeout(self._stalled):
                await send(message)

        with self._live.place(self._person), suppress(TimeoutError, ClientDisconnect):
            await super().__call__(scope, receive, in_time)


def router(require: Callable[..., Awaitable[Context]], live: Callable[[Request], Live]) -> APIRouter:
    """The route /live. `require` is the dependency that refuses strangers with 401. Raises Busy."""
    made = APIRouter(include_in_schema=False)

    @made.get("/live")
    async def stream(request: Request, ctx: Any = Depends(require)) -> StreamingResponse:
        return LiveResponse(live(request), ctx.actor.user_id or "")

    return made


def _drain(queue: asyncio.Queue[str]) -> set[str]:
    views: set[str] = set()
    while not queue.empty():
        views.add(queue.get_nowait())
    return views


def _message(views: set[str]) -> bytes:
    return f"event: views\ndata: {','.join(sorted(views))}\n\n".encode()
