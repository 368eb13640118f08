"""Another trust for a cluster: what it is made of, and a try of it on every member. Writes nothing.

What is believed must come from somewhere that is believed already: a fingerprint that a person has confirmed, or
the cluster itself over a connection that the present trust covers. From "off" only the first counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from paddock.base.context import Context
from paddock.base.errors import Conflict, Invalid, Upstream, WrongState
from paddock.clusters import queries
from paddock.clusters.connecting import endpoint_of, policy, unseal
from paddock.clusters.model import Cluster, ClusterKind, Member
from paddock.clusters.trust_wish import Plan, Trial, TrustWish, bundle, fingerprint_of, given_names, mode_of
from paddock.proxmox import certificates, faults, reads
from paddock.proxmox import members as proxmox
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.connection import Connection
from paddock.proxmox.connections import Connections
from paddock.proxmox.errors import Untrusted
from paddock.proxmox.first_contact import belongs, cluster_ca, local_node, member_policy, served
from paddock.proxmox.handshake import contact, probe_certificate
from paddock.proxmox.server_names import server_name
from paddock.proxmox.shapes import NodeCertificate
from paddock.proxmox.transport import HttpTransport
from paddock.proxmox.trust import TlsPolicy, TrustMode

AT_ONCE = 16
HANDSHAKE_SECONDS = 3.0


async def plan(ctx: Context, cluster: Cluster, members: Sequence[Member], wish: TrustWish) -> Plan:
    """Raises Invalid beside the field; Untrusted with the code `unconfirmed` where a person has to compare a
    fingerprint first; Conflict where it is another cluster; and what `proxmox.errors` has."""
    mode, fingerprint = mode_of(wish.mode), fingerprint_of(wish.fingerprint)
    there = [member for member in members if member.vanished_at is None]
    given = given_names([one.name for one in there], wish.names)
    ca_pem, identity, pins, names = bundle(mode, wish.ca_pem), cluster.identity, {}, dict(given)
    if mode is TrustMode.SYSTEM and cluster.trust_mode != TrustMode.OFF:
        connection = await ctx.part(Connections).get(cluster.id)
        shown = await _reported(connection, there)
        names = {member.name: _name_of(cluster, member, shown.get(member.name)) for member in there} | given
    elif mode in (TrustMode.CLUSTER_CA, TrustMode.PINNED):
        async with _believed(ctx, cluster, there, fingerprint) as (connection, confirmed):
            rows = (await reads.nodes(connection)).items
            pins = {
                row.node: certificates.normal_fingerprint(row.ssl_fingerprint)
                for row in rows
                if row.ssl_fingerprint
            }
            if mode is TrustMode.PINNED:
                if confirmed is not None:
                    pins[confirmed.name] = fingerprint
            else:
                ca_pem, names = await _authority(connection, cluster, there, confirmed, fingerprint)
                identity = certificates.parse(ca_pem).sha256
        await _not_another(ctx, cluster, identity)
    trials = await _try(there, mode, ca_pem, pins, names)
    return Plan(mode, ca_pem, identity, pins, names, trials)


async def confirm(ctx: Context, cluster: Cluster, member: Member, fingerprint: str) -> Certificate:
    """The certificate that a member shows, if it is the one with this fingerprint and, under the cluster's CA,
    one that the cluster calls its own. Raises Untrusted, WrongState, and what `proxmox.errors` has."""
    endpoint = endpoint_of(member)
    leaf = await contact(endpoint, TlsPolicy(TrustMode.PINNED, fingerprint=fingerprint))
    if cluster.trust_mode == TrustMode.CLUSTER_CA:
        connection = _only(ctx, cluster, member, fingerprint)
        try:
            rows = await _of_local(connection, cluster, member)
        finally:
            await connection.close()
        ca_pem = cluster_ca(rows, endpoint)
        if certificates.parse(ca_pem).sha256 != certificates.parse(cluster.ca_pem).sha256:
            raise WrongState(
                f"The cluster {cluster.name} has another CA than the one that is trusted.",
                code="ca_changed",
                hint="If it was made anew on purpose, trust the whole cluster again on its page, or: paddock clusters set-trust",
            )
        belongs(leaf, ca_pem, rows, endpoint)
    return leaf


@asynccontextmanager
async def _believed(
    ctx: Context, cluster: Cluster, members: Sequence[Member], fingerprint: str
) -> AsyncIterator[tuple[Connection, Member | None]]:
    """A connection whose answers count: to the member with the confirmed certificate, or under the present trust."""
    if not fingerprint and cluster.trust_mode != TrustMode.OFF:
        yield await ctx.part(Connections).get(cluster.id), None
        return
    shown = await _shown(members)
    if not fingerprint:
        name, leaf = next(iter(shown.items()), ("", None))
        if leaf is None:
            raise Upstream(f"No member of {cluster.name} can be reached.", code="unreachable")
        member = next(one for one in members if one.name == name)
        raise faults.unconfirmed(leaf, endpoint_of(member))
    found = next(
        (one for one in members if one.name in shown and shown[one.name].sha256 == fingerprint), None
    )
    if found is None:
        raise Invalid.field(
            "fingerprint",
            "No member shows the certificate with this fingerprint now.",
            code="fingerprint_not_shown",
            hint="Compare again on a node: pvenode cert info",
        )
    connection = _only(ctx, cluster, found, fingerprint)
    try:
        yield connection, found
    finally:
        await connection.close()


def _only(ctx: Context, cluster: Cluster, member: Member, fingerprint: str) -> Connection:
    pin = TlsPolicy(TrustMode.PINNED, fingerprint=fingerprint)
    one = proxmox.Member(member.name, endpoint_of(member), pin)
    return Connection(cluster.name, [one], unseal(ctx.vault, cluster), HttpTransport())


async def _authority(
    connection: Connection,
    cluster: Cluster,
    members: Sequence[Member],
    confirmed: Member | None,
    fingerprint: str,
) -> tuple[str, dict[str, str]]:
    """The cluster's CA, and the names that members' certificates are checked for instead of their addresses."""
    rows = await _of_local(connection, cluster, confirmed)
    first = confirmed or members[0]
    endpoint = endpoint_of(first)
    ca_pem = cluster_ca(rows, endpoint)
    if confirmed is not None:
        leaf = await contact(endpoint, TlsPolicy(TrustMode.PINNED, fingerprint=fingerprint))
        belongs(leaf, ca_pem, rows, endpoint)
    names = {}
    for name, reported in (await _reported(connection, members)).items():
        member = next(one for one in members if one.name == name)
        wanted = member_policy(endpoint_of(member), name, ca_pem, reported)
        names[name] = wanted.server_name or ""
    return ca_pem, names


async def _of_local(
    connection: Connection, cluster: Cluster, member: Member | None
) -> Sequence[NodeCertificate]:
    """The certificates of the node that answers, which must be `member` of this cluster."""
    status = (await reads.cluster_status(connection)).items
    local = local_node(status)
    called = next((row.name for row in status if row.type == "cluster"), None)
    if cluster.kind == ClusterKind.CLUSTER and called != cluster.name:
        raise _other_cluster(cluster, called or local)
    if member is not None and local != member.name:
        raise Conflict(
            f"At {member.address} answers {local}, not {member.name}.",
            code="name_mismatch",
            hint="Its address may have changed: import the cluster again.",
        )
    return (await reads.node_certificates(connection, local)).items


async def _not_another(ctx: Context, cluster: Cluster, identity: str) -> None:
    known = await queries.find_by_identity(ctx, identity)
    if known is not None and known.id != cluster.id:
        raise _other_cluster(cluster, known.name)


def _other_cluster(cluster: Cluster, called: str) -> Conflict:
    return Conflict(
        f"What answers there is not the cluster {cluster.name} but {called}.",
        code="other_cluster",
        hint="Its nodes may have moved. Import that cluster instead.",
    )


async def _reported(
    connection: Connection, members: Sequence[Member]
) -> dict[str, Sequence[NodeCertificate]]:
    """By member its certificates as the cluster reports them; who is down is left out."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> Sequence[NodeCertificate] | None:
        try:
            async with slots:
                return (await reads.node_certificates(connection, name)).items
        except Upstream:
            return None

    found = await asyncio.gather(*(one(member.name) for member in members))
    return {member.name: rows for member, rows in zip(members, found, strict=True) if rows is not None}


