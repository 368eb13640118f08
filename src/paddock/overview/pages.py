"""Pages of the overview, and the search."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from paddock.access.guard import check, may, page_context
from paddock.base.context import Context
from paddock.overview import frame, queries
from paddock.overview.search import search
from paddock.web.render import fragment, is_htmx, page

router = APIRouter(include_in_schema=False)
Ctx = Annotated[Context, Depends(page_context)]

LONGEST_SEARCH = 200


@router.get("/")
async def show_overview(request: Request, ctx: Ctx) -> Response:
    check(ctx, "overview.read")
    data: dict[str, Any] = {
        "seen": await queries.overview(ctx, request.query_params.get("site", "")),
        "may_import": may(ctx, "nodes.import"),
    }
    if is_htmx(request):
        return fragment(request, "overview/overview_now.html", **data)
    return await page(request, "overview/overview.html", **data)


@router.get("/frame")
async def show_frame(request: Request, ctx: Ctx, at: str = "/") -> Response:
    """The counts in the navigation and the bell, for a page that is open. `at` is the path of that page."""
    check(ctx, "overview.read")
    return fragment(request, "overview/frame.html", frame=await frame.provide(request), at=at, fetched=True)


@router.get("/search")
async def show_search(request: Request, ctx: Ctx) -> Response:
    check(ctx, "overview.read")
    text = request.query_params.get("q", "").strip()[:LONGEST_SEARCH]
    data: dict[str, Any] = {"text": text, "found": await search(ctx, text)}
    if is_htmx(request):
        return fragment(request, "overview/search_finds.html", **data) if text else HTMLResponse()
    return await page(request, "overview/search.html", **data)
