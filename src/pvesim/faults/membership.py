"""The cluster itself changes."""

from __future__ import annotations

import ipaddress

from pvesim.faults.registry import BadTarget, Target, Undo, fault, put
from pvesim.model import Node
from pvesim.nodelife import maintenance
from pvesim.scene import NodeScene


@fault("node-added", scope="cluster", sockets=True)
def _node_added(target: Target, called: str = "added", cores: int = 8, memory: float = 62.6) -> Undo:
    """A node joins the cluster, at the address after the last one's."""
    cluster = target.cluster
    if called in cluster.nodes:
        raise BadTarget(f"cluster {cluster.name!r} has a node {called!r} already.")
    last = list(cluster.nodes.values())[-1]
    node = Node(NodeScene(name=called, cores=cores, memory=memory), cluster, last.number + 1)
    node.address, node.port = _beyond(last.address, 1), last.port
    cluster.nodes[called] = node

    def undo() -> None:
        cluster.nodes.pop(called, None)

    return undo


@fault("node-removed", sockets=True)
def _node_removed(target: Target) -> Undo:
    """The node has left the cluster and is switched off; its guests are gone with it."""
    cluster = target.cluster
    node = target.nodes[0]
    del cluster.nodes[node.name]
    for vmid in node.guests:
        cluster.guests.pop(vmid, None)

    def undo() -> None:
        nodes = [*cluster.nodes.values(), node]
        cluster.nodes = {each.name: each for each in sorted(nodes, key=lambda each: each.number)}
        cluster.guests |= node.guests

    return undo


@fault("maintenance")
def _maintenance(target: Target) -> Undo:
    """The node is in HA's maintenance mode, as by ha-manager on its command line: managed guests leave it,
    and come back when that ends."""
    node = target.nodes[0]
    maintenance(node, on=True)
    return lambda: maintenance(node, on=False)


@fault("address-changed", sockets=True)
def _address_changed(target: Target, address: str = "") -> Undo:
    """The node has another address, with a certificate for it; by default a hundred further on."""
    node = target.nodes[0]
    old, leaf, custom = node.address, node.leaf, node.custom
    node.address = address or _beyond(old, 100)
    node.install(None, custom)

    def undo() -> None:
        node.address = old
        node.install(leaf, custom)

    return undo


def _beyond(address: str, steps: int) -> str:
    return str(ipaddress.ip_address(address) + steps)


@fault("quorum-lost", scope="cluster")
def _quorum_lost(target: Target) -> Undo:
    """The cluster is not quorate: reads work, writes do not."""
    return put([target.cluster], no_quorum=True)
