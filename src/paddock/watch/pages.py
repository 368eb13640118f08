"""The import wizard: Connect, (compare the certificate,) Review, and on to the job. Each step has its own address."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from paddock.access import guard
from paddock.access.guard import page_context
from paddock.base.context import Context
from paddock.base.errors import Invalid, NotFound, PaddockError, Prerequisite, Upstream
from paddock.clusters.sign_in.realms import Offered
from paddock.nodes import tombstones
from paddock.proxmox import certificates
from paddock.proxmox.errors import Untrusted
from paddock.sites import queries as sites
from paddock.watch import actions, steps, typed
from paddock.watch.naming import NameMismatch
from paddock.watch.previews import Draft, Drafts, Preview, Previews
from paddock.watch.wish import ImportWish
from paddock.web import hints
from paddock.web.forms import Form
from paddock.web.problems import status_of
from paddock.web.render import fragment, page, redirect

router = APIRouter(prefix="/nodes", include_in_schema=False)
Ctx = Annotated[Context, Depends(page_context)]


@router.get("/import")
async def connect(
    request: Request, ctx: Ctx, site: str = "", draft: str = "", review: str = "", gone: str = ""
) -> Response:
    """The form; `draft` and `review` fill in what was typed before, except secrets, `gone` what was removed."""
    guard.check(ctx, "nodes.import")
    if kept := ctx.part(Drafts).find(draft, _owner(ctx)):
        return await _connect(request, ctx, typed.form_of(kept.wish))
    if seen := ctx.part(Previews).find(review, _owner(ctx)):
        return await _connect(request, ctx, typed.form_of(actions.wish_of(seen)))
    if gone:
        return await _connect(request, ctx, typed.form_of_gone(await tombstones.find_stone(ctx, gone)))
    return await _connect(request, ctx, Form.of(site_id=site, username="root@pam"))


@router.get("/new")
async def by_hand(request: Request, ctx: Ctx, site: str = "") -> Response:
    """One node by hand: the same steps, with its name compared."""
    guard.check(ctx, "nodes.import")
    return await _connect(request, ctx, Form.of(site_id=site, username="root@pam", by_hand="yes"))


@router.post("/import")
async def look(request: Request, ctx: Ctx) -> Response:
    await guard.require(ctx, "nodes.import")  # before the form is looked at
    form = await Form.read(request)
    wish, by_hand = typed.wish(form), form.has("by_hand")
    # a pasted header is taken apart, so that its secret is not given back
    shown = typed.form_of(wish, by_hand=by_hand)
    shown.errors.update(typed.faults(wish, by_hand=by_hand))
    if shown.errors:
        return await _connect(request, ctx, shown, status=422, draft_id=form.value("draft"))
    wish, draft_id = ctx.part(Drafts).again(form.value("draft"), _owner(ctx), wish)
    return await _try(request, ctx, wish, shown, draft_id=draft_id)


@router.post("/import/realms")
async def realms(request: Request, ctx: Ctx) -> Response:
    """What the server behind the typed URL offers after the @; nothing where it does not answer."""
    form = await Form.read(request)
    found: tuple[Offered, ...] = ()
    with suppress(Invalid, Upstream):
        found = await actions.list_realms(ctx, form.value("url"))
    return fragment(request, "clusters/realms.html", realms=found, unconfirmed=True)


@router.get("/import/confirm/{draft_id}")
async def compare(request: Request, ctx: Ctx, draft_id: str) -> Response:
    """The certificate that nobody has confirmed yet."""
    guard.check(ctx, "nodes.import")
    try:
        draft = ctx.part(Drafts).get(draft_id, _owner(ctx))
    except NotFound as error:
        return await _expired(request, ctx, error)
    if draft.certificate is None:
        return redirect(request, "/nodes/new")
    return await _compare(request, ctx, draft, Form())


@router.post("/import/confirm/{draft_id}")
async def confirm(request: Request, ctx: Ctx, draft_id: str) -> Response:
    await guard.require(ctx, "nodes.import")
    form = await Form.read(request)
    try:
        draft = ctx.part(Drafts).get(draft_id, _owner(ctx))
    except NotFound as error:
        return await _expired(request, ctx, error)
    if compared := form.value("compare").strip():
        try:
            shown = draft.certificate.sha256 if draft.certificate else ""
            same = certificates.normal_fingerprint(compared) == shown
        except ValueError as error:
            form.errors["compare"] = f"Not a fingerprint: {error}"
            return await _compare(request, ctx, draft, form, status=422)
        if not same:
            form.errors["compare"] = "This is another fingerprint than the one shown above."
            form.message = "The fingerprints differ: another machine answers here, or the certificate of another node was read."
            form.hint = "Do not continue before you know which. Nothing was sent to that machine."
            return await _compare(request, ctx, draft, form, status=422)
    ctx.part(Drafts).believe(draft)
    wish = draft.confirmed
    return await _try(request, ctx, wish, typed.form_of(wish), draft_id=draft_id)


@router.post("/import/take/{draft_id}")
async def take_name(request: Request, ctx: Ctx, draft_id: str) -> Response:
    """The same wish with the name that Proxmox uses, by one click: what was typed has been kept."""
    await guard.require(ctx, "nodes.import")
    try:
        draft = ctx.part(Drafts).get(draft_id, _owner(ctx))
    except NotFound as error:
        return await _expired(request, ctx, error)
    return await _try(request, ctx, draft.confirmed, typed.form_of(draft.confirmed), draft_id=draft_id)


@router.get("/import/review/{preview_id}")
async def review(request: Request, ctx: Ctx, preview_id: str) -> Response:
    """What an import would write; nothing has been written."""
    guard.check(ctx, "nodes.import")
    try:
        found = ctx.part(Previews).get(preview_id, _owner(ctx))
    except NotFound as error:
        return await _expired(request, ctx, error)
    return await _review(request, found)


@router.post("/import/review/{preview_id}/again")
async def read_again(request: Request, ctx: Ctx, preview_id: str) -> Response:
    try:
        made = await actions.read_again(ctx, preview_id)
    except NotFound as error:
        return await _expired(request, ctx, error)
    except Upstream as error:
        found = ctx.part(Previews).get(preview_id, _owner(ctx))
        failure = steps.failure(error, found.review.trust_mode)
        return await _review(request, found, status=status_of(error), failure=failure)
    return redirect(request, f"/nodes/import/review/{made.id}")


@router.post("/import/review/{preview_id}")
async def import_ticked(request: Request, ctx: Ctx, preview_id: str) -> Response:
    form = await Form.read(request)
    ticked = form.values("members")
    try:
        job = await actions.import_cluster(ctx, preview_id, ticked, token=form.value("token"))
    except NotFound as error:
        return await _expired(request, ctx, error)
    except Invalid as error:
        form.fail(error)
        found = ctx.part(Previews).get(preview_id, _owner(ctx))
        return await _review(request, found, status=422, form=form, ticked=ticked)
    return redirect(request, f"/jobs/{job.id}")


async def _try(
    request: Request, ctx: Context, wish: ImportWish, form: Form, *, draft_id: str = ""
) -> Response:
    """Looks at the cluster; on to the review, to the certificate, or back to the form with what failed."""
    by_token = bool(wish.token_id or wish.token_secret)
    failure = None
    try:
        made = await actions.preview(ctx, wish)
    except Untrusted as error:
        if error.code == "unconfirmed":
            draft = ctx.part(Drafts).keep(_owner(ctx), wish, error.certificate)
            return redirect(request, f"/nodes/import/confirm/{draft.id}")
        failure, status = steps.failure(error, wish.trust), status_of(error)
    except NameMismatch as error:
        form.fail(error)
        status = status_of(error)
        right = replace(wish, name=error.called)
        take = {"called": error.called, "take": ctx.part(Drafts).keep(_owner(ctx), right).id}
        return await _connect(request, ctx, form, status=status, draft_id=draft_id, **take)
    except (Invalid, Prerequisite) as error:
        form.fail(error)
        status = status_of(error)
    except NotFound as error:
        form.fail(Invalid.field("site_id", error.message, hint="Choose another one."))
        status = 422
    except Upstream as error:
        failure, status = steps.failure(error, wish.trust), status_of(error)
        if field := steps.field_of(error, by_token=by_token):
            form.errors[field] = error.message
    else:
        ctx.part(Drafts).forget(draft_id)
        return redirect(request, f"/nodes/import/review/{made.id}")
    return await _connect(request, ctx, form, status=status, failure=failure, draft_id=draft_id)


async def _connect(request: Request, ctx: Context, form: Form, *, status: int = 200, **data: Any) -> Response:
    failure: steps.Failure | None = data.get("failure")
    found = await sites.all_sites(ctx)
    return await page(
        request,
        "watch/connect.html",
        status=status,
        form=form,
        sites=found,
        site_options=[(site.id, site.name) for site in found],
        may_create=guard.may(ctx, "sites.create"),
        failure=failure,
        advice=hints.advice(failure.hint if failure else ""),
        form_advice=hints.advice(form.hint),
        gone=data.get("gone"),
        called=data.get("called", ""),
        take=data.get("take", ""),
        draft_id=data.get("draft_id", ""),
    )


async def _compare(
    request: Request, ctx: Context, draft: Draft, form: Form, *, status: int = 200
) -> Response:
    site = await sites.get_site(ctx, draft.wish.site_id)
    return await page(request, "watch/confirm.html", status=status, draft=draft, form=form, site=site)


async def _review(
    request: Request,
    found: Preview,
    *,
    status: int = 200,
    form: Form | None = None,
    ticked: list[str] | None = None,
    failure: steps.Failure | None = None,
) -> Response:
    chosen = [member.name for member in found.review.ready] if ticked is None else ticked
    return await page(
        request,
        "watch/review.html",
        status=status,
        preview=found,
        review=found.review,
        form=form or Form(),
        ticked=frozenset(chosen),
        failure=failure,
        advice=hints.advice(failure.hint if failure else ""),
    )


async def _expired(request: Request, ctx: Context, error: PaddockError) -> Response:
    """The first step again, saying why."""
    return await _connect(request, ctx, Form.of(username="root@pam"), status=status_of(error), gone=error)


def _owner(ctx: Context) -> str:
    return ctx.actor.user_id or ctx.actor.name
