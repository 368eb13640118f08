"""Nodes join, leave and are renamed: what in a cluster goes with them."""

from __future__ import annotations

from pvesim.model import Cluster, Node


def leave(node: Node) -> None:
    """The node is no member any more; its guests go with it and are kept, in case it comes back."""
    cluster = node.cluster
    del cluster.nodes[node.name]
    for vmid in node.guests:
        if cluster.guests.get(vmid) is node.guests[vmid]:
            del cluster.guests[vmid]
            cluster.identity.pool_of.pop(f"/vms/{vmid}", None)
    _derived(cluster)


def join(node: Node, cluster: Cluster, number: int = 0) -> None:
    """The node is a member from now on, with the guests it has kept; a vmid that is taken by now is lost."""
    if cluster is not node.cluster:
        node.cluster = cluster
        taken = {each.number for each in cluster.nodes.values()}
        node.number = number or max(taken, default=0) + 1
    members = [*cluster.nodes.values(), node]
    cluster.nodes = {each.name: each for each in sorted(members, key=lambda each: each.number)}
    for vmid, guest in list(node.guests.items()):
        if cluster.guests.setdefault(vmid, guest) is not guest:
            del node.guests[vmid]
        elif guest.pool:
            cluster.identity.pool_of[f"/vms/{vmid}"] = guest.pool
    _derived(cluster)


def rename(node: Node, name: str) -> None:
    """The node is called otherwise; what is local to it stays with it."""
    cluster, before = node.cluster, node.name
    node.name = name
    cluster.nodes = {each.name: each for each in cluster.nodes.values()}
    local = [volume for volume in cluster.volumes.all() if volume.node == before]
    for volume in local:
        cluster.volumes.remove(volume)
    for volume in local:
        volume.node = name
        cluster.volumes.add(volume)
    for guest in node.guests.values():
        guest.touch()
    if cluster.ha.master == before:
        cluster.ha.master = name
    for resource in cluster.ha.resources.values():
        if resource.node == before:
            resource.node = name
    _derived(cluster)


def _derived(cluster: Cluster) -> None:
    cluster.identity.changed()
    cluster.shared_disks = (0.0, {})
    for node in cluster.nodes.values():
        node.changed()
