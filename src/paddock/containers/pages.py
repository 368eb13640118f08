"""Pages of containers: the list, the same as a part of a node's page, and as CSV. Read-only."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from paddock.access.guard import check, may, page_context
from paddock.base.context import Context
from paddock.base.errors import NotFound
from paddock.clusters import queries as clusters
from paddock.containers import queries, shelf
from paddock.containers.queries import ContainerView
from paddock.nodes import queries as nodes
from paddock.web.paging import Paging, page_paging
from paddock.web.render import fragment, is_htmx, page
from paddock.web.sheets import csv_response

router = APIRouter(include_in_schema=False)
Ctx = Annotated[Context, Depends(page_context)]
Wish = Annotated[
    Paging,
    Depends(
        page_paging(
            sorts=(*shelf.SORTS, *shelf.LIVE_SORTS),
            filters=("site", "cluster", "node", "status", "tag"),
        )
    ),
]

ON_A_NODE = "node-containers"
"""Id of the place on a node's page that asks for its containers."""


@router.get("/containers")
async def list_containers(request: Request, ctx: Ctx, paging: Wish) -> Response:
    check(ctx, "containers.read")
    found = await queries.list_containers(ctx, paging)
    if request.headers.get("hx-target") == ON_A_NODE:
        return fragment(
            request, "containers/on_node.html", found=found, node_id=paging.filter("node"), paging=paging
        )
    known = await clusters.every_cluster(ctx, paging.filter("site") or "")
    data: dict[str, Any] = {
        "paging": paging,
        "found": found,
        "clusters": known,
        "node_name": await _node_name(ctx, paging),
        "narrowed": bool(paging.q or paging.filters.keys() - {"site"}),
        "may_import": may(ctx, "nodes.import"),
        "any_node": bool(found.everything or known),
    }
    if is_htmx(request):
        return fragment(request, "containers/list_live.html", **data)
    return await page(request, "containers/list.html", **data)


@router.get("/containers.csv")
async def containers_csv(ctx: Ctx, paging: Wish) -> Response:
    check(ctx, "containers.read")
    found = await queries.list_containers(ctx, replace(paging, page=1, size=1_000_000))
    return csv_response("containers", _CSV, map(_csv_row, found.page.items))


async def _node_name(ctx: Context, paging: Paging) -> str:
    """Name of the node that the list is narrowed to."""
    if not (node_id := paging.filter("node")):
        return ""
    try:
        return (await nodes.get_node(ctx, node_id)).name
    except NotFound:
        return "unknown"


_CSV = (
    "name", "vmid", "status", "status_since", "node", "cluster", "site", "addresses", "cpu_used_cores", "cpu_cores",
    "memory_used_bytes", "memory_bytes", "disk_used_bytes", "disk_bytes", "uptime_seconds", "tags", "pool",
    "figures_at",
)  # fmt: skip


def _csv_row(one: ContainerView) -> tuple[Any, ...]:
    live = one.figures
    used = (round(live.cpu, 2), live.memory, live.disk, live.uptime, live.at) if live else (None,) * 5
    return (
        one.name, one.vmid, one.status, one.status_since, one.node_name, one.cluster, one.site,
        " ".join(one.addresses), used[0], one.cores, used[1], one.memory, used[2], one.disk, used[3],
        " ".join(one.tag_list), one.pool, used[4],
    )  # fmt: skip
