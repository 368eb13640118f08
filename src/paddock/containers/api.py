"""REST of containers; read-only for now."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from paddock.access.guard import api_context, check
from paddock.base.context import Context
from paddock.containers import queries, shelf
from paddock.containers.queries import ContainerView
from paddock.containers.schemas import ContainerOut
from paddock.web.paging import PageOut, Paging, page_response, rest_paging

router = APIRouter(prefix="/containers", tags=["containers"])
Ctx = Annotated[Context, Depends(api_context)]
FILTERS = {
    "site": "Id of a site.",
    "cluster": "Id of a cluster.",
    "node": "Id of a node.",
    "status": "running · stopped · unknown",
    "tag": "One tag.",
}
SORTS = (*shelf.SORTS, *shelf.LIVE_SORTS)


def container_out(one: ContainerView) -> dict[str, Any]:
    """The members of `ContainerOut`; a dict, because a long list is encoded without validation."""
    live = one.figures
    return {
        "id": one.id,
        "vmid": one.vmid,
        "name": one.name,
        "status": one.status,
        "status_since": one.status_since,
        "node_id": one.node_id,
        "node": one.node_name,
        "cluster_id": one.cluster_id,
        "cluster": one.cluster,
        "site_id": one.site_id,
        "site": one.site,
        "tags": one.tag_list,
        "pool": one.pool,
        "lock": one.lock,
        "addresses": one.addresses,
        "ostype": one.ostype,
        "unprivileged": one.unprivileged,
        "details_error": one.details_error,
        "cores": one.cores,
        "memory": one.memory,
        "disk": one.disk,
        "cpu_used": live.cpu if live else None,
        "memory_used": live.memory if live else None,
        "disk_used": live.disk if live else None,
        "uptime": live.uptime if live else None,
        "figures_at": live.at if live else None,
        "figures_stale": one.stale,
    }


@router.get("", response_model=PageOut[ContainerOut])
async def list_containers(
    request: Request,
    ctx: Ctx,
    paging: Annotated[Paging, Depends(rest_paging(sorts=SORTS, filters=FILTERS))],
) -> Response:
    check(ctx, "containers.read")
    page = (await queries.list_containers(ctx, paging)).page
    return page_response(request, page, map(container_out, page.items))


@router.get("/{container_id}")
async def get_container(ctx: Ctx, container_id: str) -> ContainerOut:
    check(ctx, "containers.read")
    return ContainerOut(**container_out(await queries.get_container(ctx, container_id)))
