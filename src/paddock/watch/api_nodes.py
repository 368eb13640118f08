"""REST of what changes a managed node: the connection is tested, and Proxmox VE asked, at that moment."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from paddock.access.guard import api_context
from paddock.base.context import Context
from paddock.nodes.api import node_out
from paddock.nodes.schemas import NodeOut
from paddock.watch.actions import editing
from paddock.watch.schemas import NodePatch
from paddock.web.etags import etag, if_match

router = APIRouter(tags=["nodes"])
Ctx = Annotated[Context, Depends(api_context)]
Expected = Annotated[int | None, Depends(if_match)]


@router.patch("/nodes/{node_id}")
async def edit_node(
    ctx: Ctx, node_id: str, body: NodePatch, response: Response, expected: Expected
) -> NodeOut:
    """Changes the given fields, after the connection was tested with them.

    Where the test fails nothing is saved: the answer is 502 (504 for a time-out) with the code of what failed and
    the `steps`, unless `save_anyway` gives a reason. A name that Proxmox does not use answers 422 with the right
    one as `called`. With `If-Match` only if nobody else changed the node since.
    """
    changes = editing.Changes(body.name, body.address, body.url, body.site_id)
    node = await editing.edit_node(ctx, node_id, changes, expected=expected, anyway=body.save_anyway)
    response.headers["ETag"] = etag(node.version)
    return NodeOut(**node_out(node))
