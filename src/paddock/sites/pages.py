"""Pages of sites: the list, a site, and its form."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from paddock.access.audit import Target
from paddock.access.guard import check, may, page_context, require
from paddock.base.context import Context
from paddock.base.errors import InUse, Invalid, Prerequisite, StaleVersion
from paddock.sites import actions, queries
from paddock.sites.network import Wish
from paddock.sites.schemas import SiteIn
from paddock.sites.standing import Standing, Surveyor
from paddock.web import etags
from paddock.web.forms import Form
from paddock.web.paging import Paging, page_paging
from paddock.web.problems import status_of
from paddock.web.render import fragment, is_htmx, page, redirect

router = APIRouter(prefix="/sites", include_in_schema=False)
Ctx = Annotated[Context, Depends(page_context)]
Sites = Annotated[Paging, Depends(page_paging(sorts=queries.SORTS))]


@router.get("")
async def sites(request: Request, ctx: Ctx, paging: Sites) -> Response:
    check(ctx, "sites.read")
    data: dict[str, Any] = {
        "paging": paging,
        "found": await queries.list_sites(ctx, paging),
        "standing": await ctx.part(Surveyor).ask(ctx),
        "nothing": Standing(),
        "may_create": may(ctx, "sites.create"),
    }
    if is_htmx(request):
        return fragment(request, "sites/rows.html", **data)
    return await page(request, "sites/list.html", done=request.query_params.get("done", ""), **data)


@router.get("/new")
async def new_site(request: Request, ctx: Ctx) -> Response:
    check(ctx, "sites.create")
    return await _form(request, Form.of(then=request.query_params.get("then", "")))


@router.post("/new")
async def create_site(request: Request, ctx: Ctx) -> Response:
    await require(ctx, "sites.create")  # before the form is looked at
    form = await Form.read(request)
    status = 422
    if (wish := _wish(form)) is not None:
        try:
            site = await actions.create_site(ctx, wish)
        except (Invalid, Prerequisite) as error:
            form.fail(error)
            status = status_of(error)
        else:
            if form.value("then") == "import":
                return redirect(request, "/nodes/import", site=site.id)
            return redirect(request, f"/sites/{site.id}", done="created")
    return await _form(request, form, status=status)


@router.get("/{site_id}")
async def site(request: Request, ctx: Ctx, site_id: str) -> Response:
    check(ctx, "sites.read")
    return await _site(request, ctx, site_id)


@router.get("/{site_id}/edit")
async def edit(request: Request, ctx: Ctx, site_id: str) -> Response:
    check(ctx, "sites.edit")
    found = await queries.get_site(ctx, site_id)
    form = Form.of(**asdict(actions.wish_of(found)), version=found.version)
    return await _form(request, form, site_id=site_id, name=found.name)


@router.post("/{site_id}/edit")
async def edit_site(request: Request, ctx: Ctx, site_id: str) -> Response:
    await require(ctx, "sites.edit", target=Target("site", site_id))
    form = await Form.read(request)
    theirs: Wish | None = None
    version, status = form.value("version"), 422
    if (wish := _wish(form)) is not None:
        try:
            await actions.edit_site(ctx, site_id, wish, expected=_expected(form))
            return redirect(request, f"/sites/{site_id}", done="saved")
        except (Invalid, Prerequisite) as error:
            form.fail(error)
            status = status_of(error)
            if isinstance(error, StaleVersion):
                now = await queries.get_site(ctx, site_id)
                theirs, version = actions.wish_of(now), str(now.version)
                form.hint = "Your values stand in the fields, what is saved now below them. Saving again writes yours."
    name = (await queries.get_site(ctx, site_id)).name
    return await _form(
        request, form, status=status, site_id=site_id, name=name, theirs=theirs, version=version
    )


@router.post("/{site_id}/delete")
async def delete_site(request: Request, ctx: Ctx, site_id: str) -> Response:
    await require(ctx, "sites.delete", target=Target("site", site_id))
    form = await Form.read(request)
    found = await queries.get_site(ctx, site_id)
    try:
        if form.raw("confirm") != found.name:
            raise Invalid(f"Nothing was deleted: the name that was typed is not {found.name}.")
        await actions.delete_site(ctx, site_id, expected=_expected(form))
    except (Invalid, InUse, StaleVersion) as error:
        return await _site(request, ctx, site_id, status=status_of(error), refused=error)
    return redirect(request, "/sites", done=found.name)


async def _site(
    request: Request,
    ctx: Context,
    site_id: str,
    *,
    status: int = 200,
    refused: Invalid | InUse | StaleVersion | None = None,
) -> Response:
    found = await queries.get_site(ctx, site_id)
    data: dict[str, Any] = {
        "site": found,
        "wish": actions.wish_of(found),
        "standing": (await ctx.part(Surveyor).ask(ctx)).get(site_id, Standing()),
        "may_import": may(ctx, "nodes.import"),
    }
    if is_htmx(request):
        return fragment(request, "sites/standing.html", **data)
    return await page(
        request,
        "sites/site.html",
        status=status,
        refused=refused,
        may_edit=may(ctx, "sites.edit"),
        may_delete=may(ctx, "sites.delete"),
        done=request.query_params.get("done", ""),
        **data,
    )


async def _form(
    request: Request,
    form: Form,
    *,
    status: int = 200,
    site_id: str = "",
    name: str = "",
    theirs: Wish | None = None,
    version: str = "",
) -> Response:
    return await page(
        request,
        "sites/form.html",
        status=status,
        form=form,
        site_id_=site_id,
        name=name,
        theirs=asdict(theirs) if theirs else None,
        version=version or form.value("version"),
    )


def _wish(form: Form) -> Wish | None:
    bound = form.bind(SiteIn)
    return Wish(**bound.model_dump()) if bound else None


def _expected(form: Form) -> int | None:
    return etags.version_of(form.value("version"))
