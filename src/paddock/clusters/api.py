"""REST of clusters."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from paddock.access.guard import api_context, check
from paddock.base.context import Context
from paddock.clusters import actions, queries
from paddock.clusters.queries import ClusterView
from paddock.clusters.schemas import (
    CertificateOut,
    ClusterOut,
    ClusterTrustIn,
    ClusterTrustOut,
    MemberTrialOut,
    MemberTrustIn,
    MemberTrustOut,
    TrustTrialOut,
)
from paddock.clusters.trust_wish import TrustWish, shown_authorities
from paddock.web.etags import etag, if_match
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


@router.get("/{cluster_id}/trust")
async def get_trust(ctx: Ctx, cluster_id: str, response: Response) -> ClusterTrustOut:
    """Whom Paddock believes of this cluster: the authorities, and each member's certificate."""
    check(ctx, "clusters.read")
    found = await _trust_out(ctx, cluster_id)
    response.headers["ETag"] = etag(found.version)
    return found


@router.put("/{cluster_id}/trust")
async def change_trust(
    ctx: Ctx,
    cluster_id: str,
    body: ClusterTrustIn,
    response: Response,
    expected: Annotated[int | None, Depends(if_match)],
) -> ClusterTrustOut:
    """Another trust, once it was tried on every member.

    Where nothing covers the members yet, 502 with the code `unconfirmed` and the certificate: compare its
    `sha256` with `pvenode cert info`, then repeat with `fingerprint`. 409 `trust_not_proven` where a member that
    was reached would not be believed; `members` says which.
    """
    await actions.change_trust(ctx, cluster_id, _wish(body), expected=expected)
    return await get_trust(ctx, cluster_id, response)


@router.post("/{cluster_id}/trust/test")
async def try_trust(ctx: Ctx, cluster_id: str, body: ClusterTrustIn) -> TrustTrialOut:
    """Tries another trust on every member and writes nothing. Answers as the change itself."""
    plan = await actions.try_trust(ctx, cluster_id, _wish(body))
    return TrustTrialOut(
        mode=plan.mode,
        sound=plan.sound,
        authorities=[CertificateOut.of(one) for one in shown_authorities(plan.ca_pem)],
        members=[
            MemberTrialOut(
                name=trial.name,
                address=trial.address,
                outcome=trial.outcome,
                code=trial.code,
                text=trial.text,
                certificate=CertificateOut.of(trial.certificate) if trial.certificate else None,
            )
            for trial in plan.trials
        ],
    )


@router.post("/{cluster_id}/members/{member}/trust")
async def trust_member(ctx: Ctx, cluster_id: str, member: str, body: MemberTrustIn) -> ClusterTrustOut:
    """Believes the certificate that a member shows now, if it is the one with this fingerprint."""
    await actions.retrust(ctx, cluster_id, member, body.fingerprint)
    return await _trust_out(ctx, cluster_id)


async def _trust_out(ctx: Context, cluster_id: str) -> ClusterTrustOut:
    cluster = await queries.get_cluster(ctx, cluster_id)
    members = await queries.trust_of_members(ctx, cluster_id)
    return ClusterTrustOut(
        mode=cluster.trust_mode,
        authorities=[CertificateOut.of(one) for one in shown_authorities(cluster.ca_pem)],
        members=[
            MemberTrustOut(
                name=one.row.name,
                address=one.row.address,
                port=one.row.port,
                server_name=one.row.server_name,
                fingerprint=one.row.fingerprint,
                certificate=CertificateOut.of(one.certificate) if one.certificate else None,
                refused=CertificateOut.of(one.refused) if one.refused else None,
                refused_at=one.row.refused_at,
            )
            for one in members
        ],
        version=cluster.version,
    )


def _wish(body: ClusterTrustIn) -> TrustWish:
    return TrustWish(body.mode, body.fingerprint, body.ca_pem, body.names, body.reason)
