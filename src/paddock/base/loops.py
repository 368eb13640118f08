"""Background loops that survive their own mistakes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)


async def every(seconds: float, work: Callable[[], Awaitable[None]], *, name: str, delay: float = 0) -> None:
    """Runs `work` every `seconds`, counted from start to start, until cancelled. A failure is logged; the next round comes."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(delay)
    due = loop.time()
    while True:
        try:
            await work()
        except Exception:
            log.exception("%s failed; the next round comes in %.0f s", name, seconds)
        due = max(due + seconds, loop.time())
        await asyncio.sleep(due - loop.time())


async def stop(tasks: list[asyncio.Task[None]]) -> None:
    """Cancels tasks and waits until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def breathe() -> None:
    """Others' turn, between two pieces of work that each take tens of milliseconds on a large cluster."""
    await asyncio.sleep(0)
