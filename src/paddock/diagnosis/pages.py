"""Pages of diagnoses: a node's newest one, its short form on the node's page, and any address before it is registered."""

from __future__ import annotations

import base64
import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from paddock.access.guard import check, may, page_context
from paddock.base.context import Context
from paddock.base.errors import Invalid, PaddockError
from paddock.clusters import queries as clusters
from paddock.diagnosis import actions, queries
from paddock.diagnosis.bundle import address_bundle, bundle_name, make_bundle
from paddock.diagnosis.wish import UrlWish
from paddock.nodes import queries as nodes
from paddock.proxmox.credentials import unpack_token
from paddock.web.forms import Form
from paddock.web.problems import status_of
from paddock.web.render import fragment, page, redirect

router = APIRouter(include_in_schema=False)
Ctx = Annotated[Context, Depends(page_context)]


@router.get("/nodes/{node_id}/diagnosis")
async def show_diagnosis(request: Request, ctx: Ctx, node_id: str) -> Response:
    check(ctx, "nodes.read")
    return await _show(request, ctx, node_id)


@router.post("/nodes/{node_id}/diagnose")
async def diagnose_node(request: Request, ctx: Ctx, node_id: str) -> Response:
    try:
        await actions.diagnose_node(ctx, node_id)
    except PaddockError as error:
        if status_of(error) in (401, 403, 404):
            raise
        return await _show(request, ctx, node_id, failure=error)
    return redirect(request, f"/nodes/{node_id}/diagnosis")


@router.get("/nodes/{node_id}/diagnosis/panel")
async def panel(request: Request, ctx: Ctx, node_id: str) -> Response:
    """The first failed step with its age, for the node's page; nothing while the node is well."""
    check(ctx, "nodes.read")
    kept = await queries.find_diagnosis(ctx, node_id)
    node = await nodes.get_node(ctx, node_id)
    return fragment(
        request, "diagnosis/panel.html", kept=kept, node=node, may_diagnose=may(ctx, "nodes.diagnose")
    )


@router.get("/nodes/{node_id}/support-bundle.json")
async def support_bundle(ctx: Ctx, node_id: str) -> Response:
    check(ctx, "nodes.read")
    bundle = await make_bundle(ctx, node_id)
    name = bundle_name(str(bundle["node"]["name"]))
    return Response(
        _as_file(bundle),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


@router.get("/diagnose")
async def ask_url(request: Request, ctx: Ctx, url: str = "") -> Response:
    check(ctx, "nodes.diagnose")
    return await _ask(request, Form.of(url=url[:1000], username="root@pam"))


@router.post("/diagnose")
async def diagnose_url(request: Request, ctx: Ctx) -> Response:
    """The result stands below the form; nothing is kept, so a secret must be typed again."""
    form = await Form.read(request)
    by_token = form.raw("sign_in") == "token"
    token_id, secret = unpack_token(form.raw("token_id").strip(), form.raw("token_secret").strip())
    wish = UrlWish(
        url=form.value("url"),
        username="" if by_token else form.value("username"),
        password="" if by_token else form.raw("password"),
        token_id=token_id if by_token else "",
        token_secret=secret if by_token else "",
        trust="off" if form.has("off") else "system",
        fingerprint=form.value("fingerprint"),
    )
    shown = Form.of(
        url=wish.url,
        sign_in="token" if by_token else "password",
        username=form.value("username"),
        token_id=token_id,
        fingerprint=wish.fingerprint,
        off="yes" if wish.trust == "off" else "",
    )
    try:
        found = await actions.diagnose_url(ctx, wish)
    except Invalid as error:
        shown.fail(error)
        return await _ask(request, shown, status=422)
    saved = base64.b64encode(_as_file(address_bundle(ctx, found)).encode()).decode()
    return await _ask(request, shown, found=found, saved=saved)


def _as_file(bundle: dict[str, Any]) -> str:
    return json.dumps(bundle, indent=1, default=str, ensure_ascii=False)


async def _show(
    request: Request, ctx: Context, node_id: str, *, failure: PaddockError | None = None
) -> Response:
    node = await nodes.get_node(ctx, node_id)
    data: dict[str, Any] = {
        "node": node,
        "cluster": await clusters.get_cluster(ctx, node.cluster_id),
        "kept": await queries.find_diagnosis(ctx, node_id),
        "may_diagnose": may(ctx, "nodes.diagnose"),
        "failure": failure,
    }
    status = status_of(failure) if failure else 200
    return await page(request, "diagnosis/node.html", status=status, **data)


async def _ask(request: Request, form: Form, *, status: int = 200, **data: Any) -> Response:
    return await page(request, "diagnosis/url.html", status=status, form=form, **{"found": None, **data})
