"""Pages of nodes: the list, one node, and the list as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from paddock.access.guard import check, may, page_context
from paddock.base.context import Context
from paddock.base.errors import NotFound
from paddock.clusters import queries as clusters
from paddock.clusters.queries import ClusterView
from paddock.clusters.sign_in import leaving
from paddock.nodes import attention, queries, tombstones
from paddock.nodes.endings import ending
from paddock.nodes.faces import FACES
from paddock.nodes.health import TROUBLE
from paddock.nodes.offers import list_offers
from paddock.nodes.queries import NodeList, NodeView, Standing
from paddock.proxmox import farewell
from paddock.sites import queries as sites
from paddock.web.paging import Paging, page_paging
from paddock.web.render import fragment, is_htmx, page, redirect
from paddock.web.sheets import csv_response

router = APIRouter(include_in_schema=False)
Ctx = Annotated[Context, Depends(page_context)]
Wish = Annotated[
    Paging,
    Depends(page_paging(sorts=queries.SORTS, filters=("site", "cluster", "status", "version"))),
]

GROUPED = frozenset({"", "name", "site"})
"""Orders that keep the nodes of a cluster together."""
TABS = ("overview", "containers", "storage", "network", "events")
EVENTS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Group:
    """The nodes of one cluster on this page; `cluster` is None in the one group of a list that is not grouped."""

    cluster: ClusterView | None
    standing: Standing
    nodes: Sequence[NodeView]


@router.get("/nodes")
async def list_nodes(request: Request, ctx: Ctx, paging: Wish) -> Response:
    check(ctx, "nodes.read")
    found = await queries.list_nodes(ctx, _grouping(paging))
    known = await clusters.every_cluster(ctx, paging.filter("site") or "")
    data: dict[str, Any] = {
        "paging": paging,
        "found": found,
        "groups": _groups(found, known) if paging.sort in GROUPED else _ungrouped(found),
        "grouped": paging.sort in GROUPED,
        "clusters": known,
        "faces": FACES,
        "narrowed": bool(paging.q or paging.filters.keys() - {"site"}),
        "may_import": may(ctx, "nodes.import"),
        "offers": await list_offers(
            ctx, site_id=paging.filter("site") or "", cluster_id=paging.filter("cluster") or ""
        ),
        "no_sites": not found.everything and not await sites.all_sites(ctx),
    }
    if is_htmx(request):
        return fragment(request, "nodes/list_live.html", **data)
    return await page(
        request, "nodes/list.html", **data, **await _gone(ctx, request.query_params.get("gone", ""))
    )


@router.get("/nodes.csv")
async def nodes_csv(ctx: Ctx, paging: Wish) -> Response:
    check(ctx, "nodes.read")
    found = await queries.list_nodes(ctx, replace(_grouping(paging), page=1, size=1_000_000))
    return csv_response("nodes", _CSV, map(_csv_row, found.page.items))


@router.get("/nodes/of/{cluster_id}/{name}")
async def node_of(request: Request, ctx: Ctx, cluster_id: str, name: str) -> Response:
    """To the page of a member. Raises NotFound for one that is not registered."""
    check(ctx, "nodes.read")
    found = [
        node for node in await queries.all_nodes(ctx) if (node.cluster_id, node.name) == (cluster_id, name)
    ]
    if not found:
        raise NotFound(
            f"{name[:63]} is not registered: it serves the connection to its cluster only.",
            hint="Import the cluster again and tick it.",
        )
    return redirect(request, f"/nodes/{found[0].id}")


@router.get("/nodes/{node_id}")
async def show_node(request: Request, ctx: Ctx, node_id: str) -> Response:
    check(ctx, "nodes.read")
    node = await queries.get_node(ctx, node_id)
    tab = request.query_params.get("tab", "")
    tab = tab if tab in TABS else TABS[0]
    why = request.query_params.get("why", "")
    opened = why == "open" or (why != "closed" and tab == TABS[0] and node.status in TROUBLE)
    events = await queries.events_of(ctx, node_id, limit=EVENTS_SHOWN if tab == "events" else 8)
    bridges = await queries.bridges_of(ctx, node_id)
    leaf = (await ending(ctx, [node])).get(node.id)
    data: dict[str, Any] = {
        "node": node,
        "cluster": await clusters.get_cluster(ctx, node.cluster_id),
        "own_sign_in": await clusters.own_sign_in(ctx, node.cluster_id, node.name),
        "tab": tab,
        "why": opened,
        "attention": attention.of_node(node, ctx.now(), leaf, told=opened),
        "events": [event for event, _ in events],
        "event_count": await queries.count_events(ctx, node_id),
        "bridges": bridges,
        "may_edit": may(ctx, "nodes.edit"),
        "may_remove": may(ctx, "nodes.remove"),
        "interval": round(ctx.settings.watch_interval),
        "may_diagnose": may(ctx, "nodes.diagnose"),
    }
    if is_htmx(request):
        return fragment(request, "nodes/node_live.html", **data)
    return await page(request, "nodes/node.html", **data)


async def _gone(ctx: Context, stone_id: str) -> dict[str, Any]:
    """What was just removed, with the way back."""
    if not stone_id:
        return {"gone": None}
    try:
        stone = await tombstones.find_stone(ctx, stone_id)
    except NotFound:
        return {"gone": None}
    if stone.returned_at is not None:
        return {"gone": None}
    cluster = await clusters.find_by_identity(ctx, stone.identity)
    commands = farewell.commands(leaving.of_credential(stone.credential_kind, stone.credential_name))
    return {
        "gone": stone,
        "gone_cluster": cluster.id if cluster else "",
        "farewell": farewell.Farewell.read(stone.farewell or {"commands": commands}),
    }


def _grouping(paging: Paging) -> Paging:
    """By name means by name within site and cluster, because the page shows them in groups."""
    return paging.sorted_by("site", descending=paging.descending) if paging.sort in GROUPED else paging


def _groups(found: NodeList, known: Iterable[ClusterView]) -> list[Group]:
    views = {cluster.row.id: cluster for cluster in known}
    members: dict[str, list[NodeView]] = {}
    for node in found.page.items:
        members.setdefault(node.cluster_id, []).append(node)
    return [Group(views.get(id), found.standing[id], nodes) for id, nodes in members.items()]


def _ungrouped(found: NodeList) -> list[Group]:
    return [Group(None, Standing(0, 0), found.page.items)]


_CSV = (
    "name", "site", "cluster", "address", "status", "status_since", "reason", "cpu_used_cores", "cpu_cores",
    "memory_used_bytes", "memory_bytes", "storage_used_bytes", "storage_bytes", "containers_running",
    "containers", "vms_running", "vms", "pve_version", "last_seen", "figures_at",
)  # fmt: skip


def _csv_row(node: NodeView) -> tuple[Any, ...]:
    live = node.figures
    return (
        node.name, node.site, node.cluster, node.address, node.face.word, node.status_since, node.status_reason,
        None if live.cpu is None else round(live.cpu, 2), node.cores, live.memory, node.memory,
        live.storage_used, live.storage_total, node.containers_running, node.containers_total,
        node.vms_running, node.vms_total, node.pve_version, live.seen_at, live.at,
    )  # fmt: skip
