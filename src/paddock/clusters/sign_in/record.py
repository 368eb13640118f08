"""Credentials and deeds written down, by the actions and jobs of the sign-in."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import and_, or_, select, update

from paddock.access import audit
from paddock.base.context import Context, Write
from paddock.base.errors import NotFound
from paddock.clusters.connecting import kind_of, name_of, seal, seal_own
from paddock.clusters.events import ClusterImported
from paddock.clusters.model import Cluster, Deed, Member
from paddock.proxmox import ceremony
from paddock.proxmox.credentials import Credential
from paddock.web import etags


async def save_credential(
    ctx: Context, tx: Write, cluster_id: str, credential: Credential, *, expected: int | None = None
) -> Cluster:
    """The credential of all members that have none of their own. Raises NotFound, StaleVersion."""
    cluster = await cluster_for_update(ctx, tx, cluster_id)
    etags.check(expected, cluster.version, what=f"Cluster {cluster.name}")
    cluster.credential_kind = kind_of(credential)
    cluster.credential_name = name_of(credential)
    cluster.credential_sealed = seal(ctx.vault, cluster.identity, credential)
    cluster.credential_since = ctx.now()
    touch(ctx, tx, cluster)
    return cluster


async def save_own_credential(
    ctx: Context,
    tx: Write,
    cluster_id: str,
    name: str,
    credential: Credential | None,
    *,
    expected: int | None = None,
) -> Cluster:
    """The credential of one member; None takes it away, and the member uses the cluster's. Raises as above."""
    cluster = await cluster_for_update(ctx, tx, cluster_id)
    etags.check(expected, cluster.version, what=f"Cluster {cluster.name}")
    member = await tx.session.scalar(
        select(Member).where(Member.cluster_id == cluster_id, Member.name == name).with_for_update()
    )
    if member is None:
        raise no_member(cluster.name, name)
    member.credential_kind = kind_of(credential) if credential else ""
    member.credential_name = name_of(credential) if credential else ""
    member.credential_sealed = seal_own(ctx.vault, member.id, credential) if credential else ""
    touch(ctx, tx, cluster)
    return cluster


async def record_deeds(
    ctx: Context,
    tx: Write,
    cluster_id: str,
    deeds: Iterable[ceremony.Deed],
    *,
    actor: str,
    administrator: str,
) -> None:
    """One row per thing. What stands there already is written once."""
    query = select(Deed.kind, Deed.name, Deed.verb).where(
        Deed.cluster_id == cluster_id, Deed.removed_at.is_(None)
    )
    known = {tuple(row) for row in await tx.session.execute(query)}
    for deed in deeds:
        if (deed.kind, deed.name, deed.verb) not in known:
            tx.session.add(
                Deed(
                    cluster_id=cluster_id,
                    kind=deed.kind,
                    name=deed.name,
                    verb=deed.verb,
                    detail=deed.detail,
                    at=ctx.now(),
                    actor=actor[:64],
                    administrator=administrator,
                    removed_by="",
                )
            )


async def record_removed(ctx: Context, cluster_id: str, things: Iterable[str], actor: str) -> None:
    """Things are gone from Proxmox VE, each as its kind and name (`user paddock@pve`), with the entries that name them."""
    async with ctx.write() as tx:
        for kind, _, name in (thing.partition(" ") for thing in things):
            entries = and_(Deed.kind == "acl", Deed.name.endswith(f" {name}", autoescape=True))
            await tx.session.execute(
                update(Deed)
                .where(Deed.cluster_id == cluster_id, Deed.removed_at.is_(None))
                .where(or_(and_(Deed.kind == kind, Deed.name == name), entries))
                .values(removed_at=ctx.now(), removed_by=actor[:64])
            )


async def cluster_for_update(ctx: Context, tx: Write, cluster_id: str) -> Cluster:
    cluster = await tx.session.get(Cluster, cluster_id, with_for_update=True)
    scope = ctx.actor.scope
    if cluster is None or (scope.site_ids is not None and cluster.site_id not in scope.site_ids):
        raise NotFound(f"There is no cluster {cluster_id}.", hint="It may have been removed.")
    return cluster


def touch(ctx: Context, tx: Write, cluster: Cluster) -> None:
    cluster.version += 1
    cluster.updated_at = ctx.now()
    tx.publish(ClusterImported(cluster.id))


def target_of(cluster: Cluster) -> audit.Target:
    return audit.Target("cluster", cluster.id, cluster.name)


def no_member(cluster: str, name: str) -> NotFound:
    return NotFound(f"The cluster {cluster} has no member {name}.", hint="Names are case-sensitive.")