def _name_of(cluster: Cluster, member: Member, rows: Sequence[NodeCertificate] | None) -> str:
    leaf = served(rows) if rows is not None else None
    if leaf is not None:
        return server_name(endpoint_of(member).host, member.name, leaf.names)
    return member.server_name if cluster.trust_mode == TrustMode.SYSTEM else ""


async def _shown(members: Sequence[Member]) -> dict[str, Certificate]:
    """What members show, by handshakes that send nothing."""

    async def one(member: Member) -> Certificate | None:
        try:
            return await probe_certificate(endpoint_of(member), timeout=HANDSHAKE_SECONDS)
        except (Upstream, TimeoutError):
            return None

    found = await asyncio.gather(*map(one, members))
    return {member.name: leaf for member, leaf in zip(members, found, strict=True) if leaf is not None}


async def _try(
    members: Sequence[Member],
    mode: TrustMode,
    ca_pem: str,
    pins: Mapping[str, str],
    names: Mapping[str, str],
) -> tuple[Trial, ...]:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(member: Member) -> Trial:
        name, at = member.name, endpoint_of(member)
        try:
            wanted = policy(mode, ca_pem, fingerprint=pins.get(name, ""), name=names.get(name, ""))
            async with slots, asyncio.timeout(2 * HANDSHAKE_SECONDS):
                leaf = await contact(at, wanted, timeout=HANDSHAKE_SECONDS)
        except Untrusted as error:
            return Trial(name, member.address, error.code, error.message, error.certificate)
        except Upstream as error:
            return Trial(name, member.address, error.code, error.message)
        except TimeoutError:
            return Trial(name, member.address, "timed_out", f"{at} does not answer.")
        return Trial(name, member.address, certificate=leaf)

    return tuple(await asyncio.gather(*map(one, members)))
