"""Reads of clusters and members."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from paddock.base.context import Context
from paddock.base.errors import NotFound
from paddock.base.memory import Memory
from paddock.clusters.events import ClusterChanged, ClusterImported, ClusterRemoved, MembersEdited
from paddock.clusters.model import Cluster, Deed, Member
from paddock.proxmox import certificates
from paddock.proxmox.certificates import Certificate
from paddock.sites import queries as sites
from paddock.sites.events import SiteChanged
from paddock.web.paging import MOST_OVER_REST, Page, Paging
from paddock.web.sorting import ordered

SORTS: dict[str, Any] = {
    "name": func.lower(Cluster.name),
    "kind": Cluster.kind,
    "created_at": Cluster.created_at,
}


def with_name(query: Select[Any], cluster_id: InstrumentedAttribute[Any]) -> Select[Any]:
    """Adds the columns `cluster` and `cluster_kind` to another slice's query."""
    return query.join(Cluster, Cluster.id == cluster_id).add_columns(
        Cluster.name.label("cluster"), Cluster.kind.label("cluster_kind")
    )


def _in_scope(ctx: Context) -> Sequence[ColumnElement[bool]]:
    if ctx.actor.scope.everything:
        return ()
    return (Cluster.site_id.in_(ctx.actor.scope.site_ids or ()),)


def visible(ctx: Context, cluster_id: InstrumentedAttribute[str]) -> Sequence[ColumnElement[bool]]:
    """Conditions for rows that belong to a cluster: that its site is in scope."""
    if ctx.actor.scope.everything:
        return ()
    return (cluster_id.in_(select(Cluster.id).where(*_in_scope(ctx))),)


@dataclass(frozen=True, slots=True)
class ClusterView:
    """A cluster with the name of its site and the number of its members."""

    row: Cluster
    site: str
    members: int


def _views(ctx: Context) -> Select[Any]:
    members = (
        select(func.count())
        .where(Member.cluster_id == Cluster.id, Member.vanished_at.is_(None))
        .scalar_subquery()
    )
    return sites.with_name(select(Cluster, members.label("members")), Cluster.site_id).where(*_in_scope(ctx))


async def list_clusters(ctx: Context, paging: Paging) -> Page[ClusterView]:
    conditions = list(_in_scope(ctx))
    if site_id := paging.filters.get("site"):
        conditions.append(Cluster.site_id == site_id)
    if paging.q:
        conditions.append(Cluster.name.icontains(paging.q, autoescape=True))
    query = ordered(
        _views(ctx).where(*conditions), paging, SORTS, default=func.lower(Cluster.name), tie=Cluster.id
    )
    async with ctx.read() as db:
        total = await db.scalar(select(func.count(Cluster.id)).where(*conditions)) or 0
        rows = (await db.execute(query)).all()
    return Page.of([ClusterView(row, site, members) for row, members, site in rows], total, paging)


TOLD_BY = (ClusterImported, ClusterChanged, MembersEdited, ClusterRemoved, SiteChanged)
"""What changes a row of a cluster or of its members, or the name of its site."""


async def every_cluster(ctx: Context, site_id: str = "") -> Sequence[ClusterView]:
    """All in scope, or those of a site, by name; remembered until a change is told. The rows are for reading only."""
    scope = ctx.actor.scope.site_ids
    filters = {"site": site_id} if site_id else {}

    async def read() -> Sequence[ClusterView]:
        return (await list_clusters(ctx, Paging(size=MOST_OVER_REST, filters=filters))).items

    return await ctx.part(Memory).recall(("clusters", scope, site_id), TOLD_BY, read)


async def view_cluster(ctx: Context, cluster_id: str) -> ClusterView:
    async with ctx.read() as db:
        found = (await db.execute(_views(ctx).where(Cluster.id == cluster_id))).first()
    if found is None:
        raise NotFound(f"There is no cluster {cluster_id}.", hint="It may have been removed.")
    row, members, site = found
    return ClusterView(row, site, members)


async def all_clusters(ctx: Context) -> Sequence[Cluster]:
    async with ctx.read() as db:
        return (await db.scalars(select(Cluster).where(*_in_scope(ctx)).order_by(Cluster.name))).all()


async def get_cluster(ctx: Context, cluster_id: str) -> Cluster:
    async with ctx.read() as db:
        found = await db.scalar(select(Cluster).where(Cluster.id == cluster_id, *_in_scope(ctx)))
    if found is None:
        raise NotFound(f"There is no cluster {cluster_id}.", hint="It may have been removed.")
    return found


async def find_by_identity(ctx: Context, identity: str) -> Cluster | None:
    """The cluster with this root CA, in whatever site."""
    async with ctx.read() as db:
        return await db.scalar(select(Cluster).where(Cluster.identity == identity))


async def members_of(ctx: Context, cluster_id: str) -> Sequence[Member]:
    query = select(Member).where(Member.cluster_id == cluster_id, *visible(ctx, Member.cluster_id))
    async with ctx.read() as db:
        return (await db.scalars(query.order_by(Member.name))).all()


