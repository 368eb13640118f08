"""Pages of a cluster: what it is, its members and their certificates, and whom Paddock believes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from paddock.access.audit import Target
from paddock.access.guard import check, may, page_context, require
from paddock.base.context import Context
from paddock.base.errors import Invalid, PaddockError, Prerequisite, Upstream
from paddock.clusters import actions, queries
from paddock.clusters.actions import TrustNotProven
from paddock.clusters.connecting import endpoint_of
from paddock.clusters.model import Cluster
from paddock.clusters.queries import MemberTrust
from paddock.clusters.sign_in.standing import standing
from paddock.clusters.trust_wish import Trial, TrustWish, shown_authorities
from paddock.proxmox import certificates
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.errors import Untrusted
from paddock.web import etags, hints
from paddock.web.forms import Form
from paddock.web.problems import status_of
from paddock.web.render import fragment, is_htmx, page, redirect

router = APIRouter(prefix="/clusters", include_in_schema=False)
Ctx = Annotated[Context, Depends(page_context)]


@router.get("/{cluster_id}")
async def show_cluster(request: Request, ctx: Ctx, cluster_id: str) -> Response:
    check(ctx, "clusters.read")
    view = await queries.view_cluster(ctx, cluster_id)
    members = await queries.trust_of_members(ctx, cluster_id)
    data: dict[str, Any] = {
        "view": view,
        "cluster": view.row,
        "members": members,
        "refused": [one for one in members if one.refused],
        "authorities": shown_authorities(view.row.ca_pem),
        "standing": await standing(ctx, cluster_id),
        "manuals": f"{endpoint_of(members[0].row).url}/pve-docs" if members else "",
        "may_edit": may(ctx, "clusters.edit"),
        "may_remove": may(ctx, "clusters.remove"),
        "may_import": may(ctx, "nodes.import"),
    }
    if is_htmx(request):
        return fragment(request, "clusters/cluster_live.html", **data)
    return await page(request, "clusters/cluster.html", done=request.query_params.get("done", ""), **data)


@router.get("/{cluster_id}/trust")
async def choose_trust(request: Request, ctx: Ctx, cluster_id: str) -> Response:
    check(ctx, "clusters.edit")
    cluster = await queries.get_cluster(ctx, cluster_id)
    members = await queries.trust_of_members(ctx, cluster_id)
    names = {f"name.{one.row.name}": one.row.server_name for one in members}
    own = cluster.ca_pem if cluster.trust_mode == "system" else ""
    form = Form.of(trust=cluster.trust_mode, ca_pem=own, version=cluster.version, **names)
    return await _choice(request, cluster, members, form)


@router.post("/{cluster_id}/trust")
async def change_trust(request: Request, ctx: Ctx, cluster_id: str) -> Response:
    """With `do=test` it is tried only."""
    await require(ctx, "clusters.edit", target=Target("cluster", cluster_id))
    form = await Form.read(request)
    cluster = await queries.get_cluster(ctx, cluster_id)
    members = await queries.trust_of_members(ctx, cluster_id)
    wish = TrustWish(
        mode=form.value("trust"),
        fingerprint=form.value("fingerprint") or None,
        ca_pem=form.value("ca_pem"),
        names={one.row.name: form.value(f"name.{one.row.name}") for one in members},
        reason=form.value("reason"),
    )
    shown: Certificate | None = None
    trials: Sequence[Trial] = ()
    tested = form.value("do") == "test"
    try:
        if not tested:
            version = etags.version_of(form.value("version"))
            await actions.change_trust(ctx, cluster_id, wish, expected=version)
            return redirect(request, f"/clusters/{cluster_id}", done="trust")
        trials, status = (await actions.try_trust(ctx, cluster_id, wish)).trials, 200
    except Untrusted as error:
        shown, status = error.certificate, status_of(error)
        form.fail(error)
    except TrustNotProven as error:
        trials, status = error.trials, status_of(error)
        form.fail(error)
    except (Invalid, Prerequisite, Upstream) as error:
        status = status_of(error)
        form.fail(error)
    return await _choice(
        request, cluster, members, form, status=status, shown=shown, trials=trials, tested=tested
    )


@router.get("/{cluster_id}/members/{member}/trust")
async def compare(request: Request, ctx: Ctx, cluster_id: str, member: str) -> Response:
    """The certificate that was believed, and the one that is shown instead."""
    check(ctx, "clusters.edit")
    return await _compare(request, ctx, cluster_id, member, Form())


@router.post("/{cluster_id}/members/{member}/trust")
async def trust_member(request: Request, ctx: Ctx, cluster_id: str, member: str) -> Response:
    await require(ctx, "clusters.edit", target=Target("cluster", cluster_id))
    form = await Form.read(request)
    fingerprint = form.value("fingerprint")
    try:
        if typed := form.value("compare").strip():
            _same(typed, fingerprint)
        await actions.retrust(ctx, cluster_id, member, fingerprint)
    except (Invalid, Prerequisite, Upstream) as error:
        form.fail(error)
        return await _compare(request, ctx, cluster_id, member, form, error=error)
    return redirect(request, f"/clusters/{cluster_id}", done="member")


@router.get("/{cluster_id}/members/{member}/certificate")
async def certificate(request: Request, ctx: Ctx, cluster_id: str, member: str) -> Response:
    """For the page of a node: old and new side by side, while the new one is not believed."""
    check(ctx, "clusters.read")
    cluster = await queries.get_cluster(ctx, cluster_id)
    return fragment(
        request,
        "clusters/certificate_changed.html",
        cluster=cluster,
        member=await queries.trust_of_member(ctx, cluster_id, member),
        may_edit=may(ctx, "clusters.edit"),
    )


async def _choice(
    request: Request,
    cluster: Cluster,
    members: Sequence[MemberTrust],
    form: Form,
    *,
    status: int = 200,
    shown: Certificate | None = None,
    trials: Sequence[Trial] = (),
    tested: bool = False,
) -> Response:
    return await page(
        request,
        "clusters/trust_form.html",
        status=status,
        cluster=cluster,
        members=members,
        form=form,
        advice=hints.advice(form.hint),
        shown=shown,
        trials=trials,
        tested=tested,
    )


async def _compare(
    request: Request,
    ctx: Context,
    cluster_id: str,
    member: str,
    form: Form,
    *,
    error: PaddockError | None = None,
) -> Response:
    return await page(
        request,
        "clusters/member_trust.html",
        status=status_of(error) if error else 200,
        cluster=await queries.get_cluster(ctx, cluster_id),
        member=await queries.trust_of_member(ctx, cluster_id, member),
        form=form,
        advice=hints.advice(form.hint),
        seen=error.certificate if isinstance(error, Untrusted) else None,
    )


def _same(typed: str, fingerprint: str) -> None:
    try:
        same = certificates.normal_fingerprint(typed) == fingerprint
    except ValueError as error:
        raise Invalid.field("compare", f"Not a fingerprint: {error}") from None
    if not same:
        raise Invalid.field(
            "compare",
            "This is another fingerprint than the one shown.",
            hint="Do not go on before you know which machine answers there. Nothing was sent to it.",
        )
