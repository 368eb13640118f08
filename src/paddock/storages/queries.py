"""Reads of storages, with their live use."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from paddock.base.context import Context
from paddock.storages.figures import KIND, StorageFigures, figures_id
from paddock.storages.model import Storage


@dataclass(frozen=True, slots=True)
class StorageView:
    """A storage as one node sees it; sizes in bytes."""

    node_id: str
    name: str
    type: str
    shared: bool
    content: str
    status: str
    total: int
    used: int | None


async def of_node(ctx: Context, node_id: str) -> list[StorageView]:
    async with ctx.read() as db:
        rows = (
            await db.scalars(select(Storage).where(Storage.node_id == node_id).order_by(Storage.name))
        ).all()
    return [
        StorageView(
            row.node_id,
            row.name,
            row.type,
            row.shared,
            row.content,
            row.status,
            row.total,
            live.used
            if isinstance(live := ctx.figures.get(KIND, figures_id(row.node_id, row.name)), StorageFigures)
            else None,
        )
        for row in rows
    ]
