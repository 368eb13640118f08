"""Certificates.

What port 8006 shows, and whether the cluster knows of it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pvesim.certificates import LEAF_LIFE, Authority, Certificate
from pvesim.faults.registry import BadTarget, Target, all_of, fault, one_of
from pvesim.layers import Undo
from pvesim.model import Node


@fault("certificate-replaced", sockets=True)
def _certificate_replaced(target: Target, by: str = "stranger") -> Undo:
    """Port 8006 shows a certificate that is not the node's, as a man in the middle would.
    by=stranger: self-signed CA with names that fit; by=impostor: of a CA that looks like the cluster's."""
    one_of("certificate-replaced", "by", by, "stranger", "impostor")
    authority = Authority.stranger() if by == "stranger" else Authority.create(target.cluster.uuid)
    return all_of([target.put([n], presented=authority.leaf(n.fqdn, n.names())) for n in target.nodes])


@fault("certificate-renewed", sockets=True)
def _certificate_renewed(target: Target) -> Undo:
    """The node gets a new pve-ssl.pem of the same CA; its fingerprint changes, the CA does not."""
    node = target.nodes[0]
    return target.put([node], issue=node.issue + 1)


@fault("certificate-custom", sockets=True)
def _certificate_custom(target: Target) -> Undo:
    """An administrator uploads a certificate of another CA (pveproxy-ssl.pem); the cluster reports it."""
    node = target.nodes[0]
    return _custom(target, node, Authority.stranger().leaf(node.fqdn, [node.fqdn, node.address]))


@fault("certificate-expired", sockets=True)
def _certificate_expired(target: Target, days: int = 3) -> Undo:
    """The node's certificate is of the cluster's CA, and has been over for so many days."""
    ended = datetime.now(UTC) - timedelta(days=_positive("certificate-expired", days))
    return _of_cluster(target, not_before=ended - LEAF_LIFE, not_after=ended)


@fault("certificate-early", sockets=True)
def _certificate_early(target: Target, days: int = 3) -> Undo:
    """The node's certificate is of the cluster's CA, and begins only in so many days."""
    begins = datetime.now(UTC) + timedelta(days=_positive("certificate-early", days))
    return _of_cluster(target, not_before=begins, not_after=begins + LEAF_LIFE)


@fault("certificate-misnamed", sockets=True)
def _certificate_misnamed(target: Target, called: str = "other.example.org") -> Undo:
    """The node's certificate is of the cluster's CA, but for another name and no address."""
    node = target.nodes[0]
    return _custom(target, node, target.cluster.authority.leaf(called, [called]))


@fault("ca-replaced", scope="cluster", sockets=True)
def _ca_replaced(target: Target) -> Undo:
    """The cluster's CA and all nodes' certificates are made anew."""
    cluster = target.cluster
    return target.put(
        [cluster], authority=Authority.create(cluster.uuid, key_usage=cluster.scene.ca_key_usage)
    )


def _positive(name: str, days: int) -> int:
    if not 0 < days < 3000:
        raise BadTarget(f"{name}: days must be from 1 to 2999, not {days}.")
    return days


def _of_cluster(target: Target, *, not_before: datetime, not_after: datetime) -> Undo:
    node = target.nodes[0]
    leaf = target.cluster.authority.leaf(node.fqdn, node.names(), not_before=not_before, not_after=not_after)
    return _custom(target, node, leaf)


def _custom(target: Target, node: Node, certificate: Certificate) -> Undo:
    """The node shows it, and the cluster knows its fingerprint."""
    return target.put([node], custom=certificate)
