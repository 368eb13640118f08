"""Changes of clusters and members within the transaction of an action of a higher floor. No right is asked here."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from paddock.base.context import Context, Write
from paddock.base.errors import AlreadyExists, Detail, NotFound
from paddock.clusters.events import ClusterRemoved, MembersEdited
from paddock.clusters.model import Cluster, Member
from paddock.clusters.reaching import Way
from paddock.web import etags


async def lock(ctx: Context, tx: Write, cluster_id: str, expected: int | None) -> Cluster:
    """The cluster's row, to be changed. Raises NotFound, or StaleVersion where `expected` is not its version."""
    cluster = await _cluster(tx, cluster_id)
    scope = ctx.actor.scope
    if scope.site_ids is not None and cluster.site_id not in scope.site_ids:
        raise NotFound(f"There is no cluster {cluster_id}.", hint="It may have been removed.")
    etags.check(expected, cluster.version, what=f"Cluster {cluster.name}")
    return cluster


async def set_way(tx: Write, member_id: str, way: Way) -> None:
    """Raises AlreadyExists where another member is reached there."""
    member = await _member(tx, member_id)
    host = way.endpoint.host
    other = await tx.session.scalar(
        select(Member).where(
            Member.id != member_id,
            Member.port == way.port,
            Member.vanished_at.is_(None),
            (Member.host == host) | ((Member.host == "") & (Member.address == host)),
        )
    )
    if other is not None:
        message = f"{way.endpoint} is the address of {other.name} already."
        raise AlreadyExists(message, code="address_taken", details=[Detail("url", message)])
    member.address, member.host, member.port = way.address, way.host, way.port
    tx.publish(MembersEdited(member.cluster_id))


def edited(tx: Write, cluster_id: str) -> None:
    """Tells that which members are managed is otherwise now."""
    tx.publish(MembersEdited(cluster_id))


async def rename_member(tx: Write, member_id: str, name: str) -> None:
    """Gives a member the name that the cluster now has for it.

    The cluster may have listed the new name already: that row goes, and what it has learned is kept.
    """
    member = await _member(tx, member_id)
    new = await tx.session.scalar(
        select(Member).where(Member.cluster_id == member.cluster_id, Member.name == name)
    )
    tx.publish(MembersEdited(member.cluster_id))
    member.server_name, member.vanished_at = "", None
    if new is not None:
        member.fingerprint, member.nodeid, member.reported = new.fingerprint, new.nodeid, new.reported
        member.server_name = new.server_name
        await tx.session.delete(new)
        await tx.session.flush()
    member.name = name


async def forget_member(tx: Write, member_id: str) -> None:
    """Deletes a member that has left. No node may hang on it any more."""
    await tx.session.execute(delete(Member).where(Member.id == member_id))


async def decline(tx: Write, cluster_id: str, name: str | None = None) -> None:
    """Members that joined are not offered any more: all of them, or one. Raises NotFound for a name that is none."""
    query = update(Member).where(Member.cluster_id == cluster_id, Member.vanished_at.is_(None))
    if name is not None:
        query = query.where(Member.name == name)
    done = await tx.session.execute(query.values(joined_at=None).returning(Member.id))
    if name is not None and not done.all():
        raise NotFound(f"{name} is not a member of this cluster.", hint="Names are case-sensitive.")
    tx.publish(MembersEdited(cluster_id))


async def move_to_site(ctx: Context, tx: Write, cluster_id: str, site_id: str) -> None:
    cluster = await _cluster(tx, cluster_id)
    cluster.site_id = site_id
    cluster.version += 1
    cluster.updated_at = ctx.now()
    tx.publish(MembersEdited(cluster_id))


async def remove_cluster(tx: Write, cluster_id: str) -> None:
    """Deletes the cluster with its members and sealed credential. Nodes and containers must be gone."""
    await tx.session.delete(await _cluster(tx, cluster_id))
    tx.publish(ClusterRemoved(cluster_id))


async def _member(tx: Write, member_id: str) -> Member:
    member = await tx.session.get(Member, member_id, with_for_update=True)
    if member is None:
        raise NotFound(f"There is no member {member_id}.", hint="It may have been removed.")
    return member


async def _cluster(tx: Write, cluster_id: str) -> Cluster:
    cluster = await tx.session.get(Cluster, cluster_id, with_for_update=True)
    if cluster is None:
        raise NotFound(f"There is no cluster {cluster_id}.", hint="It may have been removed.")
    return cluster
