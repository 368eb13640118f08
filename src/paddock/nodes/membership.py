"""What a cluster's changes of membership mean to its nodes, written down. Called by `watch` only."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from paddock.base.context import Context, Write
from paddock.clusters.reaching import Way
from paddock.nodes.events import NodeChanged
from paddock.nodes.model import Node
from paddock.nodes.record import log


async def follow(
    ctx: Context,
    tx: Write,
    cluster_id: str,
    moved: Mapping[str, tuple[Way, Way]],
    elsewhere: Mapping[str, str],
) -> None:
    """Takes over addresses that the cluster reports anew, and tells of those that were not followed."""
    if not moved and not elsewhere:
        return
    for node in await tx.session.scalars(select(Node).where(Node.cluster_id == cluster_id)):
        if node.name in moved:
            before, after = moved[node.name]
            node.address, node.url = after.address, after.endpoint.url
            node.version += 1
            node.updated_at = ctx.now()
            text = f"The cluster reports another address: {before.address} → {after.address}"
            log(tx, node.id, ctx.now(), "changed", "info", text)
            tx.publish(NodeChanged(node.id))
        elif node.name in elsewhere:
            text = f"The cluster reports {elsewhere[node.name]} now; Paddock keeps {node.address}, which was chosen here"
            log(tx, node.id, ctx.now(), "changed", "warn", text)


async def record_kind(ctx: Context, tx: Write, cluster_id: str, name: str | None) -> None:
    """A lone host has become the cluster `name`, or its last node a lone host (None). It is the same to Paddock."""
    text = f"The lone host is the cluster {name} now" if name else "The cluster is a lone host now"
    for node in await tx.session.scalars(select(Node).where(Node.cluster_id == cluster_id)):
        log(tx, node.id, ctx.now(), "changed", "info", text)
        tx.publish(NodeChanged(node.id))
