"""Pages of jobs: the list, one job that is followed live, and the toast when one ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from paddock.access.guard import check, may, page_context
from paddock.base.context import Context
from paddock.base.errors import WrongState
from paddock.jobs import actions, outcome, queries
from paddock.jobs.model import ENDED
from paddock.web import hints
from paddock.web.paging import Paging, page_paging
from paddock.web.render import fragment, is_htmx, page, redirect

router = APIRouter(prefix="/jobs", include_in_schema=False)
Ctx = Annotated[Context, Depends(page_context)]
Jobs = Annotated[Paging, Depends(page_paging(sorts=queries.SORTS, filters=("state", "site")))]


@router.get("")
async def jobs(request: Request, ctx: Ctx, paging: Jobs) -> Response:
    check(ctx, "jobs.read")
    data: dict[str, Any] = {
        "paging": paging,
        "found": await queries.list_jobs(ctx, paging),
        "outcome": outcome,
    }
    if is_htmx(request):
        return fragment(request, "jobs/rows.html", **data)
    return await page(request, "jobs/list.html", **data)


@router.get("/ended")
async def ended(request: Request, ctx: Ctx, since: str = "") -> Response:
    """Toasts for the person's jobs that ended since the last time this was asked."""
    check(ctx, "jobs.read")
    now = ctx.now()
    found = await queries.ended_since(ctx, _moment(since) or now)
    shown = request.headers.get("hx-current-url", "")
    return fragment(
        request,
        "jobs/ended.html",
        jobs=[job for job in found if f"/jobs/{job.id}" not in shown],
        since=now,
        running=await queries.count_running(ctx),
    )


@router.get("/{job_id}")
async def job(request: Request, ctx: Ctx, job_id: str) -> Response:
    check(ctx, "jobs.read")
    if is_htmx(request):
        return fragment(request, "jobs/live.html", live=True, **await _shown(ctx, job_id))
    return await _page(request, ctx, job_id)


@router.post("/{job_id}/cancel")
async def cancel(request: Request, ctx: Ctx, job_id: str) -> Response:
    try:
        await actions.cancel_job(ctx, job_id)
    except WrongState as error:
        return await _page(request, ctx, job_id, status=409, note=error.message)
    return redirect(request, f"/jobs/{job_id}")


async def _page(
    request: Request, ctx: Context, job_id: str, *, status: int = 200, note: str = ""
) -> Response:
    return await page(
        request,
        "jobs/job.html",
        status=status,
        note=note,
        live=False,
        may_cancel=may(ctx, "jobs.cancel"),
        **await _shown(ctx, job_id),
    )


async def _shown(ctx: Context, job_id: str) -> dict[str, Any]:
    found = await queries.get_job(ctx, job_id)
    return {
        "job": found,
        "ended": found.state in ENDED,
        "steps": await queries.steps_of(ctx, job_id),
        "log": await queries.lines_of(ctx, job_id),
        "results": outcome.lines(found.result),
        "links": outcome.links(found.links, found.result),
        "outcome": outcome,
        "advice": hints.advice((found.error or {}).get("hint")),
    }


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None
