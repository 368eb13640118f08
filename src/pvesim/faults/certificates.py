"""Certificates that change, rightly or wrongly."""

from __future__ import annotations

from pvesim.certificates import Authority
from pvesim.faults.registry import BadTarget, Target, Undo, fault, put


@fault("certificate-replaced", sockets=True)
def _certificate_replaced(target: Target, by: str = "stranger") -> Undo:
    """Port 8006 shows a certificate that is not the node's, as a man in the middle would.
    by=stranger: self-signed CA with names that fit; by=impostor: of a CA that looks like the cluster's."""
    if by == "stranger":
        authority = Authority.stranger()
    elif by == "impostor":
        authority = Authority.create(target.cluster.uuid)
    else:
        raise BadTarget(f"certificate-replaced: by must be stranger or impostor, not {by!r}.")
    undos = [put([n], presented=authority.leaf(n.fqdn, n.names())) for n in target.nodes]

    def undo_all() -> None:
        for undo in undos:
            undo()

    return undo_all


@fault("certificate-renewed", sockets=True)
def _certificate_renewed(target: Target) -> Undo:
    """The node gets a new pve-ssl.pem of the same CA; its fingerprint changes, the CA does not."""
    node = target.nodes[0]
    before, custom = node.leaf, node.custom
    node.install(None, custom)
    return lambda: node.install(before, custom)


@fault("certificate-custom", sockets=True)
def _certificate_custom(target: Target) -> Undo:
    """An administrator uploads a certificate of another CA (pveproxy-ssl.pem); the cluster reports it."""
    node = target.nodes[0]
    before, custom = node.leaf, node.custom
    node.install(before, Authority.stranger().leaf(node.fqdn, [node.fqdn, node.address]))
    return lambda: node.install(before, custom)


@fault("ca-replaced", scope="cluster", sockets=True)
def _ca_replaced(target: Target) -> Undo:
    """The cluster's CA and all nodes' certificates are made anew."""
    cluster = target.cluster
    authority = cluster.authority
    before = [(node, node.leaf, node.custom) for node in cluster.nodes.values()]
    cluster.authority = Authority.create(cluster.uuid, key_usage=cluster.scene.ca_key_usage)
    for node, _, custom in before:
        node.install(None, custom)

    def undo() -> None:
        cluster.authority = authority
        for node, leaf, custom in before:
            node.install(leaf, custom)

    return undo
