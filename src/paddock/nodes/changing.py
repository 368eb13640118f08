"""Changes of nodes within the transaction of an action of a higher floor. No right is asked here."""

from __future__ import annotations

from sqlalchemy import select, update

from paddock.base.context import Context, Write
from paddock.base.errors import AlreadyExists, Detail, NotFound
from paddock.clusters.reaching import Way
from paddock.nodes.events import NodeChanged
from paddock.nodes.model import Node
from paddock.nodes.record import log
from paddock.web import etags


async def lock(ctx: Context, tx: Write, node_id: str, expected: int | None) -> Node:
    """The node's row, to be changed. Raises NotFound, or StaleVersion where `expected` is not its version."""
    node = await tx.session.get(Node, node_id, with_for_update=True)
    scope = ctx.actor.scope
    if node is None or (scope.site_ids is not None and node.site_id not in scope.site_ids):
        raise NotFound(f"There is no node {node_id}.", hint="It may have been removed.")
    etags.check(expected, node.version, what=f"Node {node.name}")
    return node


async def name_is_free(tx: Write, node: Node, name: str) -> None:
    """Raises AlreadyExists where its cluster has a managed node of that name."""
    taken = await tx.session.scalar(
        select(Node.id).where(Node.cluster_id == node.cluster_id, Node.name == name, Node.id != node.id)
    )
    if taken is not None:
        message = f"{name} is managed already: it is another node of this cluster."
        raise AlreadyExists(message, details=[Detail("name", message)])


async def others_of(tx: Write, node: Node) -> list[str]:
    """Ids of the other managed nodes of its cluster."""
    others = select(Node.id).where(Node.cluster_id == node.cluster_id, Node.id != node.id)
    return list(await tx.session.scalars(others))


def rename(ctx: Context, tx: Write, node: Node, name: str) -> None:
    node.name, node.vanished_at = name, None
    touched(ctx, tx, node)


def set_way(ctx: Context, tx: Write, node: Node, way: Way) -> None:
    node.address, node.url = way.address, way.endpoint.url
    touched(ctx, tx, node)


async def move_to_site(ctx: Context, tx: Write, cluster_id: str, site_id: str) -> None:
    """All nodes of the cluster: a cluster stands in one site."""
    moved = await tx.session.scalars(
        update(Node)
        .where(Node.cluster_id == cluster_id)
        .values(site_id=site_id, version=Node.version + 1, updated_at=ctx.now())
        .returning(Node.id)
    )
    for node_id in moved:
        tx.publish(NodeChanged(node_id))


def touched(ctx: Context, tx: Write, node: Node) -> None:
    node.updated_at = ctx.now()
    tx.publish(NodeChanged(node.id))


def note(ctx: Context, tx: Write, node_id: str, text: str, level: str = "info") -> None:
    """A line of its event log about what a person did, with who it was."""
    log(tx, node_id, ctx.now(), "changed", level, f"{text} (by {ctx.actor.name})")
