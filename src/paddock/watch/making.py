"""An import that uses the password once: a token of Paddock's own is made on Proxmox VE before anything is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from paddock.base.context import Write
from paddock.clusters import connecting
from paddock.clusters.sign_in.record import record_deeds
from paddock.clusters.sign_in.trial import objection
from paddock.jobs.run import Run
from paddock.proxmox import ceremony, proving
from paddock.proxmox.address import Endpoint
from paddock.proxmox.ceremony import Before, Made
from paddock.proxmox.connection import Connection
from paddock.proxmox.members import Member
from paddock.proxmox.token_plan import Plan
from paddock.proxmox.transport import HttpTransport
from paddock.proxmox.trust import TrustMode


@dataclass(frozen=True, slots=True)
class Wanted:
    plan: Plan
    before: Before


async def look(run: Run, plan: Plan) -> dict[str, Any]:
    connection = first_connection(run)
    try:
        return (await ceremony.look(connection, plan, run.arguments["credential_name"])).wire()
    finally:
        await connection.close()


async def make(run: Run, connection: Connection, wanted: Wanted) -> Made:
    """The token, tried at the member that was reviewed; the others are contacted later. Raises NotProven."""
    made = await ceremony.make(connection, wanted.plan, wanted.before)
    trial = await proving.prove([_member(run)], made.credential)
    if problem := objection(trial, made.credential, wanted.plan.level):
        raise problem
    return made


async def record(run: Run, tx: Write, cluster_id: str, made: Made) -> None:
    await record_deeds(
        run.ctx,
        tx,
        cluster_id,
        made.deeds,
        actor=run.arguments["actor"],
        administrator=run.arguments["credential_name"],
    )


async def tell(run: Run, made: Made) -> None:
    lines = [
        ("ok", f"{deed.verb.capitalize()} on Proxmox VE: {deed.detail}", f"{deed.kind} {deed.name}")
        for deed in made.deeds
    ]
    await run.lines(lines)


async def take_back(run: Run, plan: Plan, before: Before) -> None:
    """Says what could not be taken back, as commands."""
    connection = first_connection(run)
    try:
        left = await ceremony.undo(connection, plan, before)
    finally:
        await connection.close()
    for command in left:
        await run.line("bad", f"Could not be taken back. On a node: {command}")
    if not left:
        await run.line("info", "What had been made on Proxmox VE was taken back")


def first_connection(run: Run) -> Connection:
    """To the member that was reviewed, with the sign-in that was typed."""
    given = run.arguments
    credential = connecting.rebuild(given["credential_kind"], given["credential_name"], run.secret())
    return Connection(given["local_node"], [_member(run)], credential, HttpTransport())


def _member(run: Run) -> Member:
    """A renewed certificate under the cluster's CA is still believed."""
    given = run.arguments
    policy = connecting.policy(
        TrustMode(given["trust_mode"]), given["trusted_pem"], fingerprint=given["leaf"]
    )
    return Member(given["local_node"], Endpoint(given["host"], given["port"]), policy)
