"""REST of nodes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from paddock.access.guard import api_context, check
from paddock.base.context import Context
from paddock.base.errors import Invalid
from paddock.nodes import queries
from paddock.nodes.health import Status
from paddock.nodes.queries import NodeView
from paddock.nodes.schemas import BridgeOut, EventOut, NodeOut
from paddock.web.etags import etag
from paddock.web.paging import PageOut, Paging, page_response, rest_paging

router = APIRouter(prefix="/nodes", tags=["nodes"])
Ctx = Annotated[Context, Depends(api_context)]
FILTERS = {
    "site": "Id of a site.",
    "cluster": "Id of a cluster.",
    "status": "online · offline · unreachable · refused · untrusted · unknown",
    "version": "A version of Proxmox VE, for example 9.2.11.",
}


def node_out(node: NodeView) -> dict[str, Any]:
    """The members of `NodeOut`; a dict, because a long list is encoded without validation."""
    live = node.figures
    return {
        "id": node.id,
        "name": node.name,
        "site_id": node.site_id,
        "site": node.site,
        "cluster_id": node.cluster_id,
        "cluster": node.cluster,
        "status": str(node.status),
        "status_since": node.status_since,
        "status_code": node.status_code,
        "status_reason": node.status_reason,
        "address": node.address,
        "url": node.url,
        "pve_version": node.pve_version,
        "kernel": node.kernel,
        "cpu_model": node.cpu_model,
        "cores": node.cores,
        "memory": node.memory,
        "cpu_used": live.cpu,
        "memory_used": live.memory,
        "storage_total": live.storage_total,
        "storage_used": live.storage_used,
        "containers_running": node.containers_running if node.guests_known else None,
        "containers_total": node.containers_total,
        "vms_running": node.vms_running if node.guests_known else None,
        "vms_total": node.vms_total,
        "cluster_says": None if live.word is None else "online" if live.word else "offline",
        "cluster_says_at": live.word_at,
        "contact_at": live.contact_at,
        "contact_ok_at": live.contact_ok_at,
        "contact_problem": live.contact_text,
        "last_seen_at": live.seen_at,
        "figures_at": live.at,
        "figures_stale": node.stale,
        "certificate_ends": node.certificate_ends,
        "vanished_at": node.vanished_at,
        "version": node.version,
    }


@router.get("", response_model=PageOut[NodeOut])
async def list_nodes(
    request: Request,
    ctx: Ctx,
    paging: Annotated[Paging, Depends(rest_paging(sorts=queries.SORTS, filters=FILTERS))],
) -> Response:
    check(ctx, "nodes.read")
    if (status := paging.filter("status")) and status not in set(Status):
        known = ", ".join(Status)
        raise Invalid.field("status", f"There is no status {status!r}. Known: {known}.")
    page = (await queries.list_nodes(ctx, paging)).page
    return page_response(request, page, map(node_out, page.items))


@router.get("/{node_id}")
async def get_node(ctx: Ctx, node_id: str, response: Response) -> NodeOut:
    check(ctx, "nodes.read")
    node = await queries.get_node(ctx, node_id)
    response.headers["ETag"] = etag(node.version)
    return NodeOut(**node_out(node))


@router.get("/{node_id}/bridges")
async def list_bridges(ctx: Ctx, node_id: str) -> list[BridgeOut]:
    """Network bridges of the node, as of its import."""
    check(ctx, "nodes.read")
    await queries.get_node(ctx, node_id)
    return [
        BridgeOut(name=row.name, cidr=row.cidr, ports=row.ports, vlan_aware=row.vlan_aware, active=row.active)
        for row in await queries.bridges_of(ctx, node_id)
    ]


@router.get("/{node_id}/events")
async def list_events(
    ctx: Ctx, node_id: str, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> list[EventOut]:
    """The newest events of the node."""
    check(ctx, "nodes.read")
    await queries.get_node(ctx, node_id)
    return [
        EventOut(id=event.id, at=event.at, kind=event.kind, level=event.level, text=event.text)
        for event, _ in await queries.events_of(ctx, node_id, limit=limit)
    ]
