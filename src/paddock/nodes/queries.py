"""Reads of nodes: rows joined with their live figures, judged afresh so that old evidence is never green."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute

from paddock.base.context import SYSTEM, Context
from paddock.base.errors import NotFound
from paddock.clusters import queries as clusters
from paddock.nodes import figures, health
from paddock.nodes.events import NodeAppeared, NodeChanged, NodeRemoved, NodeStatusChanged
from paddock.nodes.faces import FACES, Face, because
from paddock.nodes.figures import NodeFigures
from paddock.nodes.model import Bridge, Node, NodeEvent
from paddock.sites import queries as sites
from paddock.web.paging import Page, Paging


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node as people see it. Memory and storage in bytes, CPU in cores."""

    id: str
    name: str
    site_id: str
    cluster_id: str
    address: str
    url: str
    status: str
    status_since: datetime
    status_code: str
    status_reason: str
    pve_version: str
    kernel: str
    cpu_model: str
    cores: int
    memory: int
    certificate_ends: datetime | None
    containers_running: int
    containers_total: int
    vms_running: int
    vms_total: int
    vanished_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime
    cluster: str
    cluster_kind: str
    site: str
    figures: NodeFigures
    stale: bool
    """Whether the figures are too old to be shown as live."""

    @property
    def guests_known(self) -> bool:
        """Whether anybody can say what runs there: not of a node that is down or silent."""
        return self.status not in (health.Status.OFFLINE, health.Status.UNKNOWN)

    @property
    def needs_attention(self) -> bool:
        return self.status in health.TROUBLE or self.vanished_at is not None

    @property
    def face(self) -> Face:
        return FACES[self.status]

    @property
    def because(self) -> str:
        """Why it is so, in two or three words."""
        return because(self.status_code)

    @property
    def lone(self) -> bool:
        return self.cluster_kind == "standalone"

    @property
    def seen_via(self) -> str:
        """The member that vouches for it, where Paddock's own last contact failed."""
        live = self.figures
        return live.via if live.contact_code and live.word and live.via != self.name else ""


_SEVERITY = {status: weight for weight, status in enumerate(FACES)}

Key = Callable[[NodeView], Any]


@lru_cache(maxsize=8192)
def natural(name: str) -> tuple[tuple[int, str], ...]:
    """A key that puts pve2 before pve10, and does not tell cases apart."""
    parts = re.split(r"(\d+)", name.casefold())
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)


SORTS: dict[str, Key] = {
    "name": lambda node: (natural(node.name), natural(node.cluster)),
    "site": lambda node: (natural(node.site), natural(node.cluster), natural(node.name)),
    "status": lambda node: (_SEVERITY.get(node.status, 9), natural(node.name)),
    "cpu": lambda node: (node.figures.cpu or 0) / node.cores if node.cores else 0.0,
    "memory": lambda node: (node.figures.memory or 0) / node.memory if node.memory else 0.0,
    "storage": lambda node: (
        (node.figures.storage_used or 0) / node.figures.storage_total if node.figures.storage_total else 0.0
    ),
    "containers": lambda node: node.containers_total,
    "vms": lambda node: node.vms_total,
    "version": lambda node: _version_key(node.pve_version),
    "address": lambda node: _address_key(node.address),
    "last_seen": lambda node: node.figures.seen_at.timestamp() if node.figures.seen_at else 0.0,
}


_FIELDS = list(NodeView.__dataclass_fields__)
_COLUMNS = [getattr(Node, name) for name in _FIELDS[: _FIELDS.index("cluster")]]
_STATUS, _KIND = _FIELDS.index("status"), _FIELDS.index("cluster_kind")


def _select() -> Select[Any]:
    return sites.with_name(clusters.with_name(select(*_COLUMNS), Node.cluster_id), Node.site_id)


async def _views(ctx: Context, query: Select[Any]) -> list[NodeView]:
    return _seen(ctx, await _rows(ctx, query))


async def _rows(ctx: Context, query: Select[Any]) -> Sequence[Sequence[Any]]:
    if not ctx.actor.scope.everything:
        query = query.where(Node.site_id.in_(ctx.actor.scope.site_ids or ()))
    async with ctx.read() as db:
        # by the connection: columns need no object loading
        rows: Sequence[Sequence[Any]] = (await (await db.connection()).execute(query)).all()
    return rows


