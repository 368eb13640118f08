"""Nodes that were removed: written down when they go, recognised when they come back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select, update

from paddock.base.context import Context, Write
from paddock.base.errors import NotFound
from paddock.base.ids import new_id
from paddock.clusters.model import Cluster
from paddock.nodes.events import NodeRemoved
from paddock.nodes.figures import KIND
from paddock.nodes.model import Node, Tombstone


async def bury(
    ctx: Context,
    tx: Write,
    node: Node,
    cluster: Cluster,
    *,
    reason: str,
    unasked: str,
    farewell: dict[str, Any] | None = None,
) -> Tombstone:
    """Deletes the node with its bridges and events, and leaves a tombstone."""
    stone = Tombstone(
        id=new_id(),
        identity=cluster.identity,
        cluster=cluster.name,
        name=node.name,
        address=node.address,
        url=node.url,
        site_id=node.site_id,
        trust_mode=cluster.trust_mode,
        credential_kind=cluster.credential_kind,
        credential_name=cluster.credential_name,
        removed_at=ctx.now(),
        removed_by=ctx.actor.name[:64],
        reason=reason,
        unasked=unasked,
        farewell=farewell,
    )
    tx.session.add(stone)
    await tx.session.delete(node)
    await tx.session.flush()
    ctx.figures.forget(KIND, [node.id])
    tx.publish(NodeRemoved(node.id))
    return stone


def epitaph(stone: Tombstone) -> str:
    """`was removed on 25 Nov 2026 by m.huber, because it was broken`; a sentence without subject and full stop."""
    why = f", because: {stone.reason}" if stone.reason else ""
    return f"was removed on {stone.removed_at:%d %b %Y %H:%M} UTC by {stone.removed_by}{why}"


async def find_stone(ctx: Context, stone_id: str) -> Tombstone:
    """Raises NotFound, also out of scope."""
    query = select(Tombstone).where(Tombstone.id == stone_id)
    if not ctx.actor.scope.everything:
        query = query.where(Tombstone.site_id.in_(ctx.actor.scope.site_ids or ()))
    async with ctx.read() as db:
        found = await db.scalar(query)
    if found is None:
        raise NotFound(f"There is no removed node {stone_id}.", hint="Import it anew.")
    return found


async def stones_of(
    ctx: Context, names: Iterable[str], *, identity: str | None = None
) -> Sequence[Tombstone]:
    """The newest per cluster and name that has not come back, of these names; of one cluster or of all."""
    query = select(Tombstone).where(Tombstone.name.in_(list(names)), Tombstone.returned_at.is_(None))
    if identity is not None:
        query = query.where(Tombstone.identity == identity)
    async with ctx.read() as db:
        found = (await db.scalars(query.order_by(Tombstone.removed_at))).all()
    return list({(stone.identity, stone.name): stone for stone in found}.values())


async def returned(ctx: Context, tx: Write, identity: str, name: str) -> Tombstone | None:
    """Marks its tombstones, and gives the newest; None where it was never removed."""
    mine = (Tombstone.identity == identity, Tombstone.name == name, Tombstone.returned_at.is_(None))
    stone: Tombstone | None = await tx.session.scalar(
        select(Tombstone).where(*mine).order_by(Tombstone.removed_at.desc()).limit(1)
    )
    if stone is not None:
        await tx.session.execute(update(Tombstone).where(*mine).values(returned_at=ctx.now()))
    return stone
