"""Reads of containers: rows joined with their live figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Select, select

from paddock.base.context import Context
from paddock.base.db import among
from paddock.base.errors import NotFound
from paddock.clusters import queries as clusters
from paddock.containers.catalogue import Catalogue
from paddock.containers.figures import KIND, ContainerFigures
from paddock.containers.model import Container
from paddock.sites import queries as sites
from paddock.web.paging import Page, Paging


class ContainerView(msgspec.Struct, frozen=True, gc=False):
    """A container as people see it. Memory and disk in bytes. A struct, since lists make thousands of them."""

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
    for name in ContainerView.__struct_fields__
    if name not in {"site", "cluster", "cluster_kind", "figures", "stale"}
]


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


async def list_containers(ctx: Context, paging: Paging) -> ContainerList:
    """Containers by site, cluster, node, tag, status and text (name, vmid, node, tag, address)."""
    chosen = await ctx.part(Catalogue).choose(ctx, paging)
    found: dict[str, Any] = {}
    if chosen.ids:
        async with ctx.read() as db:
            query = _living(ctx, _select()).where(among(Container.id, chosen.ids, ctx.services.db))
            # by the connection: columns need no object loading, which costs a third on a long list
            found = {row[0]: row for row in await (await db.connection()).execute(query)}
    rows = [found[id] for id in chosen.ids if id in found]
    everything = chosen.by_status.total()
    return ContainerList(Page.of(_views(ctx, rows), chosen.total, paging), chosen.by_status, everything)


async def get_container(ctx: Context, container_id: str) -> ContainerView:
    async with ctx.read() as db:
        rows = (await db.execute(_living(ctx, _select()).where(Container.id == container_id))).all()
    if not rows:
        raise NotFound(f"There is no container {container_id}.", hint="It may have been destroyed.")
    return _views(ctx, rows)[0]


async def vmids_of(ctx: Context, cluster_id: str) -> frozenset[int]:
    """Of all containers of a cluster that Paddock knows."""
    async with ctx.read() as db:
        query = select(Container.vmid).where(Container.cluster_id == cluster_id)
        return frozenset(await db.scalars(_living(ctx, query)))


async def count(ctx: Context) -> int:
    return await ctx.part(Catalogue).count(ctx)


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