def _seen(ctx: Context, rows: Iterable[Sequence[Any]]) -> list[NodeView]:
    now = ctx.now()
    interval = timedelta(seconds=ctx.settings.watch_interval)
    known = ctx.figures.all(figures.KIND)
    nothing = NodeFigures()
    return [_view(row, known.get(row[0], nothing), now, interval) for row in rows]


class Register:
    """All nodes, in the order of their sites, as they were read when a change was last told; a part of `Services`.

    A page shows 50 nodes, but filters, counts and sorts all of them by what is live.
    """

    TOLD_BY = (
        NodeAppeared, NodeChanged, NodeStatusChanged, NodeRemoved, *clusters.TOLD_BY,
    )  # fmt: skip
    """What changes a row, or a name that stands in it. Containers and live figures do not."""

    OLDEST = 30.0
    """Seconds after which the rows are read again, whatever was told: events may be lost."""
    PACE = 1 / 1000
    """Seconds per node for which they are not judged again: a second for a thousand, next to nothing for few."""

    def __init__(self) -> None:
        self._rows: Sequence[Sequence[Any]] = ()
        self._told = -1
        self._rows_until = 0.0
        self._views: list[NodeView] = []
        self._counts: dict[Hashable, tuple[int, int]] = {}
        self._views_until = 0.0

    async def visible(self, ctx: Context) -> list[NodeView]:
        """Those in the reader's scope."""
        now = time.monotonic()
        told = ctx.services.bus.delivered(self.TOLD_BY)
        if told != self._told or now >= self._rows_until:
            rows = await _rows(ctx.acting_as(SYSTEM), _select())
            # from before the reading: what is told meanwhile makes the next reader read again
            self._rows, self._told, self._rows_until = rows, told, now + self.OLDEST
            self._views_until = 0.0
        if now >= self._views_until:
            self._views = sorted(_seen(ctx, self._rows), key=SORTS["site"])
            self._views_until = now + self.PACE * len(self._rows)
            self._counts = {}
        if ctx.actor.scope.everything:
            return list(self._views)
        allowed = ctx.actor.scope.site_ids or frozenset()
        return [node for node in self._views if node.site_id in allowed]

    async def count(self, ctx: Context) -> tuple[int, int]:
        """How many nodes there are in scope, and how many of them are in trouble."""
        every = await self.visible(ctx)
        scope = ctx.actor.scope.site_ids
        if scope not in self._counts:
            self._counts[scope] = len(every), sum(node.needs_attention for node in every)
        return self._counts[scope]


def _view(row: Sequence[Any], live: NodeFigures, now: datetime, interval: timedelta) -> NodeView:
    """`row` is one of `_select`, whose columns stand in the order of the view's fields."""
    view: Callable[..., NodeView] = NodeView
    old = live.at is None or now - live.at > 3 * interval
    status = row[_STATUS]
    if status == health.Status.ONLINE:
        verdict = health.judge(figures.evidence(live, lone=row[_KIND] == "standalone"), now, interval)
        if verdict.status is health.Status.UNKNOWN:
            since = live.seen_at or row[_STATUS + 1]
            shown = (verdict.status, since, verdict.code, verdict.reason)
            return view(*row[:_STATUS], *shown, *row[_STATUS + 4 :], live, old)
    return view(*row, live, old or status == health.Status.OFFLINE)


@dataclass(frozen=True, slots=True)
class Standing:
    """How many nodes of a cluster are registered, and how many of them the cluster calls online."""

    nodes: int
    online: int


@dataclass(frozen=True, slots=True)
class NodeList:
    page: Page[NodeView]
    by_status: Counter[str]
    """How many of each status there are before the status filter."""
    everything: int
    versions: tuple[str, ...]
    attention: int
    sites: int
    standing: dict[str, Standing]
    """By cluster, whatever is searched for."""


