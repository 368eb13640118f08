"""The long verbs of the sign-in: a token of Paddock's own, and its rotation. Each step is safe to repeat.

The secret of a token is told once and is no result of a step, for those are stored in clear: making, proving and
saving are one step. The administrator's password is the job's secret, sealed until the job ends and then wiped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paddock.access import audit
from paddock.base.errors import NotFound, PaddockError, Upstream
from paddock.clusters.connecting import proxmox_members
from paddock.clusters.model import Cluster, Member
from paddock.clusters.queries import get_cluster, members_of
from paddock.clusters.sign_in import record
from paddock.clusters.sign_in.trial import NotProven, objection
from paddock.jobs.run import JobType, Run
from paddock.proxmox import ceremony, proving, reads, tokens
from paddock.proxmox.ceremony import Before, Made
from paddock.proxmox.connection import Connection
from paddock.proxmox.credentials import PasswordCredential
from paddock.proxmox.farewell import token_command
from paddock.proxmox.proving import Outcome, Trial
from paddock.proxmox.token_plan import Plan
from paddock.proxmox.transport import HttpTransport
from paddock.proxmox.wanted import Level, lacking

MAKE_TYPE = "clusters.make_token.v1"
ROTATE_TYPE = "clusters.rotate_token.v1"


async def make_token(run: Run) -> dict[str, Any]:
    """Look · make, prove and save. What was made is taken back where a step fails."""
    plan = Plan.read(run.arguments["plan"])
    before = Before.read(await run.step("Look at what is there", lambda: _look(run, plan)))
    try:
        done: dict[str, Any] = await run.step(
            "Make the token, prove it, keep it", lambda: _make(run, plan, before)
        )
    except PaddockError:
        await take_back(run, plan, before)
        raise
    return done


async def rotate_token(run: Run) -> dict[str, Any]:
    """Look at the old token · make, prove and save the new one · remove the old one."""
    found = await run.step("Look at the old token", lambda: _look_at_old(run))
    plan, before = Plan.read(found["plan"]), Before(user=True, granted=True)
    try:
        made = await run.step("Make the new token, prove it, keep it", lambda: _make(run, plan, before))
    except PaddockError:
        await take_back(run, plan, before)
        raise
    done: dict[str, Any] = await run.step("Remove the old token", lambda: _remove_old(run, made))
    return done


MAKE_TOKEN = JobType(MAKE_TYPE, make_token)
ROTATE_TOKEN = JobType(ROTATE_TYPE, rotate_token)


async def _look(run: Run, plan: Plan) -> dict[str, Any]:
    connection = await _administrator(run)
    try:
        return (await ceremony.look(connection, plan, run.arguments["administrator"])).wire()
    finally:
        await connection.close()


async def _look_at_old(run: Run) -> dict[str, Any]:
    """What the new token is to be: of the same user, with the same rights."""
    old: str = run.arguments["old"]
    connection = await _administrator(run)
    try:
        token = await tokens.find(connection, old)
        if token is None:
            raise Upstream(
                f"The token {old} does not exist any more, so there is nothing to take over its rights from.",
                code="token_gone",
                hint="Make a new token instead: it gets the rights that Paddock needs.",
            )
        separated = bool(int(token.get("privsep", 1)))
        entries = await ceremony.entries_of(connection, old) if separated else ()
        ended = tokens.over(token.get("expire"), run.ctx.now())
        plan = Plan(
            old.rpartition("!")[0],
            run.arguments["tokenid"],
            None,
            entries,
            separated,
            run.job_id,
            0 if ended else tokens.number(token.get("expire")),
        )
        await _may_rotate(connection, plan, run.arguments["administrator"])
    finally:
        await connection.close()
    for entry in entries:
        await run.line(
            "info", f"It holds {entry.role} on {entry.path}; the new one gets the same", subject=old
        )
    if ended:
        await run.line(
            "warn",
            f"It ended on {tokens.day(token['expire'])}; the new one is made without an end",
            subject=old,
        )
    elif plan.expire:
        await run.line(
            "info", f"It ends on {tokens.day(plan.expire)}; the new one ends then too", subject=old
        )
    return {"plan": plan.wire()}


async def _may_rotate(connection: Connection, plan: Plan, administrator: str) -> None:
    rights = await reads.permissions(connection)
    needed = ceremony.needs(plan, Before(user=True))
    if lacks := lacking(rights, needed):
        raise ceremony.refused(administrator, lacks)


async def _make(run: Run, plan: Plan, before: Before) -> dict[str, Any]:
    """Nothing of this is kept by the caller: the secret goes from Proxmox VE into the sealed column."""
    ctx = run.ctx
    cluster, members = await _rows(run)
    connection = await _administrator(run)
    try:
        made = await ceremony.make(connection, plan, before)
        trial = await _proven(run, cluster, members, made, plan.level)
        offline = await _offline(connection)
    finally:
        await connection.close()
    async with ctx.write() as tx:
        saved = await record.save_credential(ctx, tx, cluster.id, made.credential)
        await record.record_deeds(
            ctx,
            tx,
            cluster.id,
            made.deeds,
            actor=run.arguments["actor"],
            administrator=run.arguments["administrator"],
        )
        audit.record(
            tx,
            ctx,
            "clusters.sign_in",
            record.target_of(saved),
            detail={
                "from": cluster.credential_name,
                "to": plan.token,
                "asked_by": run.arguments["actor"],
                "job": run.job_id,
            },
        )
    for deed in made.deeds:
        await run.line(
            "ok", f"{deed.verb.capitalize()} on Proxmox VE: {deed.detail}", subject=f"{deed.kind} {deed.name}"
        )
    unproven = [one.member for one in trial.tried if one.outcome is not Outcome.ACCEPTED]
    return {
        "cluster_id": cluster.id,
        "cluster": cluster.name,
        "token": plan.token,
        "deeds": [
            {"kind": one.kind, "name": one.name, "verb": one.verb, "detail": one.detail} for one in made.deeds
        ],
        "proven": [one.member for one in trial.only(Outcome.ACCEPTED)],
        "unproven": unproven,
        "doubtful": [name for name in unproven if name not in offline],
    }


async def _proven(
    run: Run, cluster: Cluster, members: Sequence[Member], made: Made, level: Level | None
) -> Trial:
    """Signed in with the new token at every member, and enough for its level. Raises NotProven."""
    asked = proxmox_members(
        cluster, [one for one in members if not one.credential_sealed]
    ) or proxmox_members(cluster, members)
    trial = await proving.prove(asked, made.credential)
    for one in trial.tried:
        how = "ok" if one.outcome is Outcome.ACCEPTED else "warn"
        await run.line(how, f"The new token: {one.text}", subject=one.member)
    problem: NotProven | None = objection(trial, made.credential, level)
    if problem is not None:
        raise problem
    return trial


async def _remove_old(run: Run, made: dict[str, Any]) -> dict[str, Any]:
    """The old token dies last, and only where the new one is proven on every member that is up."""
    old: str = run.arguments["old"]
    result = {**made, "old": old, "removed": False}
    command = token_command(old)
    members = (await _rows(run))[1]
    used = [one.name for one in members if one.credential_name == old]
    if not run.arguments["remove_old"]:
        await run.line("info", f"Kept, as asked. To remove it: {command}", subject=old)
    elif made["doubtful"]:
        names = ", ".join(made["doubtful"])
        await run.line(
            "warn",
            f"Kept: the new token could not be tried on {names}. When it works there: {command}",
            subject=old,
        )
    elif used:
        await run.line("warn", f"Kept: {', '.join(used)} signs in with it. Then: {command}", subject=old)
    else:
        connection = await _administrator(run)
        try:
            result["removed"] = await ceremony.remove_token(connection, old)
        finally:
            await connection.close()
        if result["removed"]:
            await record.record_removed(run.ctx, made["cluster_id"], [f"token {old}"], run.arguments["actor"])
            await run.line("ok", "Removed from Proxmox VE", subject=old)
        else:
            await run.line("warn", f"It could not be removed. On a node: {command}", subject=old)
    return result


async def take_back(run: Run, plan: Plan, before: Before) -> None:
    """Nothing half-made stays: what did not exist before goes again. Says what could not be taken back."""
    try:
        connection = await _administrator(run)
    except NotFound:
        return  # the cluster was removed meanwhile
    try:
        left = await ceremony.undo(connection, plan, before)
    finally:
        await connection.close()
    if left:
        for command in left:
            await run.line("bad", f"Could not be taken back. On a node: {command}")
    else:
        await run.line("info", "What had been made on Proxmox VE was taken back")


async def _offline(connection: Connection) -> set[str]:
    """Members that the cluster itself calls offline: they take the token over when they are back."""
    try:
        rows = (await reads.cluster_status(connection)).items
    except Upstream:
        return set()
    return {row.name for row in rows if row.type == "node" and not row.online}


async def _rows(run: Run) -> tuple[Cluster, Sequence[Member]]:
    cluster_id = run.arguments["cluster_id"]
    return await get_cluster(run.ctx, cluster_id), await members_of(run.ctx, cluster_id)


async def _administrator(run: Run) -> Connection:
    """Signed in with the password that came with the job; over the same trust as everything else."""
    cluster, members = await _rows(run)
    credential = PasswordCredential(run.arguments["administrator"], run.secret())
    return Connection(cluster.name, proxmox_members(cluster, members), credential, HttpTransport())
