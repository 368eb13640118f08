"""Pages that take nodes and clusters out of Paddock, and add members that joined."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from paddock.access import guard
from paddock.access.guard import check, page_context
from paddock.base.context import Context
from paddock.base.errors import Invalid, PaddockError, StaleVersion, Upstream
from paddock.clusters import queries as clusters
from paddock.clusters.sign_in import leaving
from paddock.clusters.sign_in.wish import Administrator
from paddock.nodes import queries as nodes
from paddock.proxmox.farewell import Belongings
from paddock.watch.actions import joining, removing
from paddock.watch.leaving import ContainersActive, Findings
from paddock.web import etags, hints
from paddock.web.forms import Form
from paddock.web.problems import status_of
from paddock.web.render import page, redirect

router = APIRouter(include_in_schema=False)
Ctx = Annotated[Context, Depends(page_context)]


@router.post("/nodes/joined")
async def add_member(request: Request, ctx: Ctx) -> Response:
    await guard.require(ctx, "nodes.import")  # before the form is looked at
    form = await Form.read(request)
    job = await joining.add_member(ctx, form.value("cluster"), form.value("name"))
    return redirect(request, f"/jobs/{job.id}")


@router.post("/nodes/joined/decline")
async def decline_member(request: Request, ctx: Ctx) -> Response:
    await guard.require(ctx, "nodes.import")  # before the form is looked at
    form = await Form.read(request)
    await joining.decline_member(ctx, form.value("cluster"), form.value("name"))
    return redirect(request, "/nodes")


@router.get("/nodes/{node_id}/remove")
async def ask_about_node(request: Request, ctx: Ctx, node_id: str) -> Response:
    """What stands in the way, as Proxmox VE says now; and the form, where nothing does."""
    check(ctx, "nodes.remove")
    return await _node(request, ctx, node_id, Form())


@router.post("/nodes/{node_id}/remove")
async def remove_node(request: Request, ctx: Ctx, node_id: str) -> Response:
    await guard.require(ctx, "nodes.remove")  # before the form is looked at
    return await _remove(request, ctx, node_id, removing.remove_node, _node)


@router.get("/clusters/{cluster_id}/remove")
async def ask_about_cluster(request: Request, ctx: Ctx, cluster_id: str) -> Response:
    check(ctx, "clusters.remove")
    return await _cluster(request, ctx, cluster_id, Form())


@router.post("/clusters/{cluster_id}/remove")
async def remove_cluster(request: Request, ctx: Ctx, cluster_id: str) -> Response:
    await guard.require(ctx, "clusters.remove")  # before the form is looked at
    return await _remove(request, ctx, cluster_id, removing.remove_cluster, _cluster)


async def _remove(
    request: Request,
    ctx: Context,
    id: str,
    remove: Callable[..., Awaitable[removing.Removed]],
    show: Callable[..., Awaitable[Response]],
) -> Response:
    form = await Form.read(request)
    try:
        done = await remove(
            ctx,
            id,
            confirm=form.raw("confirm"),
            reason=form.value("reason"),
            expected=etags.version_of(form.value("version")),
            administrator=_administrator(form),
        )
    except (Invalid, ContainersActive, StaleVersion, Upstream) as error:
        form.fail(error)
        return await show(request, ctx, id, form, error)
    return redirect(request, "/nodes", gone=next(iter(done.stones), ""))


async def _node(
    request: Request, ctx: Context, node_id: str, form: Form, error: PaddockError | None = None
) -> Response:
    node = await nodes.get_node(ctx, node_id)
    if isinstance(error, ContainersActive):  # it has just asked
        findings, last = error.findings[0], False
    else:
        findings, last = await removing.look(ctx, node_id)
    data: dict[str, Any] = {
        "what": "node",
        "name": node.name,
        "version": node.version,
        "action": f"/nodes/{node.id}/remove",
        "back": f"/nodes/{node.id}",
        "last": last,
        "cluster_id": node.cluster_id,
        "lone": node.lone,
    }
    return await _page(request, ctx, node.cluster_id, [findings], form, error, data)


async def _cluster(
    request: Request, ctx: Context, cluster_id: str, form: Form, error: PaddockError | None = None
) -> Response:
    cluster = await clusters.get_cluster(ctx, cluster_id)
    findings = (
        error.findings
        if isinstance(error, ContainersActive)
        else await removing.look_at_cluster(ctx, cluster_id)
    )
    data: dict[str, Any] = {
        "what": "cluster",
        "name": cluster.name,
        "version": cluster.version,
        "action": f"/clusters/{cluster.id}/remove",
        "back": f"/clusters/{cluster.id}",
        "last": True,
        "cluster_id": cluster.id,
        "lone": cluster.kind == "standalone",
    }
    return await _page(request, ctx, cluster.id, findings, form, error, data)


def _administrator(form: Form) -> Administrator | None:
    """Who takes away what Paddock made on Proxmox VE; nobody where it is to stay."""
    if form.value("made") != "take_away":
        return None
    return Administrator(form.value("username"), form.raw("password"))


async def _page(
    request: Request,
    ctx: Context,
    cluster_id: str,
    findings: Sequence[Findings],
    form: Form,
    error: PaddockError | None,
    data: dict[str, Any],
) -> Response:
    made = await leaving.belongings(ctx, cluster_id) if data["last"] else Belongings()
    return await page(
        request,
        "watch/remove.html",
        status=status_of(error) if error else 200,
        form=form,
        cluster=await clusters.get_cluster(ctx, cluster_id),
        findings=findings,
        held=[one for one in findings if one.refused],
        silent=[one for one in findings if one.unasked],
        made=made,
        form_advice=hints.advice(form.hint),
        **data,
    )
