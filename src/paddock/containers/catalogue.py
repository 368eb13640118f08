"""The shelves of all clusters: which containers a list shows, and how many there are.

With tens of thousands of containers every list would otherwise read the whole table twice. The catalogue only
chooses: what is shown comes from the rows, which are asked for by id and within the reader's scope.

It is read anew, cluster by cluster, after a commit has told of a change, and now and then in any case, since
events may be lost.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter, itemgetter

from sqlalchemy import select

from paddock.base.context import SYSTEM, Context, Services
from paddock.base.loops import breathe
from paddock.containers.events import FACTS, details_of, facts_of, figures_of
from paddock.containers.figures import KIND
from paddock.containers.model import Container
from paddock.containers.shelf import Line, Order, Question, Shelf, merged
from paddock.web.paging import Paging

log = logging.getLogger(__name__)

OLDEST = 600.0
"""Seconds after which a cluster is read again, whatever was told."""
DETAILS_PACE = 2.0
"""Seconds at least between two readings for the sake of age, or of addresses, which only the search looks at."""
FIRST_PAGES = 1000
"""Containers up to which a page is picked from the tops of the shelves; further down all of them are put in order."""
SLICE = 0.005
"""Seconds of work after which others have their turn."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What matches: the ids of the asked page, in order, and counts."""

    ids: Sequence[str]
    total: int
    by_status: Counter[str]


class Catalogue:
    """A part of `Services`."""

    def __init__(self) -> None:
        self._shelves: dict[str, Shelf] = {}
        """By cluster, in order of their ids. Replaced as a whole, so that a list looks at one state of it."""
        self._facts: int | None = None
        """What was told of facts, of any cluster, when they were read."""
        self._look_at = 0.0
        self._refresh: asyncio.Task[None] | None = None
        self._reading = asyncio.Lock()

    def start(self, services: Services) -> None:
        """Begins to read what there is, so that the first list need not wait for it."""
        self._refresh = asyncio.create_task(self._fill(Context(services, SYSTEM)), name="catalogue")

    async def stop(self) -> None:
        if self._refresh is not None:
            self._refresh.cancel()
            with suppress(asyncio.CancelledError):
                await self._refresh
            self._refresh = None

    async def choose(self, ctx: Context, paging: Paging) -> Chosen:
        """The asked page of what matches and is in the reader's scope."""
        await self._follow(ctx)
        question = Question.of(paging)
        by_status: Counter[str] = Counter()
        orders: list[Order] = []
        figures, bus, began = ctx.figures.all(KIND), ctx.services.bus, time.perf_counter()
        for cluster_id, shelf in self._chosen(ctx, paging).items():
            by_status.update(shelf.select(question).by_status)
            orders.append(shelf.order(question, figures, bus.revision(figures_of(cluster_id))))
            if time.perf_counter() - began > SLICE:
                await breathe()
                began = time.perf_counter()
        lines = _page(orders, paging.offset, paging.offset + paging.size, descending=question.descending)
        return Chosen([line.id for line in lines], sum(len(order.lines) for order in orders), by_status)

    async def count(self, ctx: Context) -> int:
        """How many are in the reader's scope."""
        await self._follow(ctx)
        return sum(len(shelf.lines) for shelf in self._chosen(ctx, Paging()).values())

    def _chosen(self, ctx: Context, paging: Paging) -> dict[str, Shelf]:
        """The shelves in the reader's scope that the filters by site and cluster leave."""
        scope, site, cluster = ctx.actor.scope.site_ids, paging.filter("site"), paging.filter("cluster")
        return {
            id: shelf
            for id, shelf in self._shelves.items()
            if (scope is None or shelf.site_id in scope)
            and (not site or shelf.site_id == site)
            and (not cluster or id == cluster)
        }

    async def _fill(self, ctx: Context) -> None:
        try:
            await self.choose(ctx, Paging())
        except Exception:
            log.exception("the containers could not be read ahead; the first list reads them")

    async def _follow(self, ctx: Context) -> None:
        """Reads the clusters of which facts were told. What is merely old, or about addresses, is read beside that."""
        bus = ctx.services.bus
        if self._facts != bus.revision(FACTS):
            async with self._reading:
                if self._facts != (facts := bus.revision(FACTS)):
                    await self._read_told(ctx)
                    self._facts = facts  # from before the reading: what is told meanwhile is read next
        elif time.monotonic() >= self._look_at and (self._refresh is None or self._refresh.done()):
            self._refresh = asyncio.create_task(self._read_oldest(ctx.acting_as(SYSTEM)))

    async def _read_told(self, ctx: Context) -> None:
        bus = ctx.services.bus
        shelves = {}
        for id in sorted(await _clusters(ctx)):
            kept = self._shelves.get(id)
            if kept is None or kept.facts != bus.revision(facts_of(id)):
                kept = _newer(kept, await _read(ctx, id))
            shelves[id] = kept
        self._shelves = shelves
        self._look_at = time.monotonic() + DETAILS_PACE

    async def _read_oldest(self, ctx: Context) -> None:
        """One cluster, so that nobody waits for many: one whose addresses changed, or the one read longest ago."""
        bus = ctx.services.bus
        self._look_at = time.monotonic() + DETAILS_PACE
        async with self._reading:
            if not self._shelves:
                return
            news = [id for id, kept in self._shelves.items() if kept.details != bus.revision(details_of(id))]
            oldest = min(news or self._shelves, key=lambda id: self._shelves[id].at)
            kept = self._shelves[oldest]
            if not news and time.monotonic() - kept.at < OLDEST:
                return
            try:
                self._shelves = {**self._shelves, oldest: _newer(kept, await _read(ctx, oldest))}
            except Exception:
                log.exception(
                    "the containers of a cluster were not read again; they are with the next change"
                )


