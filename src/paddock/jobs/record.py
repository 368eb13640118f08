"""What the engine writes down of a job: its state, steps, lines and end. No actor, no rights."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select, update

from paddock.base.context import Context, Services, Write
from paddock.base.errors import PaddockError
from paddock.base.ids import new_id
from paddock.base.vault import Secret
from paddock.jobs.events import JobMoved, JobQueued
from paddock.jobs.model import ENDED, Job, JobLine, JobState, JobStep


def job_context(job_id: str) -> str:
    """What a job's secret is sealed to."""
    return f"job:{job_id}"


def queue(
    ctx: Context,
    tx: Write,
    type: str,
    arguments: dict[str, Any],
    *,
    label: str,
    site_id: str | None = None,
    links: list[dict[str, str]] | None = None,
    total: int = 0,
    secret: Secret | None = None,
) -> Job:
    """Adds a queued job to the caller's transaction. Its workflow starts after the commit. `total`: units of work.

    `secret` is what the work needs and nobody may read; it is sealed to this job and wiped at its end.
    """
    job = Job(
        id=new_id(),
        type=type,
        label=label,
        site_id=site_id,
        state=JobState.QUEUED,
        arguments=arguments,
        links=links or [],
        total=total,
        actor=ctx.actor.name,
        created_at=ctx.now(),
    )
    if secret is not None:
        job.sealed = ctx.vault.seal(secret, context=job_context(job.id))
    tx.session.add(job)
    tx.publish(JobQueued(job.id))
    return job


async def open_of(tx: Write, types: Sequence[str]) -> Sequence[Job]:
    """Jobs of these types that have not ended, as the caller's transaction sees them."""
    return (await tx.session.scalars(select(Job).where(Job.type.in_(types), Job.state.not_in(ENDED)))).all()


async def started(ctx: Context, job_id: str) -> None:
    async with ctx.write() as tx:
        await tx.session.execute(
            update(Job)
            .where(Job.id == job_id, Job.state == JobState.QUEUED)
            .values(state=JobState.RUNNING, started_at=ctx.now())
        )
        tx.publish(JobMoved(job_id))


async def step_started(ctx: Context, job_id: str, name: str) -> None:
    async with ctx.write() as tx:
        known = await tx.session.get(JobStep, (job_id, name))
        if known is None:
            position = await tx.session.scalar(select(func.count()).where(JobStep.job_id == job_id)) or 0
            tx.session.add(
                JobStep(job_id=job_id, name=name, position=position, state="running", started_at=ctx.now())
            )
        elif known.state != "done":
            known.state, known.ended_at = "running", None
        tx.publish(JobMoved(job_id))


async def step_ended(ctx: Context, job_id: str, name: str, state: str) -> None:
    async with ctx.write() as tx:
        await tx.session.execute(
            update(JobStep)
            .where(JobStep.job_id == job_id, JobStep.name == name)
            .values(state=state, ended_at=ctx.now())
        )
        tx.publish(JobMoved(job_id))


async def lines(ctx: Context, job_id: str, lines: Sequence[tuple[str, str, str]], *, done: int = 0) -> None:
    """Adds lines (level, text, subject); with `done` the progress too.

    A line that the job has already is not added again: a step that was cut off says everything once more.
    """
    async with ctx.write() as tx:
        said = select(JobLine.level, JobLine.text, JobLine.subject).where(JobLine.job_id == job_id)
        known = set(await tx.session.execute(said)) if lines else set()
        for level, text, subject in lines:
            if (level, text, subject) in known:
                continue
            tx.session.add(JobLine(job_id=job_id, at=ctx.now(), level=level, subject=subject, text=text))
        if done:
            await tx.session.execute(update(Job).where(Job.id == job_id).values(done=done))
        tx.publish(JobMoved(job_id))


async def progress(ctx: Context, job_id: str, done: int, total: int) -> None:
    async with ctx.write() as tx:
        await tx.session.execute(update(Job).where(Job.id == job_id).values(done=done, total=total))
        tx.publish(JobMoved(job_id))


async def ended(
    ctx: Context,
    job_id: str,
    state: JobState,
    *,
    result: dict[str, Any] | None = None,
    error: PaddockError | None = None,
) -> None:
    """Writes the end once; wipes the secret. A job that has ended stays as it ended."""
    failure = None if error is None else {"code": error.code, "message": error.message, "hint": error.hint}
    async with ctx.write() as tx:
        await tx.session.execute(
            update(Job)
            .where(Job.id == job_id, Job.state.not_in(ENDED))
            .values(state=state, result=result, error=failure, sealed="", ended_at=ctx.now())
        )
        tx.publish(JobMoved(job_id))


async def interrupted(ctx: Context, job_id: str) -> None:
    """Ends a job whose work is over while nobody wrote down how it ended."""
    error = PaddockError(
        "The job was interrupted, and how far it came is not known.",
        code="interrupted",
        hint="Look at what it has done so far, then start it again; what is done already is not done twice.",
    )
    await ended(ctx, job_id, JobState.FAILED, error=error)


async def prune(services: Services) -> None:
    """Deletes jobs that ended longer ago than the settings keep them; steps and lines go with them."""
    limit = services.clock.now() - timedelta(days=services.settings.jobs_days)
    async with services.db.write() as session:
        await session.execute(delete(Job).where(Job.ended_at < limit))
