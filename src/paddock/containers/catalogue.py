"""What lists of containers are filtered, counted and sorted by, of all living containers, in memory.

With tens of thousands of containers every list would otherwise read the whole table twice. The catalogue only
chooses: what is shown comes from the rows, which are asked for by id and within the reader's scope.

It is read anew, cluster by cluster, after a commit has told of a change, and now and then in any case, since
events may be lost.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import select

from paddock.base.context import SYSTEM, Context
from paddock.containers.events import FACTS, details_of, facts_of
from paddock.containers.figures import KIND, ContainerFigures
from paddock.containers.model import Container
from paddock.web.paging import Paging

log = logging.getLogger(__name__)

OLDEST = 600.0
"""Seconds after which a cluster is read again, whatever was told."""
DETAILS_PACE = 2.0
"""Seconds at least between two readings for the sake of age, or of addresses, which only the search looks at."""
LIVE_PACE = 2 / 50_000
"""Seconds per container for which an order by live figures is kept: two for 50,000, next to nothing for few."""
MOST_REMEMBERED = 64
"""Selections that are remembered until something changes: people page through them, and pages ask for them again."""


class Line(msgspec.Struct, frozen=True, gc=False):
    """A living container as lists look for it."""

    id: str
    site_id: str
    cluster_id: str
    node_id: str | None
    vmid: int
    name: str
    node: str
    status: str
    tags: str
    memory: int
    cores: float
    found: str
    """What a search looks through: name, node, tags and addresses, folded."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The lines of one cluster, and what was told of it when they were read."""

    lines: tuple[Line, ...]
    facts: int
    details: int
    at: float


