"""The living containers of one cluster in memory, as lists look for them: filtered, counted and sorted.

A shelf is the unit of change. What was asked of it stays remembered until its cluster changes (for orders by live
figures: until newer figures came), so that a change in one cluster costs nothing for the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from paddock.containers.figures import ContainerFigures
from paddock.web.paging import Paging

T = TypeVar("T")

MOST_REMEMBERED = 32
"""Selections, and orders, that are remembered: people page through them, and pages ask for them again."""


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


@dataclass(frozen=True, slots=True)
class Question:
    """What a list asks of every shelf. Site and cluster are not in it: they choose the shelves."""

    node: str = ""
    tag: str = ""
    q: str = ""
    status: str = ""
    sort: str = "name"
    descending: bool = False

    @classmethod
    def of(cls, paging: Paging) -> Question:
        """Of an unknown sort it makes one by name."""
        known = paging.sort in SORTS or paging.sort in LIVE_SORTS
        return cls(
            node=paging.filter("node") or "",
            tag=paging.filter("tag") or "",
            q=paging.q,
            status=paging.filter("status") or "",
            sort=paging.sort if known else "name",
            descending=paging.descending,
        )

    @property
    def narrowing(self) -> Question:
        """The part that decides which lines are counted, by status."""
        return replace(self, status="", sort="name", descending=False)


@dataclass(frozen=True, slots=True)
class Selection:
    """What matches but for the filter by status, and how many there are of each status."""

    lines: Sequence[Line]
    by_status: Counter[str]


@dataclass(frozen=True, slots=True)
class Order:
    """What matches, in order, and what it was ordered by; of equals the one with the smaller id comes first."""

    keys: Sequence[Any]
    lines: Sequence[Line]


class Shelf:
    """The lines of one cluster, sorted by id. `facts` and `details` say what was told of it when they were read."""

    def __init__(self, lines: Sequence[Line], *, facts: int, details: int, at: float) -> None:
        self.lines = lines
        self.site_id = lines[0].site_id if lines else ""
        self.facts, self.details, self.at = facts, details, at
        self._everything = Selection(lines, _counted(lines))
        self._selections: dict[Question, Selection] = {}
        self._orders: dict[Question, tuple[int, Order]] = {}

    def take_over(self, newer: Shelf) -> bool:
        """Whether a newer reading found the same; then this one counts as just read and keeps what it remembers."""
        if newer.lines != self.lines:
            return False
        self.facts, self.details, self.at = newer.facts, newer.details, newer.at
        return True

    def select(self, question: Question) -> Selection:
        key = question.narrowing
        if key == _EVERYTHING:
            return self._everything
        if (kept := self._selections.get(key)) is None:
            lines = _matching(self.lines, question)
            kept = _remember(self._selections, key, Selection(lines, _counted(lines)))
        return kept

    def order(self, question: Question, figures: Mapping[str, ContainerFigures], revision: int) -> Order:
        """What matches, in order. `revision` counts the changes of `figures`, by container id."""
        live = LIVE_SORTS.get(question.sort)
        told = revision if live else 0
        if (kept := self._orders.get(question)) is not None and kept[0] == told:
            return kept[1]
        lines = self.select(question).lines
        if question.status:
            lines = [line for line in lines if line.status == question.status]
        if live:
            found = ((line.id, figures.get(line.id)) for line in lines)
            keys: list[Any] = [-1.0 if known is None else live(known) for _, known in found]
        else:
            keys = list(map(SORTS[question.sort], lines))
        return _remember(self._orders, question, (told, _ordered(keys, lines, question.descending)))[1]


def merged(orders: Sequence[Order], *, descending: bool) -> Order:
    """One order out of several, each ordered alike: next to linear, since what is sorted already stays so."""
    if len(orders) == 1:
        return orders[0]
    keys = [key for order in orders for key in order.keys]
    return _ordered(keys, [line for order in orders for line in order.lines], descending)


def _ordered(keys: Sequence[Any], lines: Sequence[Line], descending: bool) -> Order:
    places = sorted(range(len(keys)), key=keys.__getitem__, reverse=descending)
    return Order([keys[place] for place in places], [lines[place] for place in places])


def _matching(lines: Sequence[Line], question: Question) -> Sequence[Line]:
    if question.node:
        lines = [line for line in lines if line.node_id == question.node]
    if tag := question.tag:
        wanted = f";{tag};"
        lines = [line for line in lines if tag in line.tags and wanted in f";{line.tags};"]
    if question.q:
        text = question.q.casefold()
        if question.q.isascii() and question.q.isdigit() and len(question.q) < 10:
            vmid = int(question.q)
            return [line for line in lines if text in line.found or line.vmid == vmid]
        return [line for line in lines if text in line.found]
    return lines


def _counted(lines: Sequence[Line]) -> Counter[str]:
    return Counter(map(attrgetter("status"), lines))


def _remember(kept: dict[Question, T], key: Question, value: T) -> T:
    """The one worked out longest ago makes place."""
    kept.pop(key, None)
    while len(kept) >= MOST_REMEMBERED:
        del kept[next(iter(kept))]
    kept[key] = value
    return value


_EVERYTHING = Question()
