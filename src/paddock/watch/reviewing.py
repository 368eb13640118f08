"""Reads a cluster that was just reached, compares it with what is known, and makes the review. Writes nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_interface

from paddock.base.context import Context
from paddock.base.errors import Upstream
from paddock.base.ids import new_id
from paddock.clusters import membership
from paddock.clusters import queries as clusters
from paddock.clusters.connecting import kind_of, name_of
from paddock.clusters.membership import Comparison, MemberSeen
from paddock.clusters.model import Cluster
from paddock.nodes import queries as nodes
from paddock.nodes import tombstones
from paddock.proxmox import ceremony, certificates, reads
from paddock.proxmox.address import Endpoint
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.credentials import Credential, PasswordCredential
from paddock.proxmox.errors import Untrusted
from paddock.proxmox.first_contact import ROOT_CA, Reached
from paddock.proxmox.handshake import probe_certificate
from paddock.proxmox.shapes import NodeStatus
from paddock.proxmox.trust import TrustMode
from paddock.proxmox.wanted import lacking
from paddock.sites import queries as sites
from paddock.storages.record import own_capacity
from paddock.watch import review as reviews
from paddock.watch.names import server_names
from paddock.watch.previews import LIFE, Preview
from paddock.watch.reading import Reading, members_seen, sort
from paddock.watch.review import MemberReview, Review

HANDSHAKE_SECONDS = 3.0


async def look(
    ctx: Context,
    reached: Reached,
    credential: Credential,
    site_id: str,
    site_name: str,
    *,
    by_hand: bool = False,
) -> Preview:
    """`by_hand`: one node of it is to be added, which leaves a known cluster's sign-in alone."""
    connection = reached.connection
    picture, node_rows, ca_pem = await asyncio.gather(
        reads.resources(connection), reads.nodes(connection), _ca(reached)
    )
    now = ctx.now()
    seen = sort(reached.status, picture.items, now, unreadable=picture.unreadable + node_rows.unreadable)
    fingerprints = {row.node: row.ssl_fingerprint for row in node_rows.items if row.ssl_fingerprint}
    statuses, addresses = await asyncio.gather(_statuses(reached, seen), _addresses(reached, seen))
    names = await server_names(reached, seen, addresses)
    if reached.policy.mode is TrustMode.PINNED:
        fingerprints[reached.local_node] = reached.certificate.sha256  # what the person has confirmed
    found = members_seen(seen, reached.endpoint.port, fingerprints, addresses, names)
    leaves = await _leaves(reached, found)
    identity = _identity(reached, ca_pem)
    known = await clusters.find_by_identity(ctx, identity)
    if known is not None:
        await _prove(ctx, reached, known, ca_pem)
    members = await _members(ctx, reached, seen, known, found, statuses, leaves, ca_pem)
    if known is not None and known.site_id != site_id:
        members = reviews.elsewhere(members, (await sites.get_site(ctx, known.site_id)).name)
    rights = reached.permissions
    new = {member.name: member.address for member in members if member.comparison is Comparison.NEW}
    stones = [
        stone
        for stone in await tombstones.stones_of(ctx, new)
        if stone.identity == identity or stone.address == new[stone.name]
    ]
    token_lacks = await _token_lacks(reached, credential)
    made = Review(
        site_id=site_id,
        site=site_name,
        cluster=seen.name or reached.local_node,
        lone=seen.name is None,
        identity=identity,
        known_as=known.name if known else "",
        via=reached.local_node,
        read_at=now,
        quorate=seen.quorate,
        trust_mode=reached.policy.mode,
        certificate=reached.certificate,
        authority=certificates.parse(ca_pem) if ca_pem else None,
        credential_kind=kind_of(credential),
        credential_name=name_of(credential),
        can=("watch",) if rights.can_watch else (),
        cannot=rights.cannot,
        missing=tuple(f"{lack.privilege} on {lack.path}, to {lack.purpose}" for lack in rights.missing),
        members=members,
        notes=reviews.notes(
            quorate=seen.quorate,
            unreadable=seen.unreadable,
            offline=len(seen.offline),
            guests_hidden=not rights.sees_guests,
            trust=(known.trust_mode, reached.policy.mode) if known else None,
            sign_in=(known.credential_name, name_of(credential)) if known and not by_hand else None,
        )
        + reviews.returns(
            (stone.name, tombstones.epitaph(stone), stone.identity == identity) for stone in stones
        ),
        token_lacks=token_lacks,
    )
    return Preview(
        id=new_id(),
        owner=ctx.actor.user_id or ctx.actor.name,
        expires_at=now + LIFE,
        review=made,
        endpoint=reached.endpoint,
        credential=credential,
        ca_pem=ca_pem,
        addresses=addresses,
        fingerprints=fingerprints,
        server_names=names,
        trusted_pem=reached.ca_pem or "",
    )


async def _token_lacks(reached: Reached, credential: Credential) -> tuple[str, ...] | None:
    """Whether this password could be used once to make a token, and what it lacks."""
    if not isinstance(credential, PasswordCredential):
        return None
    rights = await reads.permissions(reached.connection)
    return tuple(f"{lack.privilege} on {lack.path}" for lack in lacking(rights, ceremony.everything_needed()))


async def _prove(ctx: Context, reached: Reached, known: Cluster, ca_pem: str) -> None:
    """A CA is public: whoever shows it may be anybody. A registered cluster is only recognised by a key.

    The certificate of this connection must be signed by the cluster's CA, or be one that the cluster has
    reported for a member before. Raises Untrusted.
    """
    leaf = reached.certificate
    if certificates.signed_by(leaf, certificates.parse(ca_pem)):
        return
    if leaf.sha256 in {member.fingerprint for member in await clusters.members_of(ctx, known.id)}:
        return
    raise Untrusted(
        f"{reached.endpoint} says that it is the cluster {known.name}, which is registered, but cannot prove it: "
        "its certificate is neither signed by that cluster's CA nor one that the cluster has reported.",
        certificate=leaf,
        code="identity_unproven",
        hint="Give the address of a member that shows a certificate of the cluster's own CA, port 8006.",
    )


