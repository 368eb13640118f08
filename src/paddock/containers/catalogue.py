"""What lists of containers are filtered, counted and sorted by, of all living containers, in memory.

With tens of thousands of containers every list would otherwise read the whole table twice. The catalogue only
chooses: what is shown comes from the rows, which are asked for by id and within the reader's scope.

It is read anew, cluster by cluster, after a commit has told of a change, and now and then in any case, since
events may be lost.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import select

from paddock.base.context import Context
from paddock.containers.events import DETAILS, FACTS, details_of, facts_of
from paddock.containers.figures import KIND, ContainerFigures
from paddock.containers.model import Container
from paddock.web.paging import Paging

OLDEST = 60.0
"""Seconds after which a cluster is read again, whatever was told."""
DETAILS_PACE = 5.0
"""Seconds at least between two readings of a cluster for the sake of addresses, which only the search looks at."""
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
        self._told: tuple[int, int] | None = None
        self._look_at = 0.0
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
        """Reads what has changed."""
        bus = ctx.services.bus
        if self._told == (bus.revision(FACTS), bus.revision(DETAILS)) and time.monotonic() < self._look_at:
            return
        async with self._reading:
            # from before the reading: what is told meanwhile makes the next reader read again
            told, now = (bus.revision(FACTS), bus.revision(DETAILS)), time.monotonic()
            if self._told == told and now < self._look_at:
                return
            known = await _clusters(ctx)
            changed = self._shelves.keys() != known
            shelves = {id: shelf for id, shelf in self._shelves.items() if id in known}
            wait = OLDEST
            for id in known:
                facts, details = bus.revision(facts_of(id)), bus.revision(details_of(id))
                shelf = shelves.get(id)
                if shelf is not None and shelf.facts == facts and now - shelf.at < OLDEST:
                    if shelf.details == details:
                        wait = min(wait, OLDEST - (now - shelf.at))
                        continue
                    if now - shelf.at < DETAILS_PACE:
                        wait = min(wait, DETAILS_PACE - (now - shelf.at))
                        continue
                lines = await _read(ctx, id)
                changed |= shelf is None or lines != shelf.lines
                shelves[id] = Shelf(lines, facts, details, now)
            self._shelves = shelves
            if changed:
                lines = tuple(
                    sorted((line for shelf in shelves.values() for line in shelf.lines), key=attrgetter("id"))
                )
                self._everything = Selection(lines, _counted(lines))
                self._selections, self._orders = {}, {}
            self._told, self._look_at = told, now + wait

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
