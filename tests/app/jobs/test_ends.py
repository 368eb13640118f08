"""The end of a job is written, whatever is in the way; and a job never seems to run that nobody runs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from dbos import DBOS
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from paddock.jobs import engine, record
from paddock.jobs.engine import Engine
from paddock.jobs.model import Job
from pvesim import Running
from tests.harness import Paddock


def refused(*_: object, **__: object) -> Any:
    raise OperationalError("UPDATE jobs", {}, Exception("database or disk is full"))


async def started(paddock: Paddock, estate: Running) -> str:
    seen = await paddock.preview(await paddock.site(), estate["prod"].first, estate["prod"])
    answer = await paddock.api.post("/imports", {"preview_id": seen["preview_id"], "members": ["pve1"]})
    return str(answer["job_id"])


async def test_an_end_that_cannot_be_written_at_once_is_written_later(
    paddock: Paddock, estate: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = record.ended, []

    async def full(*args: Any, **rest: Any) -> None:
        calls.append(1)
        await (refused() if len(calls) < 3 else whole(*args, **rest))

    monkeypatch.setattr(record, "ended", full)
    monkeypatch.setattr(engine, "END_PAUSES", (0, 0, 0))
    job = await paddock.ended(await started(paddock, estate))
    assert (job["state"], job["error"], len(calls)) == ("done", None, 3)


async def test_a_job_that_is_over_without_an_end_is_ended_and_its_secret_wiped(
    paddock: Paddock, estate: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(record, "ended", refused)
        broken.setattr(engine, "END_PAUSES", (0,))
        job_id = await started(paddock, estate)
        async with asyncio.timeout(20):
            while (known := await DBOS.get_workflow_status_async(job_id)) is None or known.status != "ERROR":
                await asyncio.sleep(0.02)
    assert (await paddock.api.get(f"/jobs/{job_id}"))["state"] == "running"
    await paddock.services.parts[Engine].reconcile()
    job = await paddock.api.get(f"/jobs/{job_id}")
    assert (job["state"], job["error"]["code"]) == ("failed", "interrupted")
    assert "start it again" in job["error"]["hint"]
    async with paddock.ctx.read() as db:
        assert await db.scalar(select(Job.sealed).where(Job.id == job_id)) == ""


async def test_a_job_whose_start_failed_is_started_by_the_next_look(
    paddock: Paddock, estate: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = asyncio.Event()

    async def failing(*_: object) -> None:
        tried.set()
        refused()

    with monkeypatch.context() as broken:
        broken.setattr(DBOS, "start_workflow_async", failing)
        job_id = await started(paddock, estate)
        async with asyncio.timeout(10):
            await tried.wait()
            await asyncio.sleep(0)
    await paddock.services.parts[Engine].reconcile()
    assert (await paddock.ended(job_id))["state"] == "done"
