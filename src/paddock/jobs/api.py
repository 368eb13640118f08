"""REST of jobs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from paddock.access.guard import api_context, check
from paddock.base.context import Context
from paddock.jobs import actions, queries
from paddock.jobs.model import Job
from paddock.jobs.schemas import JobDetailOut, JobOut, LineOut, LinkOut, StepOut
from paddock.web.paging import PageOut, Paging, page_response, rest_paging

router = APIRouter(prefix="/jobs", tags=["jobs"])
Ctx = Annotated[Context, Depends(api_context)]
FILTERS = {"state": "queued · running · done · failed · cancelled", "site": "Id of a site."}


def job_out(job: Job) -> JobOut:
    return JobOut(
        id=job.id,
        type=job.type,
        label=job.label,
        state=job.state,
        done=job.done,
        total=job.total,
        actor=job.actor,
        links=[LinkOut(**link) for link in job.links],
        result=job.result,
        error=job.error,
        cancel_wanted=job.cancel_wanted,
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
    )


async def _detail(ctx: Context, job: Job) -> JobDetailOut:
    steps = await queries.steps_of(ctx, job.id)
    lines = await queries.lines_of(ctx, job.id)
    return JobDetailOut(
        **job_out(job).model_dump(),
        steps=[
            StepOut(name=step.name, state=step.state, started_at=step.started_at, ended_at=step.ended_at)
            for step in steps
        ],
        lines=[LineOut(at=line.at, level=line.level, subject=line.subject, text=line.text) for line in lines],
    )


@router.get("", response_model=PageOut[JobOut])
async def list_jobs(
    request: Request,
    ctx: Ctx,
    paging: Annotated[Paging, Depends(rest_paging(sorts=queries.SORTS, filters=FILTERS))],
) -> Response:
    check(ctx, "jobs.read")
    page = await queries.list_jobs(ctx, paging)
    return page_response(request, page, map(job_out, page.items))


@router.get("/{job_id}")
async def get_job(ctx: Ctx, job_id: str) -> JobDetailOut:
    """A job with its steps and its log."""
    check(ctx, "jobs.read")
    return await _detail(ctx, await queries.get_job(ctx, job_id))


@router.post("/{job_id}/cancel", status_code=202)
async def cancel_job(ctx: Ctx, job_id: str) -> JobDetailOut:
    """Stops a job before its next step."""
    return await _detail(ctx, await actions.cancel_job(ctx, job_id))
