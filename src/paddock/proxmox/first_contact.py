"""The first conversation with a cluster: reach it, know it, sign in, and find out whom to trust from then on.

With trust in the cluster's CA the person confirms one leaf certificate. Over that pinned channel the CA is read,
and the leaf must be signed by it, or be the node's own certificate as the cluster reports it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paddock.proxmox import faults, reads
from paddock.proxmox.address import Endpoint
from paddock.proxmox.certificates import BadCertificate, Certificate, normal_fingerprint, parse, signed_by
from paddock.proxmox.connection import Connection
from paddock.proxmox.credentials import Credential
from paddock.proxmox.errors import Unreadable, Untrusted
from paddock.proxmox.identify import identify
from paddock.proxmox.members import Member
from paddock.proxmox.shapes import NodeCertificate, Realm, StatusRow, Version
from paddock.proxmox.transport import HttpTransport, Transport
from paddock.proxmox.trust import TlsPolicy, TrustMode
from paddock.proxmox.wanted import PermissionsSummary, permissions_summary

ROOT_CA = "pve-root-ca.pem"
OWN_CERTIFICATE = "pveproxy-ssl.pem"
NODE_CERTIFICATE = "pve-ssl.pem"


@dataclass(frozen=True, slots=True)
class TrustChoice:
    """What a person chose. `fingerprint` is the confirmed leaf (cluster_ca, pinned); `ca_pem` further CAs (system)."""

    mode: TrustMode
    fingerprint: str | None = None
    ca_pem: str | None = None


@dataclass(frozen=True, slots=True)
class Reached:
    """A working connection with one member, `local_node`; the caller closes it. `cluster_name` is None on a lone host.

    `ca_pem` is what is trusted from now on: the cluster's CA, or one's own (system).
    """

    connection: Connection
    endpoint: Endpoint
    policy: TlsPolicy
    certificate: Certificate
    ca_pem: str | None
    local_node: str
    cluster_name: str | None
    version: Version
    status: tuple[StatusRow, ...]
    realms: tuple[Realm, ...]
    permissions: PermissionsSummary


async def reach(
    endpoint: Endpoint, choice: TrustChoice, credential: Credential, *, transport: Transport | None = None
) -> Reached:
    """Name, TCP, TLS → is it Proxmox VE → sign in → version → status → rights → the cluster's CA.

    Nothing is sent to a peer that is not trusted. Raises the exact error of the first step that fails: Unreachable,
    TimedOut, Untrusted (code unconfirmed until a fingerprint is confirmed), NotProxmox, LoginRefused, Forbidden.
    """
    transport = transport or HttpTransport()
    try:
        policy = await _first_policy(endpoint, choice, transport)
        certificate = await transport.contact(endpoint, policy)
        realms = await identify(endpoint, policy, transport)
        connection = Connection(
            endpoint.authority, [Member(endpoint.host, endpoint, policy)], credential, transport
        )
        version = await reads.version(connection)
        status = (await reads.cluster_status(connection)).items
        local = local_node(status)
        summary = permissions_summary(await reads.permissions(connection))
        ca_pem = choice.ca_pem
        if choice.mode is TrustMode.CLUSTER_CA:
            certificates = (await reads.node_certificates(connection, local)).items
            ca_pem = cluster_ca(certificates, endpoint)
            belongs(certificate, ca_pem, certificates, endpoint)
            policy = member_policy(endpoint, local, ca_pem, certificates)
            certificate = await transport.contact(endpoint, policy)
        connection.replace_members([Member(local, endpoint, policy)])
    except BaseException:
        await transport.close()
        raise
    return Reached(
        connection=connection,
        endpoint=endpoint,
        policy=policy,
        certificate=certificate,
        ca_pem=ca_pem,
        local_node=local,
        cluster_name=next((row.name for row in status if row.type == "cluster"), None),
        version=version,
        status=tuple(status),
        realms=tuple(realms.items),
        permissions=summary,
    )


def local_node(status: Sequence[StatusRow]) -> str:
    """The name of the node that answered /cluster/status. Raises Unreadable."""
    rows = [row for row in status if row.type == "node"]
    for row in rows:
        if row.local or len(rows) == 1:
            return row.name
    raise Unreadable("The cluster's status does not say which node answered.", call="GET /cluster/status")


def cluster_ca(certificates: Sequence[NodeCertificate], endpoint: Endpoint) -> str:
    """The PEM of the cluster's CA among a node's certificates: exactly one certificate. Raises Unreadable."""
    for row in certificates:
        if row.filename == ROOT_CA and row.pem:
            # Only what has been looked at is trusted later: never a second certificate behind the first.
            ca = _certificate(row.pem)
            if ca and ca.is_ca:
                return ca.pem
    raise Unreadable(
        f"{endpoint} does not show the CA of its cluster ({ROOT_CA}).",
        code="no_cluster_ca",
        hint="Choose to verify with a public or own CA instead, or on the node: pvecm updatecerts",
    )


def member_policy(
    endpoint: Endpoint, node: str, ca_pem: str, certificates: Sequence[NodeCertificate]
) -> TlsPolicy:
    """Trust in one member by the cluster's CA. `certificates` are the member's own, as the cluster reports them.

    A certificate of the node's own (ACME, company CA) is pinned besides. Where the certificate is not made for
    the host of the URL (address translation), the node's name in it is checked instead.
    """
    own = next((row for row in certificates if row.filename == OWN_CERTIFICATE), None)
    issued = next((row for row in certificates if row.filename == NODE_CERTIFICATE), None)
    names = {name.lower() for name in (issued.san if issued else ())}
    if issued and issued.pem:
        names |= {name.lower() for name in parse(issued.pem).names}
    foreign = names and endpoint.host not in names and node.lower() in names
    return TlsPolicy(
        TrustMode.CLUSTER_CA,
        ca_pem=ca_pem,
        fingerprint=own.fingerprint if own else None,
        server_name=node if foreign else None,
    )


def served(certificates: Sequence[NodeCertificate]) -> Certificate | None:
    """The certificate on port 8006 among a node's certificates, as the cluster reports them."""
    by_name = {row.filename: row for row in certificates if row.pem}
    row = by_name.get(OWN_CERTIFICATE) or by_name.get(NODE_CERTIFICATE)
    return _certificate(row.pem) if row and row.pem else None


