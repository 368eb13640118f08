"""What stands on every site: handed by `app` to the pages of sites, which stand below clusters and nodes."""

from __future__ import annotations

from collections.abc import Mapping

from paddock.base.context import Context
from paddock.clusters import queries as clusters
from paddock.nodes import queries as nodes
from paddock.nodes.queries import NodeView
from paddock.sites.standing import ClusterLine, NodeLine, Standing


async def stand_on(ctx: Context) -> Mapping[str, Standing]:
    """By site id; sites without a cluster are left out."""
    by_cluster: dict[str, list[NodeLine]] = {}
    for node in await nodes.all_nodes(ctx):
        by_cluster.setdefault(node.cluster_id, []).append(_line(node))
    by_site: dict[str, list[ClusterLine]] = {}
    for cluster in await clusters.all_clusters(ctx):
        line = ClusterLine(
            cluster.id, cluster.name, cluster.kind, cluster.quorate, tuple(by_cluster.get(cluster.id, ()))
        )
        by_site.setdefault(cluster.site_id, []).append(line)
    return {site_id: Standing(tuple(lines)) for site_id, lines in by_site.items()}


def _line(node: NodeView) -> NodeLine:
    face = node.face
    return NodeLine(
        id=node.id,
        name=node.name,
        address=node.address,
        word=face.word,
        kind=face.kind,
        icon=face.icon,
        containers_running=node.containers_running,
        containers=node.containers_total,
    )
