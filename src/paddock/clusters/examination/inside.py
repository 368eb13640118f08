"""What only somebody who has signed in sees: version, privileges, name, membership, clock, storages."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from paddock.clusters.examination.judging import (
    could_hold,
    judge_clock,
    judge_membership,
    judge_name,
    judge_rights,
    judge_storages,
    judge_version,
    refused_code,
)
from paddock.clusters.examination.looking import Look
from paddock.clusters.examination.proofs import seen
from paddock.clusters.examination.steps import Key, Line, Outcome, Step
from paddock.proxmox import reads
from paddock.proxmox.connection import Connection
from paddock.proxmox.errors import LoginRefused
from paddock.proxmox.first_contact import ROOT_CA
from paddock.proxmox.members import Member
from paddock.proxmox.wanted import grant_on

_HERE = "localhost"
"""Proxmox VE's word for the node that is asked, whatever it is called."""


async def sign_in(look: Look) -> list[Step]:
    """The sign-in, and with it the version, which is what is asked for first."""
    subject = look.subject
    if subject.credential is None:
        return [Step(Key.SIGN_IN, Outcome.SKIPPED, "No sign-in was given")]
    if look.policy is None:
        text = "The certificate is not trusted: no credential is sent"
        return [Step(Key.SIGN_IN, Outcome.SKIPPED, text, "not_sent")]
    if subject.refusal is not None:
        return [
            _refused(look, subject.refusal, "It is not tried again by itself, so that nobody is locked out.")
        ]
    look.connection = Connection(
        subject.cluster or subject.endpoint.authority,
        [Member(subject.node or subject.endpoint.host, subject.endpoint, look.policy)],
        subject.credential,
        look.transport,
        per_member=2,  # more connections cost more than they save
    )
    versions: list[Step] = []

    async def enter() -> Step:
        assert look.connection is not None
        try:
            versions.append(judge_version((await reads.version(look.connection)).version))
        except LoginRefused as error:
            return _refused(look, error)
        who = subject.token or subject.user
        return Step(Key.SIGN_IN, Outcome.PASSED, f"Signed in as {who}", proof=_sent(look))

    return [await look.timed(Key.SIGN_IN, enter, look.patience.answer * 1.5), *versions]


def _sent(look: Look) -> tuple[Line, ...]:
    subject = look.subject
    if subject.token:
        return (Line("Sent", f"GET /version, with the token {subject.token}, its secret left out here"),)
    return (Line("Sent", f"POST /access/ticket, username={subject.user}, the password left out here"),)


def _refused(look: Look, error: LoginRefused, more: str = "") -> Step:
    code, text = refused_code(error)
    text = f"{text} {more}".strip()
    return Step(Key.SIGN_IN, Outcome.FAILED, text, code, proof=(*_sent(look), *seen(error)))


async def signed_in(look: Look, connection: Connection) -> list[Step]:
    """The rest, at the same time; nothing more where the credential may see nothing."""
    subject, seconds = look.subject, look.patience.answer

    async def rights() -> Step:
        permissions = await reads.permissions(connection)
        look.grant_on = grant_on(permissions)
        return judge_rights(permissions, subject.token, subject.user)

    first = await look.timed(Key.RIGHTS, rights, seconds)
    if first.outcome is Outcome.FAILED:
        return [first]
    status = asyncio.ensure_future(reads.cluster_status(connection))

    async def name() -> Step:
        return judge_name(subject.node, (await asyncio.shield(status)).items)

    async def membership() -> Step:
        rows = (await asyncio.shield(status)).items
        certificates = (await reads.node_certificates(connection, _HERE)).items
        ca = next((row.fingerprint or "" for row in certificates if row.filename == ROOT_CA), "")
        return judge_membership(subject.node, subject.identity, ca, subject.lone, rows)

    async def clock() -> Step:
        before = time.time()
        found = await reads.node_time(connection, _HERE)
        return judge_clock(found, (before + time.time()) / 2)

    async def storages() -> Step:
        rows = (await reads.node_storages(connection, _HERE)).items
        look.storage = could_hold(rows)
        return judge_storages(rows)

    try:
        found = await asyncio.gather(
            look.timed(Key.NAME, name, seconds),
            look.timed(Key.MEMBERSHIP, membership, seconds),
            look.timed(Key.CLOCK, clock, seconds),
            look.timed(Key.STORAGES, storages, seconds),
        )
    finally:
        status.cancel()
        await asyncio.gather(status, return_exceptions=True)
    return [first, *map(_hung, found)]


def _hung(step: Step) -> Step:
    if step.key is not Key.STORAGES or step.code != "timed_out":
        return step
    return replace(step, code="storage_hangs", text="The list of storages does not come: one of them hangs.")
