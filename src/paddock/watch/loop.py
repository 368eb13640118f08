"""The watch over all clusters. Each has its own tasks, so a slow or dead one never delays another."""

from __future__ import annotations

import asyncio
import logging

from paddock.access import setup as access
from paddock.base.context import SYSTEM, Context, Services
from paddock.base.errors import PaddockError, Upstream
from paddock.base.loops import every, stop
from paddock.clusters import queries as clusters
from paddock.clusters import record as cluster_record
from paddock.clusters.events import ClusterImported, ClusterRemoved, MembersEdited
from paddock.jobs import record as jobs
from paddock.nodes import record as nodes
from paddock.proxmox.connections import Connections
from paddock.watch.cluster import ClusterWatch
from paddock.watch.details import Pace

log = logging.getLogger(__name__)

FLUSH_SECONDS = 60.0
FLUSH_MOST = 5000
"""Figures per kind and flush; all are written when Paddock stops."""
RECONCILE_SECONDS = 60.0
PRUNE_SECONDS = 3600.0
FIGURE_VIEWS = ("nodes", "containers", "overview")


class Watcher:
    """Starts a watch per cluster and keeps them equal to what is registered."""

    def __init__(self, services: Services) -> None:
        self._ctx = Context(services, SYSTEM)
        self._watches: dict[str, ClusterWatch] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._changing = asyncio.Lock()
        self._running = False
        self._connections = services.parts[Connections]
        self._pace = Pace()

    async def start(self) -> None:
        """Spreads the clusters over the interval, so that their work does not fall together."""
        services = self._ctx.services
        services.bus.subscribe(ClusterImported, self._on_imported)
        services.bus.subscribe(MembersEdited, self._on_imported)
        services.bus.subscribe(ClusterRemoved, self._on_removed)
        self._running = True
        interval = services.settings.watch_interval
        await self._reconcile()
        self._tasks = [
            asyncio.create_task(every(interval, self._tell, name="live figures", delay=1)),
            asyncio.create_task(
                every(FLUSH_SECONDS, self._flush, name="flush of figures", delay=FLUSH_SECONDS)
            ),
            asyncio.create_task(
                every(RECONCILE_SECONDS, self._reconcile, name="watches", delay=RECONCILE_SECONDS)
            ),
            asyncio.create_task(every(PRUNE_SECONDS, self._prune, name="pruning", delay=30)),
        ]

    async def stop(self) -> None:
        self._running = False
        await stop(self._tasks)
        await self.forget_all()
        await self._ctx.figures.flush(self._ctx.services.db)

    async def forget_all(self) -> None:
        """Ends every watch and connection without touching what is written."""
        async with self._changing:
            watches, self._watches = list(self._watches.values()), {}
            await asyncio.gather(*(watch.stop() for watch in watches))
            await self._connections.close()

    def watch_of(self, cluster_id: str) -> ClusterWatch | None:
        return self._watches.get(cluster_id)

    async def _reconcile(self) -> None:
        """Opens a watch for every cluster that has none: at the start, and after an event was lost."""
        async with self._changing:
            found = [one for one in await clusters.all_clusters(self._ctx) if one.id not in self._watches]
            interval = self._ctx.settings.watch_interval
            for position, cluster in enumerate(found):
                await self._open(cluster.id, delay=interval * position / len(found))

    async def _open(self, cluster_id: str, *, delay: float) -> None:
        if not self._running:
            return
        try:
            watch = await ClusterWatch.open(self._ctx, cluster_id, self._pace)
        except PaddockError as error:
            log.error("cluster %s cannot be watched: %s", cluster_id, error.message)
            told = Upstream(error.message, code=error.code, hint=error.hint)
            await cluster_record.record_trouble(self._ctx, cluster_id, told)
            return
        self._watches[cluster_id] = watch
        watch.start(delay=delay)

    async def _on_imported(self, event: ClusterImported) -> None:
        async with self._changing:
            if (old := self._watches.pop(event.cluster_id, None)) is not None:
                await old.stop()
            if (connection := self._connections.open(event.cluster_id)) is not None:
                await self._connections.reload(event.cluster_id)
                connection.retry_sign_in()
            # the import itself has just read everything
            await self._open(event.cluster_id, delay=self._ctx.settings.watch_interval / 2)

    async def _on_removed(self, event: ClusterRemoved) -> None:
        async with self._changing:
            if (watch := self._watches.pop(event.cluster_id, None)) is not None:
                await watch.stop()
            await self._connections.forget(event.cluster_id)

    async def _tell(self) -> None:
        if self._watches:
            self._ctx.services.bus.touch(FIGURE_VIEWS)

    async def _flush(self) -> None:
        await self._ctx.figures.flush(self._ctx.services.db, most=FLUSH_MOST)

    async def _prune(self) -> None:
        services = self._ctx.services
        await nodes.prune(services)
        await jobs.prune(services)
        await access.prune(services)
