"""The certificates of nodes that end soon: who signed one decides how it is renewed."""

from __future__ import annotations

from collections.abc import Iterable

from paddock.base.context import Context
from paddock.clusters import queries as clusters
from paddock.nodes.attention import nearing
from paddock.nodes.queries import NodeView
from paddock.proxmox.certificates import Certificate


async def ending(ctx: Context, every: Iterable[NodeView]) -> dict[str, Certificate]:
    """By the node's id. Nothing is read where none ends soon."""
    now = ctx.now()
    soon = [node for node in every if node.certificate_ends and nearing(node.certificate_ends, now)]
    if not soon:
        return {}
    believed = await clusters.believed(ctx, {node.cluster_id for node in soon}, {node.name for node in soon})
    return {
        node.id: believed[node.cluster_id, node.name]
        for node in soon
        if (node.cluster_id, node.name) in believed
    }
