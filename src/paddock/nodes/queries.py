"""Reads of nodes: rows joined with their live figures, judged afresh so that old evidence is never green."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from paddock.base.context import Context
from paddock.base.errors import NotFound
from paddock.clusters import queries as clusters
from paddock.nodes import figures, health
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
    site: str
    cluster_id: str
    cluster: str
    cluster_kind: str
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


def natural(name: str) -> list[tuple[int, str]]:
    """A key that puts pve2 before pve10, and does not tell cases apart."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


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


def _select() -> Select[Any]:
    columns = [getattr(Node, name) for name in _NODE_COLUMNS]
    return sites.with_name(clusters.with_name(select(*columns), Node.cluster_id), Node.site_id)


_NODE_COLUMNS = (
    "id",
    "name",
    "site_id",
    "cluster_id",
    "address",
    "url",
    "status",
    "status_since",
    "status_code",
    "status_reason",
    "pve_version",
    "kernel",
    "cpu_model",
    "cores",
    "memory",
    "certificate_ends",
    "containers_running",
    "containers_total",
    "vms_running",
    "vms_total",
    "vanished_at",
    "version",
    "created_at",
    "updated_at",
)


async def _views(ctx: Context, query: Select[Any]) -> list[NodeView]:
    if not ctx.actor.scope.everything:
        query = query.where(Node.site_id.in_(ctx.actor.scope.site_ids or ()))
    async with ctx.read() as db:
        rows = (await db.execute(query)).mappings().all()
    now = ctx.now()
    interval = timedelta(seconds=ctx.settings.watch_interval)
    known = ctx.figures.all(figures.KIND)
    return [_view(row, known.get(row["id"]) or NodeFigures(), now, interval) for row in rows]


def _view(row: RowMapping, live: NodeFigures, now: datetime, interval: timedelta) -> NodeView:
    shown = dict(row)
    if shown["status"] == health.Status.ONLINE:
        verdict = health.judge(
            figures.evidence(live, lone=shown["cluster_kind"] == "standalone"), now, interval
        )
        if verdict.status is health.Status.UNKNOWN:
            shown["status"], shown["status_code"], shown["status_reason"] = (
                verdict.status,
                verdict.code,
                verdict.reason,
            )
            shown["status_since"] = live.seen_at or shown["status_since"]
    old = live.at is None or now - live.at > 3 * interval
    return NodeView(**shown, figures=live, stale=old or shown["status"] == health.Status.OFFLINE)


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
    query = _select()
    for name, column in (("site", Node.site_id), ("cluster", Node.cluster_id)):
        if value := paging.filters.get(name):
            query = query.where(column == value)
    whole = await _views(ctx, query)
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
    found.sort(key=SORTS["name"])
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
    return sorted(await _views(ctx, _select()), key=SORTS["site"])


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
    query = select(
        func.count(), func.count().filter(or_(Node.status.in_(health.TROUBLE), Node.vanished_at.is_not(None)))
    )
    if not ctx.actor.scope.everything:
        query = query.where(Node.site_id.in_(ctx.actor.scope.site_ids or ()))
    async with ctx.read() as db:
        everything, trouble = (await db.execute(query)).one()
    return everything, trouble


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
