"""REST of the overview."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from paddock.access.guard import api_context, check
from paddock.base.context import Context
from paddock.base.heartbeat import Heartbeat
from paddock.overview import queries
from paddock.overview.schemas import AttentionOut, CapacityOut, EventOut, JobOut, OverviewOut, ProcessOut

router = APIRouter(prefix="/overview", tags=["overview"])
Ctx = Annotated[Context, Depends(api_context)]


@router.get("")
async def get_overview(
    ctx: Ctx, site: Annotated[str, Query(description="Id of a site; empty for all.")] = ""
) -> OverviewOut:
    """What needs attention, the capacity per site, running jobs and the latest events."""
    check(ctx, "overview.read")
    seen = await queries.overview(ctx, site)
    return OverviewOut(
        attention=[
            AttentionOut(
                level="notice" if one.kind == "wish" else one.kind,
                code=one.code,
                title=one.title,
                text=one.text,
                kind=one.target_kind,
                id=one.target_id,
                since=one.since,
            )
            for one in seen.attention
        ],
        sites=[CapacityOut(**{**asdict(site), "old": [name for name, _ in site.old]}) for site in seen.sites],
        jobs=[
            JobOut(
                id=job.id,
                label=job.label,
                state=job.state,
                done=job.done,
                total=job.total,
                created_at=job.created_at,
            )
            for job in seen.jobs
        ],
        events=[
            EventOut(at=event.at, level=event.level, node_id=event.node_id, node=name, text=event.text)
            for event, name in seen.events
        ],
    )


@router.get("/process")
async def get_process(
    ctx: Ctx, collect: Annotated[bool, Query(description="Collect garbage before counting.")] = False
) -> ProcessOut:
    """How the serving process itself is doing; for administrators."""
    check(ctx, "process.read")
    return ProcessOut(**asdict(ctx.part(Heartbeat).condition(collect=collect)))
