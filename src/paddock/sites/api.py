"""REST of sites."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from paddock.access.guard import api_context, check
from paddock.base.context import Context
from paddock.sites import actions, queries
from paddock.sites.model import Site
from paddock.sites.network import Wish
from paddock.sites.schemas import SiteIn, SiteOut, SitePatch
from paddock.sites.standing import Standing, Surveyor
from paddock.web.etags import etag, if_match
from paddock.web.paging import PageOut, Paging, page_response, rest_paging

router = APIRouter(prefix="/sites", tags=["sites"])
Ctx = Annotated[Context, Depends(api_context)]
Expected = Annotated[int | None, Depends(if_match)]


def site_out(site: Site, standing: Standing) -> SiteOut:
    return SiteOut(
        id=site.id,
        name=site.name,
        domain=site.domain,
        subnet=site.subnet,
        range=actions.range_text(site),
        gateway=site.gateway,
        forwarders=site.forwarders,
        external_ip=site.external_ip,
        nodes=standing.nodes,
        containers=standing.containers,
        version=site.version,
        created_at=site.created_at,
        updated_at=site.updated_at,
    )


async def _standing(ctx: Context, site_id: str) -> Standing:
    return (await ctx.part(Surveyor).ask(ctx)).get(site_id, Standing())


@router.get("", response_model=PageOut[SiteOut])
async def list_sites(
    request: Request, ctx: Ctx, paging: Annotated[Paging, Depends(rest_paging(sorts=queries.SORTS))]
) -> Response:
    check(ctx, "sites.read")
    page = await queries.list_sites(ctx, paging)
    standing = await ctx.part(Surveyor).ask(ctx)
    rows = [site_out(site, standing.get(site.id, Standing())) for site in page.items]
    return page_response(request, page, rows)


@router.post("", status_code=201)
async def create_site(ctx: Ctx, body: SiteIn, response: Response) -> SiteOut:
    site = await actions.create_site(ctx, Wish(**body.model_dump()))
    response.headers["ETag"] = etag(site.version)
    return site_out(site, await _standing(ctx, site.id))


@router.get("/{site_id}")
async def get_site(ctx: Ctx, site_id: str, response: Response) -> SiteOut:
    check(ctx, "sites.read")
    site = await queries.get_site(ctx, site_id)
    response.headers["ETag"] = etag(site.version)
    return site_out(site, await _standing(ctx, site.id))


@router.patch("/{site_id}")
async def edit_site(
    ctx: Ctx, site_id: str, body: SitePatch, response: Response, expected: Expected
) -> SiteOut:
    """Changes the given fields; with `If-Match` only if nobody else changed the site since."""
    check(ctx, "sites.read")
    known = await queries.get_site(ctx, site_id)
    wish = replace(actions.wish_of(known), **body.model_dump(exclude_unset=True, exclude_none=True))
    site = await actions.edit_site(
        ctx, site_id, wish, expected=known.version if expected is None else expected
    )
    response.headers["ETag"] = etag(site.version)
    return site_out(site, await _standing(ctx, site.id))


@router.delete("/{site_id}", status_code=204)
async def delete_site(ctx: Ctx, site_id: str, expected: Expected) -> None:
    await actions.delete_site(ctx, site_id, expected=expected)
