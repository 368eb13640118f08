"""Rows set by hand, where a state would be tedious to bring about in the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from paddock.watch.loop import Watcher
from tests.harness import Paddock


@asynccontextmanager
async def edited(paddock: Paddock) -> AsyncIterator[AsyncSession]:
    """A transaction of its own; the watch stops before it, so that nothing is set right again."""
    await paddock.services.parts[Watcher].forget_all()
    async with paddock.services.db.write() as session:
        yield session
