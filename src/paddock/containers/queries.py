"""Reads of containers: rows joined with their live figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, String, cast, func, or_, select

from paddock.base.context import Context
from paddock.base.errors import NotFound
from paddock.clusters import queries as clusters
from paddock.containers.figures import KIND, ContainerFigures
from paddock.containers.model import Container
from paddock.sites import queries as sites
from paddock.web.paging import Page, Paging
from paddock.web.sorting import ordered


@dataclass(frozen=True, slots=True)
class ContainerView:
    """A container as people see it. Memory and disk in bytes."""

    id: str
    site_id: str
    cluster_id: str
    node_id: str | None
    node_name: str
    vmid: int
    name: str
    status: str
    status_since: datetime
    lock: str
    tags: str
    pool: str
    cores: float
    memory: int
    disk: int
    addresses: list[str]
    ostype: str
    unprivileged: bool | None
    details_at: datetime | None
    details_error: str
    first_seen_at: datetime
    cluster: str
    cluster_kind: str
    site: str
    figures: ContainerFigures | None
    stale: bool

    @property
    def tag_list(self) -> list[str]:
        return [tag for tag in self.tags.split(";") if tag]


_OWN = [
    getattr(Container, name)
    for name in ContainerView.__dataclass_fields__
    if name not in {"site", "cluster", "cluster_kind", "figures", "stale"}
]

SORTS: dict[str, Any] = {
    "name": func.lower(Container.name),
    "vmid": Container.vmid,
    "status": Container.status,
    "node": func.lower(Container.node_name),
    "memory_size": Container.memory,
    "cores": Container.cores,
    "tags": Container.tags,
}

LIVE_SORTS: dict[str, Callable[[ContainerFigures], float]] = {
    "cpu": lambda live: live.cpu,
    "memory": lambda live: live.memory,
    "disk": lambda live: live.disk,
    "uptime": lambda live: live.uptime,
}


@dataclass(frozen=True, slots=True)
class ContainerList:
    page: Page[ContainerView]
    by_status: Counter[str]
    everything: int


def _living(ctx: Context, query: Select[Any]) -> Select[Any]:
    query = query.where(Container.ended_at.is_(None))
    if not ctx.actor.scope.everything:
        query = query.where(Container.site_id.in_(ctx.actor.scope.site_ids or ()))
    return query


def _filtered(query: Select[Any], paging: Paging) -> Select[Any]:
    for name, column in (
        ("site", Container.site_id),
        ("cluster", Container.cluster_id),
        ("node", Container.node_id),
    ):
        if value := paging.filters.get(name):
            query = query.where(column == value)
    if tag := paging.filters.get("tag"):
        query = query.where((";" + Container.tags + ";").contains(f";{tag};", autoescape=True))
    if paging.q:
        matches = [
            Container.name.icontains(paging.q, autoescape=True),
            Container.node_name.icontains(paging.q, autoescape=True),
            Container.tags.icontains(paging.q, autoescape=True),
            func.lower(cast(Container.addresses, String)).contains(paging.q.lower(), autoescape=True),
        ]
        if paging.q.isascii() and paging.q.isdigit() and len(paging.q) < 10:
            matches.append(Container.vmid == int(paging.q))
        query = query.where(or_(*matches))
    return query


async def list_containers(ctx: Context, paging: Paging) -> ContainerList:
    """Containers by site, cluster, node, tag, status and text (name, vmid, node, tag, address)."""
    each: Any = select(Container.status, func.count())
    counted = _filtered(_living(ctx, each), paging)
    wanted = _filtered(_living(ctx, select(Container.id)), paging)
    if status := paging.filters.get("status"):
        wanted = wanted.where(Container.status == status)
    async with ctx.read() as db:
        by_status = Counter(dict((await db.execute(counted.group_by(Container.status))).all()))
        everything = sum(by_status.values())
        total = by_status[status] if status else everything
        if live_sort := LIVE_SORTS.get(paging.sort):
            ids = _sorted_live(ctx, list(await db.scalars(wanted)), live_sort, paging.descending)
            page_ids = ids[paging.offset : paging.offset + paging.size]
            found = {row.id: row for row in await db.execute(_select().where(Container.id.in_(page_ids)))}
            rows = [found[id] for id in page_ids if id in found]
        else:
            query = _filtered(_living(ctx, _select()), paging)
            if status:
                query = query.where(Container.status == status)
            query = ordered(query, paging, SORTS, default=func.lower(Container.name), tie=Container.id)
            # by the connection: columns need no object loading, which costs a third on a long list
            rows = list(await (await db.connection()).execute(query))
    return ContainerList(Page.of(_views(ctx, rows), total, paging), by_status, everything)


async def get_container(ctx: Context, container_id: str) -> ContainerView:
    async with ctx.read() as db:
        rows = (await db.execute(_living(ctx, _select()).where(Container.id == container_id))).all()
    if not rows:
        raise NotFound(f"There is no container {container_id}.", hint="It may have been destroyed.")
    return _views(ctx, rows)[0]


async def count(ctx: Context) -> int:
    async with ctx.read() as db:
        return await db.scalar(_living(ctx, select(func.count(Container.id)))) or 0


def _select() -> Select[Any]:
    return sites.with_name(
        clusters.with_name(select(*_OWN), Container.cluster_id),
        Container.site_id,
    )


def _views(ctx: Context, rows: Iterable[Sequence[Any]]) -> list[ContainerView]:
    """Rows of `_select`, whose columns stand in the order of the view's fields."""
    known = ctx.figures.all(KIND)
    fresh_from = ctx.now() - timedelta(seconds=3 * ctx.settings.watch_interval)
    view: Callable[..., ContainerView] = ContainerView
    views = []
    for row in rows:
        live = known.get(row[0])
        views.append(view(*row, live, live is None or live.at < fresh_from))
    return views


def _sorted_live(
    ctx: Context, ids: list[str], key: Callable[[ContainerFigures], float], descending: bool
) -> list[str]:
    known = ctx.figures.all(KIND)
    ids.sort()
    ids.sort(key=lambda id: key(known[id]) if id in known else -1.0, reverse=descending)
    return ids
