"""Jobs over REST: following one, cancelling one."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select

from paddock.jobs.model import Job
from paddock.watch import jobs as import_job
from pvesim import Running
from tests.harness import Paddock


async def test_a_job_tells_its_steps_and_its_lines(paddock: Paddock, estate: Running) -> None:
    job = await paddock.imported(await paddock.site(), estate["prod"])
    assert [(step["name"], step["state"]) for step in job["steps"]] == [
        ("Read and record", "done"),
        ("Contact every node", "done"),
    ]
    assert (job["done"], job["total"]) == (5, 5)
    assert job["created_at"] <= job["started_at"] <= job["ended_at"]
    assert job["actor"] == "m.huber"
    assert job["label"] == "Import 5 nodes of prod"
    listed = (await paddock.api.get("/jobs?state=done"))["items"]
    assert [one["id"] for one in listed] == [job["id"]]
    assert (await paddock.api.get("/jobs?state=failed"))["items"] == []


async def test_a_job_that_has_ended_cannot_be_cancelled(paddock: Paddock, estate: Running) -> None:
    job = await paddock.imported(await paddock.site(), estate["prod"])
    refused = await paddock.api.post(f"/jobs/{job['id']}/cancel")
    assert (refused.status, refused["code"]) == (409, "wrong_state")
    unknown = await paddock.api.post("/jobs/0190a0a0-0000-7000-8000-000000000000/cancel")
    assert unknown.status == 404


async def test_a_job_stops_before_its_next_step_when_it_is_cancelled(
    paddock: Paddock, estate: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()
    whole = import_job._write

    async def held(*arguments: object) -> object:
        reached.set()
        await go_on.wait()
        return await whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(import_job, "_write", held)
    prod = estate["prod"]
    seen = await paddock.preview(await paddock.site(), prod.first, prod)
    started = await paddock.api.post("/imports", {"preview_id": seen["preview_id"], "members": ["pve1"]})
    async with asyncio.timeout(10):
        await reached.wait()
    running = await paddock.api.get(f"/jobs/{started['job_id']}")
    assert running["state"] == "running"
    cancelled = await paddock.api.post(f"/jobs/{started['job_id']}/cancel")
    assert (cancelled.status, cancelled["cancel_wanted"]) == (202, True)
    go_on.set()
    job = await paddock.ended(started["job_id"])
    assert (job["state"], job["error"]["code"]) == ("cancelled", "cancelled")
    assert [step["name"] for step in job["steps"]] == ["Read and record"]


async def test_a_fault_of_paddocks_own_ends_the_job_and_names_it(
    paddock: Paddock, estate: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> object:
        raise ZeroDivisionError("internal detail")

    monkeypatch.setattr(import_job, "_write", broken)
    job = await paddock.imported(await paddock.site(), estate["prod"])
    assert (job["state"], job["error"]["code"]) == ("failed", "bug")
    assert job["id"] in job["error"]["message"]
    assert "internal detail" not in str(job)


async def test_the_secret_of_a_job_is_gone_when_it_has_ended(paddock: Paddock, estate: Running) -> None:
    await paddock.imported(await paddock.site(), estate["prod"])
    async with paddock.ctx.read() as db:
        assert (await db.scalars(select(Job.sealed))).all() == [""]
