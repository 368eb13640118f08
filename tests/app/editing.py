"""Rows set by hand, where a state would be tedious to bring about in the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from paddock.clusters.model import Cluster
from paddock.containers.events import ContainersChanged
from paddock.nodes.events import NodeChanged
from paddock.watch.loop import Watcher
from tests.harness import Paddock


@asynccontextmanager
async def edited(paddock: Paddock) -> AsyncIterator[AsyncSession]:
    """A transaction of its own; the watch stops before it, so that nothing is set right again.

    Lists hear of it as of any change.
    """
    await paddock.services.parts[Watcher].forget_all()
    async with paddock.services.db.write() as session:
        yield session

    async with paddock.services.db.read() as session:
        ids = list(await session.scalars(select(Cluster.id)))
    paddock.services.bus.deliver([ContainersChanged(id) for id in ids])
    paddock.services.bus.deliver([NodeChanged("")])
