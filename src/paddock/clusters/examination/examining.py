"""A look at one node, step by step as every request goes. Sends no credential to a peer that is not trusted.

Each step has its own time-out, so that a silent node costs seconds, and the other members are asked meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime

from paddock.clusters.examination import inside, peers, way
from paddock.clusters.examination.looking import Look, Patience, Subject
from paddock.clusters.examination.proofs import tidied
from paddock.clusters.examination.remedies import with_remedy
from paddock.clusters.examination.sharpening import sharpened
from paddock.clusters.examination.steps import Diagnosis, Key, Outcome, Step, complete
from paddock.proxmox.transport import HttpTransport

USUAL = Patience()
ANSWER_LIMIT = 8 << 20
"""Bytes: what is asked here is small, and many nodes may be looked at together."""


async def examine(subject: Subject, *, automatic: bool = False, patience: Patience = USUAL) -> Diagnosis:
    """All steps. Never raises for what is wrong with the node."""
    began, at = time.perf_counter(), datetime.now(UTC)
    transport = HttpTransport(connect_seconds=patience.connect, body_limit=ANSWER_LIMIT)
    look = Look(subject, patience, transport)
    asked = asyncio.create_task(_clocked(look))
    try:
        steps = await _on_the_way(look)
        view, took = await asked
        others = replace(peers.judged(look, view), milliseconds=took)
    finally:
        asked.cancel()
        await transport.close()
    found = sharpened(
        Diagnosis(
            url=subject.endpoint.url,
            started_at=at,
            milliseconds=round((time.perf_counter() - began) * 1000),
            steps=complete([*steps, others]),
            name=subject.node,
            cluster=subject.cluster,
            automatic=automatic,
        )
    )
    values = look.values()
    told = replace(found, steps=tuple(with_remedy(step, values) for step in found.steps))
    return tidied(told, subject.secret)


async def _on_the_way(look: Look) -> list[Step]:
    """The steps of which each needs the one before."""
    patience = look.patience
    steps = [Step(Key.URL, Outcome.PASSED, look.subject.endpoint.url)]
    for key, step, seconds in (
        (Key.RESOLVE, way.resolve, patience.connect),
        (Key.CONNECT, way.connect, patience.connect + 0.2),
        (Key.CERTIFICATE, way.certificate, patience.connect * 2),
        (Key.PRODUCT, way.product, patience.answer),
    ):
        steps.append(await look.timed(key, lambda step=step: step(look), seconds))  # type: ignore[misc]
        if steps[-1].outcome is Outcome.FAILED:
            return steps
    steps += await inside.sign_in(look)
    if look.connection is not None and all(step.outcome is not Outcome.FAILED for step in steps):
        steps += await inside.signed_in(look, look.connection)
    return steps


async def _clocked(look: Look) -> tuple[peers.PeersView | Step, int]:
    began = time.perf_counter()
    view = await peers.ask(look)
    return view, round((time.perf_counter() - began) * 1000)