def _newer(kept: Shelf | None, read: Shelf) -> Shelf:
    return kept if kept is not None and kept.take_over(read) else read


def _page(orders: Sequence[Order], start: int, end: int, *, descending: bool) -> Sequence[Line]:
    """Of equals on several shelves the earlier shelf comes first."""
    if len(orders) == 1 or end > FIRST_PAGES:
        return merged(orders, descending=descending).lines[start:end]
    tops = (zip(order.keys, order.lines, strict=True) for order in orders)
    best = heapq.merge(*tops, key=itemgetter(0), reverse=descending)
    return [line for _, line in islice(best, start, end)]


async def _clusters(ctx: Context) -> set[str]:
    """Those that hold containers."""
    async with ctx.read() as db:
        living = select(Container.cluster_id).where(Container.ended_at.is_(None)).distinct()
        return set(await db.scalars(living))


_COLUMNS = [
    getattr(Container, name)
    for name in (
        "id", "site_id", "cluster_id", "node_id", "vmid", "name", "node_name", "status", "tags", "memory", "cores",
        "addresses",
    )
]  # fmt: skip


async def _read(ctx: Context, cluster_id: str) -> Shelf:
    bus, at = ctx.services.bus, time.monotonic()
    facts, details = bus.revision(facts_of(cluster_id)), bus.revision(details_of(cluster_id))
    query = select(*_COLUMNS).where(Container.cluster_id == cluster_id, Container.ended_at.is_(None))
    async with ctx.read() as db:
        rows = (await (await db.connection()).execute(query)).all()
    lines = sorted((_line(*row) for row in rows), key=attrgetter("id"))
    return Shelf(lines, facts=facts, details=details, at=at)


def _line(
    id: str,
    site_id: str,
    cluster_id: str,
    node_id: str | None,
    vmid: int,
    name: str,
    node: str,
    status: str,
    tags: str,
    memory: int,
    cores: float,
    addresses: list[str],
) -> Line:
    keep = sys.intern  # few different texts, said by many rows
    return Line(
        id,
        keep(site_id),
        keep(cluster_id),
        keep(node_id) if node_id else None,
        vmid,
        name.casefold(),
        keep(node.casefold()),
        keep(status),
        keep(tags),
        memory,
        cores,
        "\n".join((name, node, tags, *addresses)).casefold(),
    )
