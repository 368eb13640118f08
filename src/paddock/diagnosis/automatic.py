"""A diagnosis by itself when a node fails: in the background, few at a time, not too often per node."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from paddock.base.context import SYSTEM, Context, Services
from paddock.base.errors import PaddockError
from paddock.base.loops import every, stop
from paddock.diagnosis import record
from paddock.diagnosis.node_examination import examine_node
from paddock.nodes import queries as nodes
from paddock.nodes.events import NodeStatusChanged
from paddock.nodes.health import TROUBLE

log = logging.getLogger(__name__)

AT_ONCE = 8
MOST_WAITING = 500
"""Where whole sites fail at once, the rest is found by the next look through."""
RESPITE = timedelta(minutes=5)
"""Between two diagnoses of one node that nobody asked for."""
LOOK_THROUGH_SECONDS = 60.0


class Automatic:
    """A part of `Services`. Events may be lost, and Paddock restarted: it also looks through the nodes by itself."""

    def __init__(self, services: Services) -> None:
        self._ctx = Context(services, SYSTEM)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._loop: list[asyncio.Task[None]] = []
        self._running = False

    def start(self) -> None:
        self._running = True
        self._ctx.services.bus.subscribe(NodeStatusChanged, self._on_status)
        self._loop = [
            asyncio.create_task(
                every(LOOK_THROUGH_SECONDS, self._look_through, name="automatic diagnoses", delay=10)
            )
        ]

    async def stop(self) -> None:
        self._running = False
        await stop([*self._loop, *self._waiting.values()])
        self._waiting.clear()

    async def _on_status(self, event: NodeStatusChanged) -> None:
        if event.after not in TROUBLE or not self._running:
            return
        last = (await record.times(self._ctx)).get(event.node_id)
        if last is None or self._ctx.now() - last > RESPITE:
            self._queue(event.node_id)

    async def _look_through(self) -> None:
        """Queues those that are in trouble and were not diagnosed since it began."""
        times, now = await record.times(self._ctx), self._ctx.now()
        for node in await nodes.all_nodes(self._ctx):
            last = times.get(node.id)
            fresh = last is not None and (last >= node.status_since or now - last <= RESPITE)
            if node.status in TROUBLE and not fresh:
                self._queue(node.id)

    def _queue(self, node_id: str) -> None:
        if node_id in self._waiting or len(self._waiting) >= MOST_WAITING or not self._running:
            return
        task = asyncio.create_task(self._one(node_id), name=f"diagnosis of {node_id}")
        self._waiting[node_id] = task
        task.add_done_callback(lambda _: self._waiting.pop(node_id, None))

    async def _one(self, node_id: str) -> None:
        async with self._slots:
            try:
                found = await examine_node(self._ctx, node_id, automatic=True)
            except PaddockError as error:
                log.info("node %s cannot be diagnosed: %s", node_id, error.message)
            else:
                log.info("node %s was diagnosed: %s", found.name, found.code)
