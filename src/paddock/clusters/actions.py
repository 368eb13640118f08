"""Short verbs of clusters: whom to believe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from paddock.access import audit, guard
from paddock.base.context import Context, Write
from paddock.base.errors import Invalid, NotFound, PaddockError, WrongState
from paddock.clusters import connecting, queries, trusting
from paddock.clusters.events import ClusterImported
from paddock.clusters.model import Cluster, Member
from paddock.clusters.trust_wish import Plan, Trial, TrustWish, fingerprint_of
from paddock.proxmox.trust import TrustMode
from paddock.web import etags


class TrustNotProven(WrongState):
    """The new trust was tried on the members, and not all who were reached are believed."""

    default_code = "trust_not_proven"

    def __init__(self, message: str, *, trials: Sequence[Trial], **rest: Any) -> None:
        super().__init__(message, **rest)
        self.trials = tuple(trials)

    def extra(self) -> dict[str, Any]:
        return {
            "members": [
                {"name": one.name, "outcome": one.outcome, "code": one.code, "text": one.text}
                for one in self.trials
            ]
        }


async def try_trust(ctx: Context, cluster_id: str, wish: TrustWish) -> Plan:
    """What a change of trust would be, tried on every member; nothing is written. Raises as `trusting.plan`."""
    await guard.require(ctx, "clusters.edit", target=audit.Target("cluster", cluster_id))
    cluster = await queries.get_cluster(ctx, cluster_id)
    return await trusting.plan(ctx, cluster, await queries.members_of(ctx, cluster_id), wish)


async def change_trust(
    ctx: Context, cluster_id: str, wish: TrustWish, *, expected: int | None = None
) -> Cluster:
    """Another trust for a cluster, after it was tried on the members. What it replaces is forgotten.

    Raises as `trusting.plan`; TrustNotProven where a member that was reached is not believed, or none is, and no
    reason is given; StaleVersion where the cluster was changed since `expected`, or during the test.
    """
    target = audit.Target("cluster", cluster_id)
    await guard.require(ctx, "clusters.edit", target=target)
    before = await queries.get_cluster(ctx, cluster_id)
    target = audit.Target("cluster", cluster_id, before.name)
    etags.check(expected, before.version, what=f"Cluster {before.name}")
    try:
        plan = await trusting.plan(ctx, before, await queries.members_of(ctx, cluster_id), wish)
        reason = wish.reason.strip()
        if not plan.sound and not reason:
            raise _not_proven(plan)
    except PaddockError as error:
        detail = {"trust": wish.mode}
        await audit.record_alone(
            ctx, "clusters.trust", target, outcome="failed", code=error.code, detail=detail
        )
        raise
    credential = connecting.unseal(ctx.vault, before)
    async with ctx.write() as tx:
        cluster = await _get(tx, ctx, cluster_id)
        etags.check(before.version, cluster.version, what=f"Cluster {before.name}")
        if plan.identity != cluster.identity:  # the credential is sealed to it
            cluster.identity = plan.identity
            cluster.credential_sealed = connecting.seal(ctx.vault, plan.identity, credential)
        cluster.trust_mode, cluster.ca_pem = plan.mode, plan.ca_pem
        for member in await tx.session.scalars(select(Member).where(Member.cluster_id == cluster_id)):
            member.fingerprint = plan.pins.get(member.name, "")
            member.server_name = plan.names.get(member.name, "")
        cluster.version += 1
        cluster.updated_at = ctx.now()
        audit.record(tx, ctx, "clusters.trust", target, detail=_told(before, plan, reason))
        tx.publish(ClusterImported(cluster_id))
    return cluster


async def retrust(ctx: Context, cluster_id: str, name: str, fingerprint: str) -> Member:
    """A person believes the certificate that a member shows now. It must be the very one with this fingerprint.

    Under the cluster's CA the cluster itself must know it. Raises Untrusted, Invalid, NotFound, and WrongState
    where the trust of the cluster leaves nothing to confirm.
    """
    target = audit.Target("cluster", cluster_id, name)
    await guard.require(ctx, "clusters.edit", target=target)
    cluster = await queries.get_cluster(ctx, cluster_id)
    member = await queries.get_member(ctx, cluster_id, name)
    if not (wanted := fingerprint_of(fingerprint)):
        raise Invalid.field("fingerprint", "Give the fingerprint that you have compared.")
    if cluster.trust_mode not in (TrustMode.CLUSTER_CA, TrustMode.PINNED):
        raise WrongState(
            f"The trust of {cluster.name} knows no single certificates.",
            code="nothing_to_confirm",
            hint="Install a certificate that fits on the node, or change the trust of the cluster.",
        )
    detail = {"node": name, "before": member.fingerprint, "after": wanted}
    target = audit.Target("cluster", cluster_id, f"{cluster.name} {name}")
    try:
        await trusting.confirm(ctx, cluster, member, wanted)
    except PaddockError as error:
        await audit.record_alone(
            ctx, "clusters.retrust", target, outcome="failed", code=error.code, detail=detail
        )
        raise
    async with ctx.write() as tx:
        found = await tx.session.get(Member, member.id, with_for_update=True)
        if found is None:
            raise NotFound(f"There is no member {name}.", hint="It may have been removed.")
        found.fingerprint, found.refused_pem, found.refused_at = wanted, "", None
        (await _get(tx, ctx, cluster_id)).version += 1
        audit.record(tx, ctx, "clusters.retrust", target, detail=detail)
        tx.publish(ClusterImported(cluster_id))
    return found


def _not_proven(plan: Plan) -> TrustNotProven:
    if plan.refused:
        first = plan.refused[0]
        others = f" So it is for {len(plan.refused) - 1} more." if len(plan.refused) > 1 else ""
        message = f"Nothing was saved: {first.name} would not be believed. {first.text}{others}"
    else:
        message = "Nothing was saved: no member could be reached to try it."
    hint = "To save it in spite of that, give a reason; it is written to the audit."
    if any(one.code == "host_mismatch" for one in plan.refused):
        hint = f"Where a certificate is right for its name, give that name for the member. {hint}"
    return TrustNotProven(message, trials=plan.trials, hint=hint)


def _told(before: Cluster, plan: Plan, reason: str) -> dict[str, Any]:
    told: dict[str, Any] = {"trust": [before.trust_mode, str(plan.mode)]}
    if plan.identity != before.identity:
        told["ca"] = [before.identity, plan.identity]
    if plan.refused:
        told["not_believed"] = [one.name for one in plan.refused]
    if reason:
        told["reason"] = reason[:500]
    return told


async def _get(tx: Write, ctx: Context, cluster_id: str) -> Cluster:
    cluster = await tx.session.get(Cluster, cluster_id, with_for_update=True)
    scope = ctx.actor.scope
    if cluster is None or (scope.site_ids is not None and cluster.site_id not in scope.site_ids):
        raise NotFound(f"There is no cluster {cluster_id}.", hint="It may have been removed.")
    return cluster
