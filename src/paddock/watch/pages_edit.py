"""The page on which a node is changed; saving tests the connection first and shows the steps."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from paddock.access import guard
from paddock.access.guard import check, page_context
from paddock.base.context import Context
from paddock.base.errors import Invalid, PaddockError, Prerequisite, StaleVersion
from paddock.clusters import queries as clusters
from paddock.nodes import queries as nodes
from paddock.nodes.queries import NodeView
from paddock.sites import queries as sites
from paddock.watch import steps
from paddock.watch.actions import editing
from paddock.watch.naming import NameMismatch
from paddock.watch.trial import NotSaved
from paddock.web import etags, hints
from paddock.web.forms import Form
from paddock.web.problems import status_of
from paddock.web.render import page

router = APIRouter(prefix="/nodes/{node_id}/edit", include_in_schema=False)
Ctx = Annotated[Context, Depends(page_context)]
FIELDS = ("name", "address", "url", "site_id")


@router.get("")
async def edit(request: Request, ctx: Ctx, node_id: str, name: str = "") -> Response:
    """The form; `name` fills in another name, which is not saved before it was tested."""
    check(ctx, "nodes.edit")
    node = await nodes.get_node(ctx, node_id)
    return await _shown(request, ctx, node, _form_of(node, name))


@router.post("")
async def save(request: Request, ctx: Ctx, node_id: str) -> Response:
    await guard.require(ctx, "nodes.edit")  # before the form is looked at
    form = await Form.read(request)
    typed = {name: form.value(name) for name in FIELDS}
    wish = editing.Changes(**typed | ({"name": form.value("take")} if form.has("take") else {}))
    anyway = form.value("reason").strip() if form.has("anyway") else ""
    expected = etags.version_of(form.value("version"))
    data: dict[str, Any] = {}
    try:
        if form.has("anyway") and not anyway:
            raise Invalid.field("reason", "Say why it is to be saved although the test failed.")
        node = await editing.edit_node(ctx, node_id, wish, expected=expected, anyway=anyway)
    except NotSaved as error:
        data = {"failure": error.failure, "advice": hints.advice(error.failure.hint)}
        failed: PaddockError = error
    except (Invalid, Prerequisite) as error:
        form.fail(error)
        failed = error
        if isinstance(error, NameMismatch):
            data = {"called": error.called}
        elif isinstance(error, StaleVersion):
            data = {"theirs": _form_of(await nodes.get_node(ctx, node_id))}
            form.hint = (
                "Your values stand in the fields, what is saved now below them. Saving again writes yours."
            )
    else:
        tested = () if anyway else steps.passed((await clusters.get_cluster(ctx, node.cluster_id)).trust_mode)
        return await _shown(request, ctx, node, _form_of(node), saved=True, tested=tested)
    check(ctx, "nodes.edit")
    if form.has("anyway") and "reason" in form.errors:
        data["ask"] = True
    return await _shown(
        request, ctx, await nodes.get_node(ctx, node_id), form, status=status_of(failed), **data
    )


async def _shown(
    request: Request, ctx: Context, node: NodeView, form: Form, *, status: int = 200, **data: Any
) -> Response:
    siblings = [one for one in await nodes.all_nodes(ctx) if one.cluster_id == node.cluster_id]
    known: dict[str, Any] = {"failure": None, "advice": None, "called": "", "theirs": None, "saved": False}
    theirs: Form | None = data.get("theirs")
    return await page(
        request,
        "watch/node_edit.html",
        status=status,
        node=node,
        form=form,
        version=theirs.value("version") if theirs else form.value("version"),
        sites=[(site.id, site.name) for site in await sites.all_sites(ctx)],
        siblings=[one.name for one in siblings],
        form_advice=hints.advice(form.hint),
        **(known | {"tested": (), "ask": False} | data),
    )


def _form_of(node: NodeView, name: str = "") -> Form:
    return Form.of(
        name=name or node.name, address=node.address, url=node.url, site_id=node.site_id, version=node.version
    )
