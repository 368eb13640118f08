"""The cluster itself.

Quorum, and nodes that come, go, join and change their names.
"""

from __future__ import annotations

from pvesim.faults.network import beyond
from pvesim.faults.registry import BadTarget, Target, fault
from pvesim.layers import Undo
from pvesim.membership import join, leave, rename
from pvesim.model import Node
from pvesim.nodelife import maintenance
from pvesim.scene import NodeScene, is_host_name


@fault("quorum-lost", scope="cluster")
def _quorum_lost(target: Target) -> Undo:
    """The cluster is not quorate: reads work, writes do not."""
    return target.put([target.cluster], no_quorum=True)


@fault("node-added", scope="cluster", sockets=True)
def _node_added(target: Target, called: str = "added", cores: int = 8, memory: float = 62.6) -> Undo:
    """A node joins the cluster, at the address after the last one's."""
    cluster = target.cluster
    _good_name(target, "node-added", called)
    if cores < 1 or memory <= 0:
        raise BadTarget("node-added: cores must be at least 1, and memory more than 0.")
    if not cluster.nodes:
        raise BadTarget(f"cluster {cluster.name!r} has no node that another could join.")
    last = max(cluster.nodes.values(), key=lambda node: node.number)
    node = Node(NodeScene(name=called, cores=cores, memory=memory), cluster, last.number + 1)
    node.address, node.port = beyond(last.address, 1), last.port
    cluster.nodes[called] = node

    def undo() -> None:
        if cluster.nodes.get(node.name) is node:
            leave(node)

    return undo


def _good_name(target: Target, fault: str, called: str) -> None:
    if not is_host_name(called):
        raise BadTarget(f"{fault}: {called!r} is no name of a host: use letters, digits and hyphens.")
    if called in target.cluster.nodes:
        raise BadTarget(f"cluster {target.cluster.name!r} has a node {called!r} already.")


@fault("node-removed", sockets=True)
def _node_removed(target: Target) -> Undo:
    """The node has left the cluster and is switched off; its guests are gone with it."""
    cluster = target.cluster
    node = target.nodes[0]
    leave(node)

    def undo() -> None:
        if node.name not in cluster.nodes:
            join(node, cluster)

    return undo


@fault("node-renamed", sockets=True)
def _node_renamed(target: Target, called: str = "renamed") -> Undo:
    """The node has another name, with a certificate for it; guests and disks are where they were."""
    node = target.nodes[0]
    _good_name(target, "node-renamed", called)
    before = node.name
    rename(node, called)

    def undo() -> None:
        if node.name == called and before not in node.cluster.nodes:
            rename(node, before)

    return undo


@fault("maintenance")
def _maintenance(target: Target) -> Undo:
    """The node is in HA's maintenance mode, as by ha-manager on its command line: managed guests leave it,
    and come back when that ends."""
    node = target.nodes[0]
    maintenance(node, on=True)
    return lambda: maintenance(node, on=False)


@fault("cluster-formed", scope="cluster")
def _cluster_formed(target: Target, called: str = "formed") -> Undo:
    """The administrator of a lone host has made a cluster of it (pvecm create). Its certificates and users
    stay; with node-added a second node joins."""
    cluster = target.cluster
    if cluster.clustered:
        raise BadTarget(f"cluster-formed: {cluster.name!r} is a cluster already.")
    return target.put([cluster], clustered=True, called=called)


@fault("host-joined", scope="cluster", sockets=True)
def _host_joined(target: Target, into: str = "") -> Undo:
    """A lone host joins another cluster (pvecm add): it has that cluster's CA, users and tokens from then on,
    and a new certificate. It must have no guests. `into`: the other cluster."""
    host = target.cluster
    estate = target.estate
    others = [name for name in estate.clusters if name != host.name] if estate else []
    if estate is None or into not in others:
        raise BadTarget(f"host-joined: into must be one of {', '.join(others) or 'no other cluster'}.")
    if host.clustered or len(host.nodes) != 1:
        raise BadTarget(f"host-joined: {host.name!r} is no lone host.")
    (node,) = host.nodes.values()
    cluster = estate.clusters[into]
    if node.guests:
        raise BadTarget(f"host-joined: {node.name!r} already contains virtual guests.")
    if node.name in cluster.nodes:
        raise BadTarget(f"host-joined: {into!r} has a node {node.name!r} already.")
    if not cluster.clustered:
        raise BadTarget(f"host-joined: {into!r} is no cluster: use cluster-formed there first.")
    number = node.number
    leave(node)
    join(node, cluster)

    def undo() -> None:
        if cluster.nodes.get(node.name) is node and not node.guests and not host.nodes:
            leave(node)
            join(node, host, number)

    return undo
