"""The storages of a node, as a part of its page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from paddock.access.guard import check, page_context
from paddock.base.context import Context
from paddock.storages import queries
from paddock.web.render import fragment

router = APIRouter(include_in_schema=False)
Ctx = Annotated[Context, Depends(page_context)]


@router.get("/storages")
async def storages_of_node(request: Request, ctx: Ctx, node: str) -> Response:
    check(ctx, "storages.read")
    return fragment(request, "storages/on_node.html", storages=await queries.of_node(ctx, node))
