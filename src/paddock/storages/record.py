"""Observed truth of storages, written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select, tuple_, update

from paddock.base.context import Context, Write
from paddock.proxmox.shapes import Resource
from paddock.storages.figures import KIND, StorageFigures, figures_id
from paddock.storages.model import Storage

HOLDS_GUESTS = frozenset({"rootdir", "images"})
Facts = tuple[str, bool, str, str, int]
"""type, shared, content, status, total"""


async def record(
    ctx: Context,
    tx: Write,
    cluster_id: str,
    seen: Sequence[Resource],
    node_ids: Mapping[str, str],
    *,
    complete: bool = True,
) -> bool:
    """Makes the rows of a cluster's registered nodes equal to the storages of `/cluster/resources`.

    A storage whose node is silent keeps its row, marked unknown; one that is no longer listed goes, unless
    the picture is not `complete`.
    Returns whether anything changed.
    """
    before = {
        (row.node_id, row.name): (row.type, row.shared, row.content, row.status, row.total)
        for row in await tx.session.scalars(select(Storage).where(Storage.cluster_id == cluster_id))
    }
    now: dict[tuple[str, str], Facts] = {}
    for one in seen:
        node_id = node_ids.get(one.node or "")
        if node_id is None or not one.storage or len(one.storage) > 100:
            continue
        key = (node_id, one.storage)
        now[key] = facts(one, before.get(key))
    if now == before:
        return False
    if not complete:
        now = before | now
    if gone := [key for key in before if key not in now]:
        await tx.session.execute(delete(Storage).where(tuple_(Storage.node_id, Storage.name).in_(gone)))
    if new := [key for key in now if key not in before]:
        await tx.session.execute(
            insert(Storage), [_row(key, now[key]) | {"cluster_id": cluster_id} for key in new]
        )
    for key, what in now.items():
        if key in before and before[key] != what:
            await tx.session.execute(
                update(Storage)
                .where(Storage.node_id == key[0], Storage.name == key[1])
                .values(type=what[0], shared=what[1], content=what[2], status=what[3], total=what[4])
            )
    return True


def observe(ctx: Context, seen: Sequence[Resource], node_ids: Mapping[str, str], at: datetime) -> None:
    """Keeps the live figures. A storage that says nothing of itself keeps its old ones."""
    for one in seen:
        node_id = node_ids.get(one.node or "")
        if node_id is not None and one.storage and one.disk is not None and one.status == "available":
            ctx.figures.put(KIND, figures_id(node_id, one.storage), StorageFigures(at, one.disk))


def facts(one: Resource, before: Facts | None) -> Facts:
    """What is worth a row. Proxmox lists kinds of content in random order; sizes vanish while the node is silent."""
    content = ",".join(sorted(filter(None, (one.content or "").split(","))))
    old = before or ("", False, "", "", 0)
    return (
        (one.plugintype or old[0])[:32],
        bool(one.shared) if one.shared is not None else old[1],
        (content or old[2])[:255],
        (one.status or "unknown")[:16],
        one.maxdisk if one.maxdisk is not None else old[4],
    )


def own_capacity(seen: Sequence[Resource]) -> tuple[int, int]:
    """Used and total bytes of one node's own storages that hold guests; its root disk's where it has none such.

    Shared storages are not the node's own. Two storages on one disk are counted twice: Proxmox does not say.
    """
    own = [
        one
        for one in seen
        if not one.shared and one.status == "available" and HOLDS_GUESTS & set((one.content or "").split(","))
    ]
    return sum(one.disk or 0 for one in own), sum(one.maxdisk or 0 for one in own)


def _row(key: tuple[str, str], what: Facts) -> dict[str, object]:
    return {
        "node_id": key[0],
        "name": key[1],
        "type": what[0],
        "shared": what[1],
        "content": what[2],
        "status": what[3],
        "total": what[4],
    }
