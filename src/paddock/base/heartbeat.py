"""How the process itself is doing: how late its event loop is, how many tasks and sockets it has, its memory."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BEAT = 0.05
KEPT = 60.0
"""Seconds of lateness that are kept."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Figures of this process at one moment; memory in bytes, lateness in seconds."""

    tasks: int
    sockets: int
    """Open sockets, listening ones too."""
    files: int
    """Open file descriptors, sockets too."""
    threads: int
    memory: int
    """Resident."""
    lag_p50: float
    lag_p99: float
    lag_most: float


class Heartbeat:
    """Wakes up now and then and notes how late it was; a part of `Services`."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=round(KEPT / BEAT))
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._beat(), name="heartbeat")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def condition(self, *, collect: bool = False) -> Condition:
        """With `collect` garbage is collected first, so that only what is really held is counted."""
        if collect:
            gc.collect()
        late = sorted(self._late) or [0.0]
        sockets, files = _descriptors()
        status = _status()
        return Condition(
            tasks=len(asyncio.all_tasks()),
            sockets=sockets,
            files=files,
            threads=status.get("Threads", 0),
            memory=status.get("VmRSS", 0) * 1024,
            lag_p50=late[len(late) // 2],
            lag_p99=late[min(len(late) - 1, int(0.99 * len(late)))],
            lag_most=late[-1],
        )

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + BEAT
            await asyncio.sleep(BEAT)
            self._late.append(max(0.0, loop.time() - due))


def _descriptors() -> tuple[int, int]:
    """Sockets and all open files; zeros where the system does not say."""
    sockets = files = 0
    with suppress(OSError):
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                sockets += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
                files += 1
    return sockets, files


def _status() -> dict[str, int]:
    found: dict[str, int] = {}
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            name, _, rest = line.partition(":")
            word = rest.split()[0] if rest.split() else ""
            if word.isdigit():
                found[name] = int(word)
    return found
