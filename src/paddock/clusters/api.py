"""REST of clusters."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from paddock.access.guard import api_context, check
from paddock.base.context import Context
from paddock.clusters import queries
from paddock.clusters.queries import ClusterView
from paddock.clusters.schemas import ClusterOut
from paddock.web.etags import etag
from paddock.web.paging import PageOut, Paging, page_response, rest_paging

router = APIRouter(prefix="/clusters", tags=["clusters"])
Ctx = Annotated[Context, Depends(api_context)]


def cluster_out(view: ClusterView) -> ClusterOut:
    row = view.row
    return ClusterOut(
        id=row.id,
        name=row.name,
        kind=row.kind,
        site_id=row.site_id,
        site=view.site,
        quorate=row.quorate,
        trust_mode=row.trust_mode,
        ca_fingerprint=None if row.identity.startswith("leaf:") else row.identity,
        credential_kind=row.credential_kind,
        credential_name=row.credential_name,
        trouble=row.trouble,
        trouble_text=row.trouble_text,
        trouble_since=row.trouble_since,
        nodes=view.members,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


@router.get("", response_model=PageOut[ClusterOut])
async def list_clusters(
    request: Request,
    ctx: Ctx,
    paging: Annotated[Paging, Depends(rest_paging(sorts=queries.SORTS, filters={"site": "Id of a site."}))],
) -> Response:
    check(ctx, "clusters.read")
    page = await queries.list_clusters(ctx, paging)
    return page_response(request, page, map(cluster_out, page.items))


@router.get("/{cluster_id}")
async def get_cluster(ctx: Ctx, cluster_id: str, response: Response) -> ClusterOut:
    check(ctx, "clusters.read")
    view = await queries.view_cluster(ctx, cluster_id)
    response.headers["ETag"] = etag(view.row.version)
    return cluster_out(view)
