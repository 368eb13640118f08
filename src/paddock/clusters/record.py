"""Observed truth of clusters and members, written down; called by `watch` and jobs only."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import select, update

from paddock.base.context import Context, Write
from paddock.base.errors import Upstream
from paddock.base.ids import new_id
from paddock.clusters.events import ClusterChanged, ClusterImported
from paddock.clusters.membership import MemberSeen
from paddock.clusters.model import Cluster, ClusterKind, Member
from paddock.clusters.reaching import Way


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """What an import knows of a cluster. The credential is sealed already, to `cluster:<identity>`."""

    name: str
    kind: ClusterKind
    identity: str
    trust_mode: str
    ca_pem: str
    credential_kind: str
    credential_name: str
    credential_sealed: str
    quorate: bool | None


def seal_context(identity: str) -> str:
    """What a cluster's credential is sealed to. The identity exists before the row does."""
    return f"cluster:{identity}"


def own_context(member_id: str) -> str:
    """What a member's own credential is sealed to."""
    return f"member:{member_id}"


async def record_import(ctx: Context, tx: Write, site_id: str, seen: ClusterSeen) -> Cluster:
    """The cluster's row, new or brought up to date. Its identity decides which one it is.

    A known cluster stays in its site; the credential and trust of the newer import win.
    """
    cluster = await tx.session.scalar(select(Cluster).where(Cluster.identity == seen.identity))
    if cluster is None:
        cluster = Cluster(
            id=new_id(), site_id=site_id, identity=seen.identity, created_at=ctx.now(), version=0
        )
        tx.session.add(cluster)
    elif (cluster.trust_mode, cluster.ca_pem) != (seen.trust_mode, seen.ca_pem):
        # Fingerprints that were learned under another trust are not carried over.
        await tx.session.execute(
            update(Member).where(Member.cluster_id == cluster.id).values(fingerprint="", server_name="")
        )
    values = {
        "name": seen.name[:64],
        "kind": seen.kind,
        "trust_mode": seen.trust_mode,
        "ca_pem": seen.ca_pem,
        "credential_kind": seen.credential_kind,
        "credential_name": seen.credential_name,
        "credential_sealed": seen.credential_sealed,
        "quorate": seen.quorate,
        "trouble": "",
        "trouble_text": "",
        "trouble_since": None,
    }
    sealed_again = {"credential_sealed"}  # sealing the same secret twice gives two texts
    if cluster.version == 0 or any(
        getattr(cluster, name) != value for name, value in values.items() if name not in sealed_again
    ):
        cluster.version += 1
        cluster.updated_at = ctx.now()
    if (cluster.credential_kind, cluster.credential_name) != (seen.credential_kind, seen.credential_name):
        cluster.credential_since = ctx.now()
    for name, value in values.items():
        setattr(cluster, name, value)
    await tx.session.flush()
    tx.publish(ClusterImported(cluster.id))
    return cluster


async def known_for_update(ctx: Context, tx: Write, identity: str) -> Cluster | None:
    """The cluster with this root CA, as it stays when a single node is added to it."""
    query = select(Cluster).where(Cluster.identity == identity).with_for_update()
    cluster: Cluster | None = await tx.session.scalar(query)
    if cluster is not None:
        cluster.version += 1
        cluster.updated_at = ctx.now()
        tx.publish(ClusterImported(cluster.id))
    return cluster


async def record_members(
    ctx: Context, tx: Write, cluster_id: str, seen: Iterable[MemberSeen], chosen: Container[str]
) -> dict[str, str]:
    """Makes the member rows equal to what the cluster lists; returns name → member id.

    A member that is no longer listed is marked, not deleted. An empty fingerprint leaves the known one, and how a
    known member is reached changes only where it was `chosen`. Whoever imports has seen all members, so none of
    them is offered any more.
    """
    known = {
        member.name: member
        for member in await tx.session.scalars(select(Member).where(Member.cluster_id == cluster_id))
    }
    ids: dict[str, str] = {}
    for one in seen:
        member = known.pop(one.name, None)
        if member is None:
            member = Member(id=new_id(), cluster_id=cluster_id, name=one.name)
            member.address, member.port, member.host = one.address, one.port, ""
            tx.session.add(member)
        elif one.name in chosen and (member.address, member.port) != (one.address, one.port):
            member.address, member.host, member.port = one.address, "", one.port
        if one.host and one.name in chosen:
            member.host = one.host
        member.nodeid, member.reported, member.joined_at = one.nodeid, one.reported, None
        member.fingerprint = one.fingerprint or member.fingerprint or ""
        if one.server_name is not None:
            member.server_name = one.server_name[:255]
        member.vanished_at = None
        ids[one.name] = member.id
    for gone in known.values():
        gone.vanished_at = gone.vanished_at or ctx.now()
    await tx.session.flush()
    return ids


