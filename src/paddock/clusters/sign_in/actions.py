"""Short verbs of the sign-in: change it after a trial, ask why it is refused, start the jobs that make tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from paddock.access import audit, guard
from paddock.base.context import Context
from paddock.base.errors import Invalid, PaddockError, Upstream, WrongState
from paddock.base.ids import new_id
from paddock.clusters.connecting import name_of, proxmox_members, unseal
from paddock.clusters.model import Cluster, Member
from paddock.clusters.queries import get_cluster, members_of
from paddock.clusters.sign_in import jobs as long_verbs
from paddock.clusters.sign_in import naming, record
from paddock.clusters.sign_in.trial import Tested, objection, tested
from paddock.clusters.sign_in.wish import Administrator, CredentialWish
from paddock.jobs import record as jobs
from paddock.jobs.model import Job
from paddock.proxmox import proving, reads, refusals
from paddock.proxmox.connection import Connection
from paddock.proxmox.connections import Connections
from paddock.proxmox.errors import LoginRefused
from paddock.proxmox.members import Member as ProxmoxMember
from paddock.proxmox.transport import HttpTransport
from paddock.proxmox.wanted import Level

TRIAL_SECONDS = 40.0
REASON_MOST = 500


@dataclass(frozen=True, slots=True)
class Changed:
    """The cluster after the change, and what the trial said."""

    cluster: Cluster
    tested: tuple[Tested, ...]


async def change_sign_in(
    ctx: Context,
    cluster_id: str,
    wish: CredentialWish,
    *,
    member: str = "",
    reason: str = "",
    expected: int | None = None,
) -> Changed:
    """Tries the new credential at the members, then saves it: for all of them, or for `member` alone.

    With a `reason` it is saved even where the trial fails. Raises Invalid beside the field, NotFound, StaleVersion,
    or NotProven with what each member said.
    """
    target = audit.Target("cluster", cluster_id)
    await guard.require(ctx, "clusters.edit", target=target)
    credential = wish.parsed()
    if len(reason) > REASON_MOST:
        raise Invalid.field("reason", f"At most {REASON_MOST} characters.")
    cluster = await get_cluster(ctx, cluster_id)
    rows = await members_of(ctx, cluster_id)
    asked = _asked(cluster, rows, member)
    try:
        async with asyncio.timeout(TRIAL_SECONDS):
            trial = await proving.prove(proxmox_members(cluster, asked), credential)
    except TimeoutError:
        raise Upstream(
            f"The members took more than {TRIAL_SECONDS:.0f} s to answer; nothing was saved.",
            code="timed_out",
        ) from None
    problem = objection(trial, credential)
    detail = {
        "from": next((one.credential_name for one in asked if member), "") or cluster.credential_name,
        "to": name_of(credential),
        **({"member": member} if member else {}),
        **({"reason": reason.strip(), "unproven": problem.code} if problem and reason.strip() else {}),
    }
    if problem is not None and not reason.strip():
        await audit.record_alone(
            ctx,
            "clusters.sign_in",
            record.target_of(cluster),
            outcome="failed",
            code=problem.code,
            detail=detail,
        )
        raise problem
    async with ctx.write() as tx:
        if member:
            saved = await record.save_own_credential(
                ctx, tx, cluster_id, member, credential, expected=expected
            )
        else:
            saved = await record.save_credential(ctx, tx, cluster_id, credential, expected=expected)
        audit.record(tx, ctx, "clusters.sign_in", record.target_of(saved), detail=detail)
    await ctx.part(Connections).reload(cluster_id)
    return Changed(saved, tested(trial))


async def drop_own_sign_in(
    ctx: Context, cluster_id: str, member: str, *, expected: int | None = None
) -> Cluster:
    """The member signs in as the whole cluster does again. Raises NotFound, StaleVersion, WrongState."""
    await guard.require(ctx, "clusters.edit", target=audit.Target("cluster", cluster_id))
    cluster = await get_cluster(ctx, cluster_id)
    row = next((one for one in await members_of(ctx, cluster_id) if one.name == member), None)
    if row is None:
        raise record.no_member(cluster.name, member)
    if not row.credential_sealed:
        raise WrongState(f"{member} has no sign-in of its own.")
    async with ctx.write() as tx:
        saved = await record.save_own_credential(ctx, tx, cluster_id, member, None, expected=expected)
        audit.record(
            tx,
            ctx,
            "clusters.sign_in",
            record.target_of(saved),
            detail={"member": member, "from": row.credential_name, "to": cluster.credential_name},
        )
    await ctx.part(Connections).reload(cluster_id)
    return saved


async def explain_refusal(ctx: Context, cluster_id: str, administrator: Administrator) -> refusals.Cause:
    """Why Proxmox VE refuses the stored credential, as an administrator sees it. The password is used this once."""
    target = audit.Target("cluster", cluster_id)
    await guard.require(ctx, "clusters.edit", target=target)
    credential = administrator.parsed()
    cluster = await get_cluster(ctx, cluster_id)
    members = proxmox_members(cluster, await members_of(ctx, cluster_id))
    connection = Connection(cluster.name, members, credential, HttpTransport())
    try:
        seen = await refusals.look(connection, cluster.credential_name)
    except PaddockError as error:
        await audit.record_alone(
            ctx, "clusters.explain_sign_in", record.target_of(cluster), outcome="failed", code=error.code
        )
        raise
    finally:
        await connection.close()
    accepted = await _accepted(ctx, cluster, members)
    if accepted is None and cluster.trouble in ("password_refused", "token_refused"):
        accepted = False
    cause = refusals.judge(cluster.credential_name, seen, ctx.now(), accepted=accepted)
    await audit.record_alone(
        ctx, "clusters.explain_sign_in", record.target_of(cluster), outcome="ok", detail={"cause": cause.code}
    )
    return cause


async def _accepted(ctx: Context, cluster: Cluster, members: Sequence[ProxmoxMember]) -> bool | None:
    """Whether the stored sign-in is accepted now, without a ticket from before; None where nobody answers.

    If it is, the watch goes on with it at once.
    """
    connection = Connection(cluster.name, members, unseal(ctx.vault, cluster), HttpTransport())
    try:
        await reads.version(connection)
    except LoginRefused:
        return False
    except Upstream:
        return None
    finally:
        await connection.close()
    (await ctx.part(Connections).get(cluster.id)).retry_sign_in()
    return True


async def make_token(
    ctx: Context,
    cluster_id: str,
    administrator: Administrator,
    level: Level,
    *,
    userid: str = "",
    tokenid: str = "",
) -> Job:
    """Starts the job that makes role, user and token on Proxmox VE and signs in with the token from then on.

    Raises Invalid beside the field, NotFound, or WrongState where such a job runs already.
    """
    await guard.require(ctx, "clusters.edit", target=audit.Target("cluster", cluster_id))
    credential = administrator.parsed()
    plan = naming.plan(level, userid, tokenid, ctx.now(), new_id())
    cluster = await get_cluster(ctx, cluster_id)
    return await _start(
        ctx,
        cluster,
        long_verbs.MAKE_TYPE,
        f"Make a token on {cluster.name}",
        {"plan": plan.wire(), "administrator": credential.username},
        administrator,
        detail={"level": level, "token": plan.token},
    )


async def rotate_token(
    ctx: Context, cluster_id: str, administrator: Administrator, *, remove_old: bool = True
) -> Job:
    """Starts the job that makes a second token, proves it on all members, and then removes the first.

    Raises as `make_token`, and WrongState where the cluster does not sign in with a token.
    """
    await guard.require(ctx, "clusters.edit", target=audit.Target("cluster", cluster_id))
    credential = administrator.parsed()
    cluster = await get_cluster(ctx, cluster_id)
    if cluster.credential_kind != "token":
        raise WrongState(
            f"{cluster.name} signs in with a password, so there is no token to replace.",
            code="no_token",
            hint="Make a token first.",
        )
    return await _start(
        ctx,
        cluster,
        long_verbs.ROTATE_TYPE,
        f"Replace the token of {cluster.name}",
        {
            "old": cluster.credential_name,
            "tokenid": naming.token_name(ctx.now(), new_id()),
            "administrator": credential.username,
            "remove_old": remove_old,
        },
        administrator,
        detail={"token": cluster.credential_name, "remove_old": remove_old},
    )


async def rotate_tokens(
    ctx: Context, cluster_ids: Sequence[str], administrator: Administrator, *, remove_old: bool = True
) -> list[Job]:
    """One job per cluster, with the same account. All are looked at before the first is started. Raises as above."""
    await guard.require(
        ctx, "clusters.edit", target=audit.Target("cluster", label=f"{len(cluster_ids)} clusters")
    )
    if not cluster_ids:
        raise Invalid.field("clusters", "Choose at least one cluster.")
    for cluster_id in dict.fromkeys(cluster_ids):
        cluster = await get_cluster(ctx, cluster_id)
        if cluster.credential_kind != "token":
            raise Invalid.field(
                "clusters", f"{cluster.name} signs in with a password; make a token there first."
            )
    return [
        await rotate_token(ctx, cluster_id, administrator, remove_old=remove_old)
        for cluster_id in dict.fromkeys(cluster_ids)
    ]


async def _start(
    ctx: Context,
    cluster: Cluster,
    kind: str,
    label: str,
    arguments: dict[str, object],
    administrator: Administrator,
    *,
    detail: dict[str, object],
) -> Job:
    async with ctx.write() as tx:
        running = await jobs.open_of(tx, (long_verbs.MAKE_TYPE, long_verbs.ROTATE_TYPE))
        if any(job.arguments.get("cluster_id") == cluster.id for job in running):
            raise WrongState(
                f"A token is being made on {cluster.name} just now.",
                code="token_job_running",
                hint="Wait for that job to end; it stands under Jobs.",
            )
        job = jobs.queue(
            ctx,
            tx,
            kind,
            {"cluster_id": cluster.id, "actor": ctx.actor.name, **arguments},
            label=label,
            site_id=cluster.site_id,
            links=[{"kind": "cluster", "id": cluster.id, "label": cluster.name}],
            secret=administrator.parsed().password,
        )
        audit.record(
            tx, ctx, kind.removesuffix(".v1"), record.target_of(cluster), detail={**detail, "job": job.id}
        )
    return job


def _asked(cluster: Cluster, rows: Sequence[Member], member: str) -> list[Member]:
    """The rows at which the credential is tried: those that will use it."""
    present = [one for one in rows if one.vanished_at is None]
    if member:
        found = [one for one in present if one.name == member]
        if not found:
            raise record.no_member(cluster.name, member)
        return found
    return [one for one in present if not one.credential_sealed] or present