@dataclass(frozen=True, slots=True)
class Selection:
    """What some filters and some scope leave, by id, before the filter by status; how many there are of each."""

    lines: Sequence[Line]
    by_status: Counter[str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What matches: the ids of the asked page, in order, and counts."""

    ids: Sequence[str]
    total: int
    by_status: Counter[str]


SORTS: dict[str, Callable[[Line], Any]] = {
    "name": attrgetter("name"),
    "vmid": attrgetter("vmid"),
    "status": attrgetter("status"),
    "node": attrgetter("node"),
    "memory_size": attrgetter("memory"),
    "cores": attrgetter("cores"),
    "tags": attrgetter("tags"),
}
LIVE_SORTS: dict[str, Callable[[ContainerFigures], float]] = {
    name: attrgetter(name) for name in ("cpu", "memory", "disk", "uptime")
}


class Catalogue:
    """A part of `Services`."""

    def __init__(self) -> None:
        self._shelves: dict[str, Shelf] = {}
        self._everything = Selection((), Counter())
        self._selections: dict[Hashable, Selection] = {}
        """By filters, text and scope; the oldest first."""
        self._orders: dict[tuple[str, bool], tuple[Sequence[Line], float]] = {}
        """(sort, descending) → all lines in that order, and until when it holds."""
        self._facts: int | None = None
        """What was told of facts, of any cluster, when they were read."""
        self._look_at = 0.0
        self._refresh: asyncio.Task[None] | None = None
        self._reading = asyncio.Lock()

    async def choose(self, ctx: Context, paging: Paging) -> Chosen:
        """The asked page of what matches and is in the reader's scope."""
        await self._follow(ctx)
        selection = self._select(paging, ctx.actor.scope.site_ids)
        status = paging.filters.get("status")
        if selection is self._everything and not status:
            lines = self._order(ctx, paging.sort, paging.descending)
        else:
            lines = [line for line in selection.lines if line.status == status] if status else selection.lines
            lines = _sorted(ctx, lines, paging.sort, paging.descending)
        page = lines[paging.offset : paging.offset + paging.size]
        return Chosen([line.id for line in page], len(lines), Counter(selection.by_status))

    async def count(self, ctx: Context) -> int:
        """How many are in the reader's scope."""
        await self._follow(ctx)
        return len(self._select(Paging(), ctx.actor.scope.site_ids).lines)

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
        known = await _clusters(ctx)
        shelves = {id: shelf for id, shelf in self._shelves.items() if id in known}
        changed = self._shelves.keys() != known
        for id in known:
            kept = shelves.get(id)
            if kept is None or kept.facts != bus.revision(facts_of(id)):
                shelves[id] = await _shelf(ctx, id)
                changed |= kept is None or kept.lines != shelves[id].lines
        self._place(shelves, changed=changed)
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
                shelf = await _shelf(ctx, oldest)
            except Exception:
                log.exception(
                    "the containers of a cluster were not read again; they are with the next change"
                )
                return
            self._place({**self._shelves, oldest: shelf}, changed=shelf.lines != kept.lines)

    def _place(self, shelves: dict[str, Shelf], *, changed: bool) -> None:
        self._shelves = shelves
        if changed:
            lines = tuple(
                sorted((line for shelf in shelves.values() for line in shelf.lines), key=attrgetter("id"))
            )
            self._everything = Selection(lines, _counted(lines))
            self._selections, self._orders = {}, {}

    def _select(self, paging: Paging, site_ids: frozenset[str] | None) -> Selection:
        """What the filters but the one by status leave of what is in scope. `site_ids` of None are all."""
        filters = frozenset((name, value) for name, value in paging.filters.items() if name != "status")
        if not (filters or paging.q) and site_ids is None:
            return self._everything
        key = (filters, paging.q, site_ids)
        if (kept := self._selections.get(key)) is not None:
            return kept
        cluster = self._shelves.get(paging.filters.get("cluster", ""))
        lines: Sequence[Line] = cluster.lines if cluster else self._everything.lines
        if site_ids is not None:
            lines = [line for line in lines if line.site_id in site_ids]
        lines = _matching(lines, paging)
        while len(self._selections) >= MOST_REMEMBERED:
            del self._selections[next(iter(self._selections))]
        found = self._selections[key] = Selection(lines, _counted(lines))
        return found

    def _order(self, ctx: Context, sort: str, descending: bool) -> Sequence[Line]:
        """All lines. An order by live figures is kept for a moment, any other until something changes."""
        now = time.monotonic()
        kept = self._orders.get((sort, descending))
        if kept is not None and now < kept[1]:
            return kept[0]
        lines = self._everything.lines
        ordered = _sorted(ctx, lines, sort, descending)
        until = now + LIVE_PACE * len(lines) if sort in LIVE_SORTS else float("inf")
        self._orders[sort, descending] = ordered, until
        return ordered


def _sorted(ctx: Context, lines: Sequence[Line], sort: str, descending: bool) -> Sequence[Line]:
    """Of equals the one with the smaller id comes first; without a sort the names decide."""
    live = LIVE_SORTS.get(sort)
    if live is None:
        return sorted(lines, key=SORTS.get(sort, SORTS["name"]), reverse=descending)
    known = ctx.figures.all(KIND)
    keys = [live(known[line.id]) if line.id in known else -1.0 for line in lines]
    places = sorted(range(len(keys)), key=keys.__getitem__, reverse=descending)
    return [lines[place] for place in places]


def _matching(lines: Sequence[Line], paging: Paging) -> Sequence[Line]:
    filters = paging.filters
    if site := filters.get("site"):
        lines = [line for line in lines if line.site_id == site]
    if cluster := filters.get("cluster"):
        lines = [line for line in lines if line.cluster_id == cluster]
    if node := filters.get("node"):
        lines = [line for line in lines if line.node_id == node]
    if tag := filters.get("tag"):
        wanted = f";{tag};"
        lines = [line for line in lines if tag in line.tags and wanted in f";{line.tags};"]
    if paging.q:
        text = paging.q.casefold()
        if paging.q.isascii() and paging.q.isdigit() and len(paging.q) < 10:
            vmid = int(paging.q)
            return [line for line in lines if text in line.found or line.vmid == vmid]
        return [line for line in lines if text in line.found]
    return lines


def _counted(lines: Iterable[Line]) -> Counter[str]:
    return Counter(map(attrgetter("status"), lines))


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


async def _shelf(ctx: Context, cluster_id: str) -> Shelf:
    bus, at = ctx.services.bus, time.monotonic()
    facts, details = bus.revision(facts_of(cluster_id)), bus.revision(details_of(cluster_id))
    return Shelf(await _read(ctx, cluster_id), facts, details, at)


async def _read(ctx: Context, cluster_id: str) -> tuple[Line, ...]:
    query = select(*_COLUMNS).where(Container.cluster_id == cluster_id, Container.ended_at.is_(None))
    async with ctx.read() as db:
        rows = (await (await db.connection()).execute(query)).all()
    return tuple(sorted((_line(*row) for row in rows), key=attrgetter("id")))


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
