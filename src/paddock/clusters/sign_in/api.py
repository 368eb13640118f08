"""REST of sign-ins, and of what Paddock has made on a cluster."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from paddock.access.guard import api_context, check
from paddock.base.context import Context
from paddock.clusters import queries
from paddock.clusters.model import Deed
from paddock.clusters.sign_in import actions, by_hand
from paddock.clusters.sign_in.schemas import (
    AdministratorIn,
    CauseOut,
    CommandsOut,
    DeedOut,
    OwnSignInOut,
    RightsOut,
    RotateIn,
    RotateManyIn,
    SignInChanged,
    SignInIn,
    SignInOut,
    StartedManyOut,
    StartedOut,
    TestedOut,
    TokenIn,
    WantOut,
)
from paddock.clusters.sign_in.standing import Standing, rights, standing
from paddock.clusters.sign_in.wish import Administrator, CredentialWish
from paddock.proxmox.wanted import Level
from paddock.web.etags import etag, if_match
from paddock.web.paging import PageOut, Paging, page_response, rest_paging

router = APIRouter(tags=["clusters"])
Ctx = Annotated[Context, Depends(api_context)]
Expected = Annotated[int | None, Depends(if_match)]


def sign_in_out(found: Standing) -> SignInOut:
    row = found.cluster
    return SignInOut(
        cluster_id=row.id,
        kind=row.credential_kind,
        name=row.credential_name,
        since=row.credential_since,
        made_by_paddock=found.made_here,
        refused=found.refused,
        trouble=row.trouble,
        trouble_text=row.trouble_text,
        trouble_since=row.trouble_since,
        guess=found.guess,
        own=[OwnSignInOut.model_validate(one, from_attributes=True) for one in found.own],
        version=row.version,
    )


def deed_out(row: Deed) -> DeedOut:
    return DeedOut.model_validate(row, from_attributes=True)


@router.get("/clusters/{cluster_id}/sign-in")
async def get_sign_in(ctx: Ctx, cluster_id: str, response: Response) -> SignInOut:
    check(ctx, "clusters.read")
    found = await standing(ctx, cluster_id)
    response.headers["ETag"] = etag(found.cluster.version)
    return sign_in_out(found)


@router.get("/clusters/{cluster_id}/sign-in/rights")
async def get_rights(ctx: Ctx, cluster_id: str) -> RightsOut:
    """What Paddock wants to be allowed, for what, and whether the sign-in has it. Asks Proxmox VE now."""
    check(ctx, "clusters.read")
    found = await rights(ctx, cluster_id)
    wants = [WantOut.model_validate(one, from_attributes=True) for one in found.wants]
    return RightsOut(level=found.level, wants=wants)


@router.put("/clusters/{cluster_id}/sign-in")
async def change_sign_in(
    ctx: Ctx, cluster_id: str, body: SignInIn, response: Response, expected: Expected
) -> SignInChanged:
    """Tries the new credential at every member that will use it, then saves it for all of them.

    A failed trial answers 502 with `tested` and saves nothing, unless `reason` is given.
    """
    return await _changed(ctx, cluster_id, "", body, response, expected)


@router.put("/clusters/{cluster_id}/sign-in/members/{member}")
async def change_own_sign_in(
    ctx: Ctx, cluster_id: str, member: str, body: SignInIn, response: Response, expected: Expected
) -> SignInChanged:
    """As for the whole cluster, but for this one member, which has a sign-in of its own from then on."""
    return await _changed(ctx, cluster_id, member, body, response, expected)


@router.delete("/clusters/{cluster_id}/sign-in/members/{member}", status_code=204)
async def drop_own_sign_in(ctx: Ctx, cluster_id: str, member: str, expected: Expected) -> None:
    """The member signs in as the whole cluster does again."""
    await actions.drop_own_sign_in(ctx, cluster_id, member, expected=expected)


@router.post("/clusters/{cluster_id}/sign-in/explain")
async def explain_refusal(ctx: Ctx, cluster_id: str, body: AdministratorIn) -> CauseOut:
    """Why Proxmox VE refuses the stored sign-in, as an administrator of it sees. The password is not kept."""
    cause = await actions.explain_refusal(ctx, cluster_id, _administrator(body))
    return CauseOut.model_validate(cause, from_attributes=True)


@router.post("/clusters/{cluster_id}/sign-in/token", status_code=202)
async def make_token(ctx: Ctx, cluster_id: str, body: TokenIn) -> StartedOut:
    """Makes a role, a user and a token of Paddock's own on Proxmox VE and signs in with the token from then on.

    The password is used for this job and then wiped. Follow it at `/jobs/{job_id}`.
    """
    job = await actions.make_token(
        ctx, cluster_id, _administrator(body), Level(body.level), userid=body.user, tokenid=body.token
    )
    return StartedOut(job_id=job.id)


@router.post("/clusters/{cluster_id}/sign-in/rotate", status_code=202)
async def rotate_token(ctx: Ctx, cluster_id: str, body: RotateIn) -> StartedOut:
    """Makes a second token with the same rights, proves it on all members, and then removes the first."""
    job = await actions.rotate_token(ctx, cluster_id, _administrator(body), remove_old=body.remove_old)
    return StartedOut(job_id=job.id)


@router.post("/sign-ins/rotate", status_code=202)
async def rotate_tokens(ctx: Ctx, body: RotateManyIn) -> StartedManyOut:
    """The same for many clusters with the same account, a job for each."""
    jobs = await actions.rotate_tokens(ctx, body.clusters, _administrator(body), remove_old=body.remove_old)
    return StartedManyOut(job_ids=[job.id for job in jobs])


@router.get("/clusters/{cluster_id}/sign-in/commands")
async def get_commands(
    ctx: Ctx,
    cluster_id: str,
    level: Annotated[
        Literal["observer", "operator"] | None,
        Query(description="How much the token may do; absent: as much as the present one."),
    ] = None,
) -> CommandsOut:
    """What to run by hand instead of giving Paddock a password; then save the printed secret with `PUT sign-in`."""
    check(ctx, "clusters.read")
    found = await by_hand.steps(ctx, cluster_id, Level(level) if level else None)
    return CommandsOut(
        token_id=found.token_id, commands=list(found.commands), afterwards=list(found.afterwards)
    )


@router.get("/clusters/{cluster_id}/deeds", response_model=PageOut[DeedOut])
async def list_deeds(
    request: Request, ctx: Ctx, cluster_id: str, paging: Annotated[Paging, Depends(rest_paging())]
) -> Response:
    """What Paddock has made or changed on Proxmox VE itself, and what of it is gone again."""
    check(ctx, "clusters.read")
    await queries.get_cluster(ctx, cluster_id)
    page = await queries.list_deeds(ctx, cluster_id, paging)
    return page_response(request, page, map(deed_out, page.items))


async def _changed(
    ctx: Context, cluster_id: str, member: str, body: SignInIn, response: Response, expected: int | None
) -> SignInChanged:
    wish = CredentialWish(body.username, body.password, body.token_id, body.token_secret)
    changed = await actions.change_sign_in(
        ctx, cluster_id, wish, member=member, reason=body.reason, expected=expected
    )
    response.headers["ETag"] = etag(changed.cluster.version)
    found = sign_in_out(await standing(ctx, cluster_id))
    rows = [TestedOut.model_validate(one, from_attributes=True) for one in changed.tested]
    return SignInChanged(**found.model_dump(), tested=rows)


def _administrator(body: AdministratorIn) -> Administrator:
    return Administrator(body.username, body.password)