@dataclass(frozen=True, slots=True)
class MembershipChange:
    """What was otherwise between two imports."""

    changed: bool = False
    moved: Mapping[str, tuple[Way, Way]] = field(default_factory=dict)
    """By name: members whose address was followed, and how they are reached now."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """By name: the new address that the cluster reports for a member that a person has given another one."""


async def follow_membership(
    ctx: Context, tx: Write, cluster_id: str, seen: Iterable[MemberSeen], present: frozenset[str]
) -> MembershipChange:
    """Follows the membership between imports: adds members that joined, marks those that left, follows addresses.

    An address is followed as long as it is the one that the cluster reported before.
    """
    known = {
        member.name: member
        for member in await tx.session.scalars(select(Member).where(Member.cluster_id == cluster_id))
    }
    changed = False
    moved: dict[str, tuple[Way, Way]] = {}
    elsewhere: dict[str, str] = {}
    for one in seen:
        member = known.get(one.name)
        if member is None:
            joined = Member(id=new_id(), cluster_id=cluster_id, name=one.name, nodeid=one.nodeid)
            joined.address, joined.port, joined.reported = one.address, one.port, one.reported
            joined.fingerprint, joined.joined_at = one.fingerprint, ctx.now()
            tx.session.add(joined)
            changed = True
        elif one.reported and member.reported != one.reported:
            before = Way(member.address, member.host, member.port)
            if member.address == member.reported:
                member.address, changed = one.reported, True
                moved[one.name] = before, Way(member.address, member.host, member.port)
            elif member.reported and member.address != one.reported:
                elsewhere[one.name] = one.reported
            member.reported = one.reported
    for name, member in known.items():
        if (name in present) != (member.vanished_at is None):
            member.vanished_at = None if name in present else ctx.now()
            changed = True
    if changed:
        tx.publish(ClusterChanged(cluster_id))
    return MembershipChange(changed, moved, elsewhere)


async def record_fingerprints(
    ctx: Context, cluster_id: str, reported: Mapping[str, str], names: Mapping[str, str], *, first_only: bool
) -> bool:
    """Follows the fingerprints that the cluster reports for its members, over a trusted connection only.

    With `first_only` none that is known is replaced. `names` are for members whose certificate is checked for
    no name yet.
    """
    async with ctx.write() as tx:
        changed = False
        for member in await tx.session.scalars(select(Member).where(Member.cluster_id == cluster_id)):
            fingerprint = reported.get(member.name, "")
            if fingerprint and fingerprint != member.fingerprint and not (first_only and member.fingerprint):
                member.fingerprint = fingerprint
                changed = True
            if (name := names.get(member.name)) and not member.server_name:
                member.server_name = name[:255]
                changed = True
        if changed:
            tx.publish(ClusterChanged(cluster_id))
    return changed


async def record_certificates(
    ctx: Context, tx: Write, cluster_id: str, believed: Mapping[str, str], refused: Mapping[str, str]
) -> None:
    """By member the certificate (PEM) that it shows: what is believed is its own from now on, what is refused is
    kept beside the one before."""
    changed = False
    for member in await tx.session.scalars(select(Member).where(Member.cluster_id == cluster_id)):
        if (pem := believed.get(member.name)) and (member.certificate_pem != pem or member.refused_pem):
            member.certificate_pem, member.refused_pem, member.refused_at = pem, "", None
            changed = True
        elif (pem := refused.get(member.name)) and member.refused_pem != pem:
            member.refused_pem, member.refused_at = pem, ctx.now()
            changed = True
    if changed:
        tx.publish(ClusterChanged(cluster_id))


async def take_up(tx: Write, cluster_id: str, member_id: str) -> None:
    """A member that joined is managed from now on."""
    await tx.session.execute(update(Member).where(Member.id == member_id).values(joined_at=None))
    tx.publish(ClusterImported(cluster_id))


async def record_state(ctx: Context, cluster_id: str, *, quorate: bool | None, name: str | None) -> None:
    """A reading went well: quorum as it says, no trouble."""
    async with ctx.write() as tx:
        cluster = await tx.session.get(Cluster, cluster_id)
        if cluster is None:
            return
        kind = ClusterKind.STANDALONE if name is None else ClusterKind.CLUSTER
        if cluster.quorate != quorate:
            cluster.quorate, cluster.quorate_since = quorate, ctx.now()
        cluster.trouble, cluster.trouble_text, cluster.trouble_since = "", "", None
        cluster.kind = kind
        if name is not None:
            cluster.name = name[:64]
        tx.publish(ClusterChanged(cluster_id))


async def record_trouble(ctx: Context, cluster_id: str, error: Upstream) -> None:
    """A reading failed: why, and since when the same trouble lasts."""
    async with ctx.write() as tx:
        cluster = await tx.session.get(Cluster, cluster_id)
        if cluster is None:
            return
        if cluster.trouble != error.code:
            cluster.trouble_since = ctx.now()
        cluster.trouble, cluster.trouble_text = error.code, error.message
        tx.publish(ClusterChanged(cluster_id))