@dataclass(frozen=True, slots=True)
class MemberTrust:
    """A member, the certificate that is believed, and what it shows instead; None where nothing is known."""

    row: Member
    certificate: Certificate | None
    refused: Certificate | None


async def believed(
    ctx: Context, cluster_ids: Iterable[str], names: Iterable[str]
) -> dict[tuple[str, str], Certificate]:
    """The certificates that are believed of members with such names, by cluster and name."""
    query = select(Member.cluster_id, Member.name, Member.certificate_pem).where(
        Member.cluster_id.in_(cluster_ids),
        Member.name.in_(names),
        Member.certificate_pem != "",
        *visible(ctx, Member.cluster_id),
    )
    async with ctx.read() as db:
        rows = (await db.execute(query)).all()
    return {(cluster_id, name): certificates.parse(pem) for cluster_id, name, pem in rows}


async def trust_of_members(ctx: Context, cluster_id: str) -> list[MemberTrust]:
    """Members that the cluster lists, by name."""
    return [_trust_of(row) for row in await members_of(ctx, cluster_id) if row.vanished_at is None]


async def trust_of_member(ctx: Context, cluster_id: str, member: str) -> MemberTrust:
    """Raises NotFound."""
    return _trust_of(await get_member(ctx, cluster_id, member))


def _trust_of(row: Member) -> MemberTrust:
    return MemberTrust(row, _read(row.certificate_pem), _read(row.refused_pem))


def _read(pem: str) -> Certificate | None:
    return certificates.parse(pem) if pem else None


async def get_member(ctx: Context, cluster_id: str, member: str) -> Member:
    """Raises NotFound; names are case-sensitive."""
    found = next((one for one in await members_of(ctx, cluster_id) if one.name == member), None)
    if found is None:
        raise NotFound(f"There is no member {member[:63]} in this cluster.", hint="Names are case-sensitive.")
    return found


async def own_sign_in(ctx: Context, cluster_id: str, member: str) -> str:
    """The account by which a member is signed in to where it has one of its own; empty where the cluster's counts."""
    query = select(Member.credential_name).where(Member.cluster_id == cluster_id, Member.name == member)
    async with ctx.read() as db:
        return await db.scalar(query.where(*visible(ctx, Member.cluster_id))) or ""


async def joined(ctx: Context) -> Sequence[tuple[Member, Cluster]]:
    """Members that joined between two imports and about whom nobody has decided, with their clusters.

    Remembered until a change is told.
    """
    return await ctx.part(Memory).recall(("joined", ctx.actor.scope.site_ids), TOLD_BY, lambda: _joined(ctx))


async def _joined(ctx: Context) -> Sequence[tuple[Member, Cluster]]:
    query = select(Member, Cluster).join(Cluster, Cluster.id == Member.cluster_id).where(*_in_scope(ctx))
    query = query.where(Member.joined_at.is_not(None), Member.vanished_at.is_(None))
    async with ctx.read() as db:
        rows = (await db.execute(query.order_by(Member.joined_at, Member.name))).all()
    return [(member, cluster) for member, cluster in rows]


async def names_in_site(ctx: Context, site_id: str) -> list[str]:
    query = select(Cluster.name).where(Cluster.site_id == site_id, *_in_scope(ctx))
    async with ctx.read() as db:
        return list(await db.scalars(query.order_by(Cluster.name)))


async def list_deeds(ctx: Context, cluster_id: str, paging: Paging) -> Page[Deed]:
    """What Paddock has made or changed on the cluster itself, the newest first."""
    conditions = [Deed.cluster_id == cluster_id, *visible(ctx, Deed.cluster_id)]
    if paging.q:
        conditions.append(
            or_(
                Deed.name.icontains(paging.q, autoescape=True),
                Deed.detail.icontains(paging.q, autoescape=True),
            )
        )
    query = select(Deed).where(*conditions).order_by(Deed.at.desc(), Deed.id.desc())
    async with ctx.read() as db:
        total = await db.scalar(select(func.count(Deed.id)).where(*conditions)) or 0
        rows = (await db.scalars(query.offset(paging.offset).limit(paging.size))).all()
    return Page.of(rows, total, paging)


async def tokens_made(ctx: Context) -> set[tuple[str, str]]:
    """Cluster id and name of every token that Paddock has made and that is not known to be gone."""
    query = select(Deed.cluster_id, Deed.name).where(
        Deed.kind == "token", Deed.removed_at.is_(None), *visible(ctx, Deed.cluster_id)
    )
    async with ctx.read() as db:
        return {(cluster_id, name) for cluster_id, name in await db.execute(query)}


async def role_given(ctx: Context, cluster_id: str, token: str) -> str:
    """The role on / that Paddock itself has given to a token; empty where it has given none."""
    query = select(Deed.detail).where(
        Deed.cluster_id == cluster_id,
        Deed.kind == "acl",
        Deed.name == f"/ {token}",
        *visible(ctx, Deed.cluster_id),
    )
    async with ctx.read() as db:
        found = await db.scalar(query.order_by(Deed.at.desc()).limit(1))
    return found.removeprefix("role ").removesuffix(" on /") if found else ""
