"""Live pages: one stream per browser that says which views changed; the page then fetches what it shows.

One pump reads the bus for everybody. It puts one message per second and set of views into a chain of
beats; each stream only waits for the next link, so a browser costs one waiting task and no queue.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import StreamingResponse

from paddock.base.clock import Clock
from paddock.base.events import Bus

PACE = 1.0
"""Seconds between two messages; what changes meanwhile goes into one."""
HEARTBEAT = 15.0
LONGEST = 900.0
"""Seconds after which a stream ends; the browser opens a new one and is asked who it is again."""


class Beat:
    """One link of the chain. `message` is None on the last one, when Paddock stops."""

    __slots__ = ("following", "message")

    def __init__(self, message: bytes | None) -> None:
        self.message = message
        self.following: asyncio.Future[Beat] = asyncio.get_running_loop().create_future()


class Live:
    """A part of `Services`. `start` it in the running loop; `stop` ends all streams."""

    def __init__(self, bus: Bus, clock: Clock, *, pace: float = PACE, heartbeat: float = HEARTBEAT) -> None:
        self._bus = bus
        self._clock = clock
        self._pace = pace
        self._heartbeat = heartbeat
        self._last: Beat | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._last = Beat(b"")
        self._task = asyncio.create_task(self._pump(), name="live")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._last is not None:
            self._append(None)
            self._last = None

    async def stream(self) -> AsyncIterator[bytes]:
        """Messages from now on, with a greeting that carries the server's time."""
        beat = self._last
        hello = json.dumps({"at": self._clock.now().isoformat(), "live": beat is not None})
        yield f"retry: 3000\nevent: hello\ndata: {hello}\n\n".encode()
        until = asyncio.get_running_loop().time() + LONGEST
        while beat is not None and asyncio.get_running_loop().time() < until:
            beat = await asyncio.shield(beat.following)
            if beat.message is None:
                return
            yield beat.message

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

    def _append(self, message: bytes | None) -> None:
        assert self._last is not None
        beat = Beat(message)
        self._last.following.set_result(beat)
        self._last = beat


def router(require: Callable[..., Awaitable[Any]], live: Callable[[Request], Live]) -> APIRouter:
    """The route /live. `require` is the dependency that refuses strangers with 401."""
    made = APIRouter(include_in_schema=False)

    @made.get("/live", dependencies=[Depends(require)])
    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(
            live(request).stream(),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return made


def _drain(queue: asyncio.Queue[str]) -> set[str]:
    views: set[str] = set()
    while not queue.empty():
        views.add(queue.get_nowait())
    return views


def _message(views: set[str]) -> bytes:
    return f"event: views\ndata: {','.join(sorted(views))}\n\n".encode()
