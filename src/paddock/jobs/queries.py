"""Reads of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from paddock.base.context import Context
from paddock.base.errors import NotFound
from paddock.jobs.model import ENDED, Job, JobLine, JobStep
from paddock.web.paging import Page, Paging
from paddock.web.sorting import ordered

SORTS = {
    "created_at": Job.created_at,
    "label": Job.label,
    "state": Job.state,
    "actor": Job.actor,
}


def _visible(ctx: Context) -> Select[Job]:
    query = select(Job)
    if not ctx.actor.scope.everything:
        query = query.where(or_(Job.site_id.is_(None), Job.site_id.in_(ctx.actor.scope.site_ids or ())))
    return query


def _of_visible(ctx: Context, job_id: InstrumentedAttribute[str]) -> Sequence[ColumnElement[bool]]:
    if ctx.actor.scope.everything:
        return ()
    return (job_id.in_(_visible(ctx).with_only_columns(Job.id)),)


async def list_jobs(ctx: Context, paging: Paging) -> Page[Job]:
    query = _visible(ctx)
    if state := paging.filters.get("state"):
        query = query.where(Job.state == state)
    if site_id := paging.filters.get("site"):
        query = query.where(Job.site_id == site_id)
    if paging.q:
        query = query.where(Job.label.icontains(paging.q, autoescape=True))
    async with ctx.read() as db:
        total = await db.scalar(select(func.count()).select_from(query.subquery())) or 0
        rows = (
            await db.scalars(ordered(query, paging, SORTS, default=Job.created_at.desc(), tie=Job.id))
        ).all()
    return Page.of(rows, total, paging)


async def get_job(ctx: Context, job_id: str) -> Job:
    async with ctx.read() as db:
        job = await db.scalar(_visible(ctx).where(Job.id == job_id))
    if job is None:
        raise NotFound(f"There is no job {job_id}.", hint="Ended jobs are kept for a limited time.")
    return job


async def steps_of(ctx: Context, job_id: str) -> Sequence[JobStep]:
    async with ctx.read() as db:
        return (
            await db.scalars(
                select(JobStep)
                .where(JobStep.job_id == job_id, *_of_visible(ctx, JobStep.job_id))
                .order_by(JobStep.position)
            )
        ).all()


async def lines_of(ctx: Context, job_id: str, *, limit: int = 2000) -> Sequence[JobLine]:
    async with ctx.read() as db:
        return (
            await db.scalars(
                select(JobLine)
                .where(JobLine.job_id == job_id, *_of_visible(ctx, JobLine.job_id))
                .order_by(JobLine.at, JobLine.id)
                .limit(limit)
            )
        ).all()


async def ended_since(ctx: Context, since: datetime, *, limit: int = 5) -> Sequence[Job]:
    """The actor's own jobs that ended after `since`, in the order in which they ended."""
    query = _visible(ctx).where(Job.ended_at > since, Job.actor == ctx.actor.name)
    async with ctx.read() as db:
        return (await db.scalars(query.order_by(Job.ended_at, Job.id).limit(limit))).all()


async def count_running(ctx: Context) -> int:
    async with ctx.read() as db:
        return (
            await db.scalar(
                select(func.count()).select_from(_visible(ctx).where(Job.state.not_in(ENDED)).subquery())
            )
            or 0
        )


async def running(ctx: Context, *, site_id: str = "", limit: int = 5) -> Sequence[Job]:
    """Jobs that have not ended, the newest first."""
    query = _visible(ctx).where(Job.state.not_in(ENDED))
    if site_id:
        query = query.where(Job.site_id == site_id)
    async with ctx.read() as db:
        return (await db.scalars(query.order_by(Job.created_at.desc()).limit(limit))).all()
