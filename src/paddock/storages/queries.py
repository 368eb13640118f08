"""Reads of storages, with their live use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select

from paddock.base.context import Context
from paddock.clusters import queries as clusters
from paddock.storages.figures import KIND, StorageFigures, figures_id
from paddock.storages.model import Storage
from paddock.storages.record import HOLDS_GUESTS


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
    query = select(Storage).where(Storage.node_id == node_id, *clusters.visible(ctx, Storage.cluster_id))
    async with ctx.read() as db:
        rows = (await db.scalars(query.order_by(Storage.name))).all()
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


async def shared_use(ctx: Context, cluster_ids: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Used and total bytes of each cluster's shared storages that hold guests, every storage counted once."""
    query = select(Storage.cluster_id, Storage.name, Storage.node_id, Storage.content, Storage.total).where(
        Storage.shared,
        Storage.status == "available",
        Storage.cluster_id.in_(list(cluster_ids)),
        *clusters.visible(ctx, Storage.cluster_id),
    )
    async with ctx.read() as db:
        rows = (await db.execute(query)).all()
    known = ctx.figures.all(KIND)
    each: dict[tuple[str, str], tuple[int, int]] = {}
    for cluster_id, name, node_id, content, total in rows:
        if HOLDS_GUESTS & set(content.split(",")):
            live = known.get(figures_id(node_id, name))
            each[cluster_id, name] = max(
                each.get((cluster_id, name), (0, 0)), (live.used if live else 0, total)
            )
    sums: dict[str, tuple[int, int]] = {}
    for (cluster_id, _), (used, total) in each.items():
        before = sums.get(cluster_id, (0, 0))
        sums[cluster_id] = (before[0] + used, before[1] + total)
    return sums
