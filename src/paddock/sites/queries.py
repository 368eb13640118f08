"""Reads of sites."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute

from paddock.base.context import Context
from paddock.base.errors import NotFound
from paddock.sites.model import Site
from paddock.web.paging import Page, Paging
from paddock.web.sorting import ordered

SORTS: dict[str, Any] = {
    "name": func.lower(Site.name),
    "domain": Site.domain,
    "subnet": Site.subnet,
    "updated_at": Site.updated_at,
}


def with_name(query: Select[Any], site_id: InstrumentedAttribute[Any]) -> Select[Any]:
    """Adds the column `site` to another slice's query."""
    return query.join(Site, Site.id == site_id).add_columns(Site.name.label("site"))


def _in_scope(ctx: Context) -> Sequence[ColumnElement[bool]]:
    if ctx.actor.scope.everything:
        return ()
    return (Site.id.in_(ctx.actor.scope.site_ids or ()),)


async def list_sites(ctx: Context, paging: Paging) -> Page[Site]:
    query = select(Site).where(*_in_scope(ctx))
    if paging.q:
        query = query.where(
            Site.name.icontains(paging.q, autoescape=True)
            | Site.domain.icontains(paging.q, autoescape=True)
            | Site.subnet.icontains(paging.q, autoescape=True)
        )
    async with ctx.read() as db:
        total = await db.scalar(select(func.count()).select_from(query.subquery())) or 0
        rows = (
            await db.scalars(ordered(query, paging, SORTS, default=func.lower(Site.name), tie=Site.id))
        ).all()
    return Page.of(rows, total, paging)


async def all_sites(ctx: Context) -> Sequence[Site]:
    async with ctx.read() as db:
        return (await db.scalars(select(Site).where(*_in_scope(ctx)).order_by(func.lower(Site.name)))).all()


async def get_site(ctx: Context, site_id: str) -> Site:
    async with ctx.read() as db:
        found = await db.scalar(select(Site).where(Site.id == site_id, *_in_scope(ctx)))
    if found is None:
        raise NotFound(f"There is no site {site_id}.", hint="It may have been deleted.")
    return found