async def list_nodes(ctx: Context, paging: Paging) -> NodeList:
    """Nodes by site, cluster, status, version and text (name, address). All are read once: there are few."""
    whole = await ctx.part(Register).visible(ctx)
    if site := paging.filters.get("site"):
        whole = [node for node in whole if node.site_id == site]
    if cluster := paging.filters.get("cluster"):
        whole = [node for node in whole if node.cluster_id == cluster]
    found = [node for node in whole if _matches(node, paging.q)]
    versions = tuple(sorted({node.pve_version for node in found if node.pve_version}, key=_version_key))
    if version := paging.filters.get("version"):
        found = [node for node in found if node.pve_version == version]
    by_status = Counter(str(node.status) for node in found)
    everything = len(found)
    attention = sum(node.needs_attention for node in found)
    site_count = len({node.site_id for node in found})
    if status := paging.filters.get("status"):
        found = [node for node in found if node.status == status]
    if paging.descending or paging.sort in SORTS.keys() - {"site"}:
        found = sorted(found, key=SORTS["name"])
        found.sort(key=SORTS.get(paging.sort, SORTS["site"]), reverse=paging.descending)
    return NodeList(
        Page.cut(found, paging),
        by_status,
        everything,
        versions,
        attention,
        site_count,
        standing(whole),
    )


def standing(nodes: Iterable[NodeView]) -> dict[str, Standing]:
    """How the clusters of these nodes stand. A lone host has no word of a cluster: it counts when it is Online."""
    every: Counter[str] = Counter()
    online: Counter[str] = Counter()
    for node in nodes:
        every[node.cluster_id] += 1
        online[node.cluster_id] += (
            node.status == health.Status.ONLINE if node.lone else bool(node.figures.word)
        )
    return {id: Standing(every[id], online[id]) for id in every}


async def all_nodes(ctx: Context) -> list[NodeView]:
    return await ctx.part(Register).visible(ctx)


async def get_node(ctx: Context, node_id: str) -> NodeView:
    found = await _views(ctx, _select().where(Node.id == node_id))
    if not found:
        raise NotFound(f"There is no node {node_id}.", hint="It may have been removed.")
    return found[0]


def _of_visible(ctx: Context, node_id: InstrumentedAttribute[str]) -> Sequence[ColumnElement[bool]]:
    if ctx.actor.scope.everything:
        return ()
    return (node_id.in_(select(Node.id).where(Node.site_id.in_(ctx.actor.scope.site_ids or ()))),)


async def bridges_of(ctx: Context, node_id: str) -> Sequence[Bridge]:
    async with ctx.read() as db:
        query = select(Bridge).where(Bridge.node_id == node_id, *_of_visible(ctx, Bridge.node_id))
        return (await db.scalars(query.order_by(Bridge.name))).all()


async def events_of(
    ctx: Context, node_id: str | None = None, *, site_id: str = "", limit: int = 50
) -> Sequence[tuple[NodeEvent, str]]:
    """The newest events with the node's name, of one node, one site or all in scope."""
    query = select(NodeEvent, Node.name).join(Node, Node.id == NodeEvent.node_id)
    if node_id is not None:
        query = query.where(NodeEvent.node_id == node_id)
    if site_id:
        query = query.where(Node.site_id == site_id)
    if not ctx.actor.scope.everything:
        query = query.where(Node.site_id.in_(ctx.actor.scope.site_ids or ()))
    query = query.order_by(NodeEvent.at.desc(), NodeEvent.id.desc()).limit(limit)
    async with ctx.read() as db:
        return [(event, name) for event, name in (await db.execute(query)).all()]


async def count_events(ctx: Context, node_id: str) -> int:
    async with ctx.read() as db:
        query = select(func.count()).where(NodeEvent.node_id == node_id, *_of_visible(ctx, NodeEvent.node_id))
        return await db.scalar(query) or 0


async def objections_to_site(ctx: Context, site_id: str) -> list[str]:
    """Who objects to the deletion of a site: the nodes that stand in it, by name."""
    async with ctx.read() as db:
        names = await db.scalars(select(Node.name).where(Node.site_id == site_id).order_by(Node.name))
        return [f"node {name}" for name in names]


async def count(ctx: Context) -> tuple[int, int]:
    """How many nodes there are in scope, and how many of them are in trouble."""
    return await ctx.part(Register).count(ctx)


def _matches(node: NodeView, text: str) -> bool:
    if not text:
        return True
    wanted = text.casefold()
    return any(
        wanted in field.casefold() for field in (node.name, node.address, node.cluster, node.cpu_model)
    )


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isascii() and part.isdigit())


def _address_key(address: str) -> tuple[int, int, str]:
    try:
        parsed = ip_address(address)
    except ValueError:
        return (9, 0, address)
    return (parsed.version, int(parsed), "")
