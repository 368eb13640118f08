"""REST of storages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from paddock.access.guard import api_context, check
from paddock.base.context import Context
from paddock.storages import queries
from paddock.storages.schemas import StorageOut

router = APIRouter(prefix="/nodes", tags=["storages"])
Ctx = Annotated[Context, Depends(api_context)]


@router.get("/{node_id}/storages")
async def list_storages(ctx: Ctx, node_id: str) -> list[StorageOut]:
    """The storages of a node, as it sees them."""
    check(ctx, "storages.read")
    return [
        StorageOut(
            name=row.name,
            type=row.type,
            shared=row.shared,
            content=[kind for kind in row.content.split(",") if kind],
            status=row.status,
            total=row.total,
            used=row.used,
        )
        for row in await queries.of_node(ctx, node_id)
    ]