def _certificate(pem: str) -> Certificate | None:
    try:
        return parse(pem)
    except BadCertificate:
        return None


async def _first_policy(endpoint: Endpoint, choice: TrustChoice, transport: Transport) -> TlsPolicy:
    if choice.mode in (TrustMode.SYSTEM, TrustMode.OFF):
        return TlsPolicy(choice.mode, ca_pem=choice.ca_pem)
    if choice.fingerprint is None:
        leaf = await transport.contact(endpoint, TlsPolicy(TrustMode.OFF))
        raise faults.unconfirmed(leaf, endpoint)
    return TlsPolicy(TrustMode.PINNED, fingerprint=choice.fingerprint)


def belongs(
    leaf: Certificate, ca_pem: str, certificates: Sequence[NodeCertificate], endpoint: Endpoint
) -> None:
    """Somebody in the middle would show a leaf that this cluster neither signed nor reports. Raises Untrusted."""
    reported = {normal_fingerprint(row.fingerprint) for row in certificates if row.fingerprint}
    if leaf.sha256 in reported or signed_by(leaf, parse(ca_pem)):
        return
    raise Untrusted(
        f"The certificate that {endpoint} shows is not one of this cluster: "
        "its CA did not sign it, and the node does not report it as its own.",
        certificate=leaf,
        code="foreign_certificate",
        hint="A proxy may stand in between. Give the address of the node itself, port 8006, "
        "or pin its fingerprint, or verify with a public or own CA.",
    )