async def _ca(reached: Reached) -> str:
    """PEM of the cluster's root CA: also the cluster's identity where it is not what is trusted."""
    if reached.policy.mode is TrustMode.CLUSTER_CA and reached.ca_pem:
        return reached.ca_pem
    rows = await reads.node_certificates(reached.connection, reached.local_node)
    found = next((row.pem for row in rows.items if row.filename == ROOT_CA and row.pem), "")
    return certificates.parse(found).pem if found else ""


def _identity(reached: Reached, ca_pem: str) -> str:
    return certificates.parse(ca_pem).sha256 if ca_pem else f"leaf:{reached.certificate.sha256[:80]}"


async def _statuses(reached: Reached, seen: Reading) -> dict[str, NodeStatus | str]:
    """By member that is online: its status, or why it could not be read."""

    async def one(name: str) -> NodeStatus | str:
        try:
            return await reads.node_status(reached.connection, name)
        except Upstream as error:
            return error.message

    names = [member.name for member in seen.members if member.online]
    return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))


async def _leaves(reached: Reached, members: Sequence[MemberSeen]) -> dict[str, Certificate]:
    """The certificates that the members show, by handshakes that send nothing. Who is not reached is left out."""
    if reached.policy.mode not in (TrustMode.CLUSTER_CA, TrustMode.PINNED):
        return {}

    async def one(member: MemberSeen) -> Certificate | None:
        if member.name == reached.local_node:
            return reached.certificate
        try:
            return await probe_certificate(Endpoint(member.address, member.port), timeout=HANDSHAKE_SECONDS)
        except (Upstream, TimeoutError):
            return None

    online = [member for member in members if member.online]
    shown = await asyncio.gather(*map(one, online))
    return {member.name: leaf for member, leaf in zip(online, shown, strict=True) if leaf is not None}


async def _addresses(reached: Reached, seen: Reading) -> dict[str, str]:
    """Addresses that beat what the cluster reports: those in the network of the typed one."""
    reported = {member.name: member.ip or member.name for member in seen.members}
    local = reached.local_node
    own = await _interfaces(reached, local)
    known = {str(ip_interface(cidr).ip) for cidr in own} | {reported[local]}
    typed = next((address for address in await _resolved(reached.endpoint.host) if address in known), None)
    if typed is None:
        return {local: reached.endpoint.host}  # reached through address translation, or a name of its own
    if membership.same_network(reported.values(), typed, own):
        return {}
    others = [name for name in reported if name != local and name not in seen.offline]
    found = await asyncio.gather(*(_interfaces(reached, name) for name in others))
    chosen = {
        name: membership.choose_address(reported[name], interfaces, typed, own)
        for name, interfaces in zip([local, *others], [own, *found], strict=True)
    }
    return {name: address for name, address in chosen.items() if address != reported[name]}


async def _resolved(host: str) -> list[str]:
    """The addresses of a host name; an address is its own. Empty where the name does not resolve."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(entry[4][0]) for entry in found]


async def _interfaces(reached: Reached, node: str) -> list[str]:
    try:
        rows = await reads.node_networks(reached.connection, node)
    except Upstream:
        return []
    return [cidr for row in rows.items for cidr in (row.cidr, row.cidr6) if cidr]


async def _members(
    ctx: Context,
    reached: Reached,
    seen: Reading,
    known: Cluster | None,
    listed: Sequence[MemberSeen],
    statuses: Mapping[str, NodeStatus | str],
    leaves: Mapping[str, Certificate],
    ca_pem: str,
) -> tuple[MemberReview, ...]:
    found = {one.name: one for one in listed}
    authority = certificates.parse(ca_pem) if ca_pem else None
    before = []
    if known is not None:
        registered = {node.name for node in await nodes.all_nodes(ctx) if node.cluster_id == known.id}
        before = [
            membership.MemberKnown(
                row.name,
                row.address,
                row.port,
                row.fingerprint,
                vanished=row.vanished_at is not None,
                registered=row.name in registered,
            )
            for row in await clusters.members_of(ctx, known.id)
        ]
    result = []
    for compared in membership.compare(found.values(), before):
        member = found.get(compared.name)
        if member is None:
            old = next(row for row in before if row.name == compared.name)
            result.append(MemberReview(old.name, old.address, False, compared.comparison))
            continue
        status = statuses.get(member.name)
        resource = seen.nodes.get(member.name)
        counts = seen.counts[member.name]
        _used, storage = own_capacity(seen.storages_by_node.get(member.name, ()))
        made = MemberReview(
            member.name,
            member.address,
            member.online,
            compared.comparison,
            compared.changes,
            containers_running=counts.containers_running,
            containers=counts.containers_total,
            vms=counts.vms_total,
            certificate=reviews.certificate_words(
                reached.policy.mode, member, leaves.get(member.name), authority
            ),
            problem=status if isinstance(status, str) else "",
        )
        if member.online and resource is not None:
            made = replace(
                made,
                version=status.version if isinstance(status, NodeStatus) else None,
                cores=int(resource.maxcpu) if resource.maxcpu else None,
                memory=resource.maxmem,
                storage=storage or resource.maxdisk,
            )
        result.append(made)
    return tuple(sorted(result, key=lambda member: member.name.casefold()))
