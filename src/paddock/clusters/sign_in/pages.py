"""Pages of sign-ins: how one stands, changing it, a token of Paddock's own, its rotation, and what was made for that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from paddock.access import audit
from paddock.access.guard import check, may, page_context
from paddock.base.context import Context
from paddock.base.errors import Invalid, NotFound, PaddockError, Prerequisite, Upstream
from paddock.clusters import queries
from paddock.clusters.sign_in import actions, by_hand
from paddock.clusters.sign_in.realms import realms_of
from paddock.clusters.sign_in.standing import rights, standing
from paddock.clusters.sign_in.trial import NotProven
from paddock.clusters.sign_in.wish import Administrator, CredentialWish
from paddock.jobs.model import Job
from paddock.proxmox.credentials import unpack_token
from paddock.proxmox.errors import LoginRefused
from paddock.proxmox.wanted import Level, privileges
from paddock.web import etags, hints
from paddock.web.forms import Form
from paddock.web.paging import Paging, page_paging
from paddock.web.problems import status_of
from paddock.web.render import fragment, is_htmx, page, redirect

router = APIRouter(include_in_schema=False)
Ctx = Annotated[Context, Depends(page_context)]
AUDIT_SHOWN = 20
LEVELS = (
    ("operator", "Operator", "Sees everything, and creates, starts, moves, changes and backs up containers."),
    ("observer", "Observer", "Sees everything and changes nothing."),
)


@router.get("/clusters/{cluster_id}/sign-in")
async def sign_in(request: Request, ctx: Ctx, cluster_id: str, done: str = "") -> Response:
    """For htmx the panel alone, to be put into another page."""
    check(ctx, "clusters.read")
    data: dict[str, Any] = {
        "standing": await standing(ctx, cluster_id),
        "may_edit": may(ctx, "clusters.edit"),
    }
    if is_htmx(request):
        return fragment(request, "clusters/sign_in.html", **data)
    return await page(request, "clusters/sign_in_page.html", done=done, **data)


@router.get("/clusters/{cluster_id}/sign-in/rights")
async def wanted(request: Request, ctx: Ctx, cluster_id: str) -> Response:
    """The table of privileges, asked of Proxmox VE now."""
    check(ctx, "clusters.read")
    try:
        found = await rights(ctx, cluster_id)
    except Upstream as error:
        return fragment(
            request, "clusters/sign_in_rights.html", found=None, error=error, advice=hints.advice(error.hint)
        )
    return fragment(request, "clusters/sign_in_rights.html", found=found, error=None, advice=None)


@router.get("/clusters/{cluster_id}/sign-in/realms")
async def realms(request: Request, ctx: Ctx, cluster_id: str) -> Response:
    check(ctx, "clusters.edit")
    return fragment(
        request, "clusters/realms.html", realms=await realms_of(ctx, cluster_id), unconfirmed=False
    )


@router.get("/clusters/{cluster_id}/sign-in/change")
async def change(request: Request, ctx: Ctx, cluster_id: str, member: str = "") -> Response:
    check(ctx, "clusters.edit")
    found = await standing(ctx, cluster_id)
    form = Form.of(
        sign_in=found.cluster.credential_kind,
        username=found.cluster.credential_name if found.cluster.credential_kind == "password" else "root@pam",
        version=found.cluster.version,
        member=member,
    )
    return await _show(request, ctx, cluster_id, "change", form)


@router.post("/clusters/{cluster_id}/sign-in/change")
async def save(request: Request, ctx: Ctx, cluster_id: str) -> Response:
    form = await Form.read(request)
    by_token = form.raw("sign_in") == "token"
    token_id, secret = unpack_token(form.raw("token_id").strip(), form.raw("token_secret").strip())
    wish = CredentialWish(
        username="" if by_token else form.value("username"),
        password="" if by_token else form.raw("password"),
        token_id=token_id if by_token else "",
        token_secret=secret if by_token else "",
    )
    shown = Form.of(
        **{name: form.value(name) for name in ("sign_in", "username", "version", "member", "reason")},
        token_id=token_id,
    )
    try:
        await actions.change_sign_in(
            ctx,
            cluster_id,
            wish,
            member=form.value("member"),
            reason=form.value("reason"),
            expected=etags.version_of(form.value("version")),
        )
    except NotProven as error:
        return await _show(request, ctx, cluster_id, "change", shown, error=error, tested=error.tested)
    except (Invalid, Prerequisite, Upstream) as error:
        return await _show(request, ctx, cluster_id, "change", shown, error=error)
    return redirect(request, f"/clusters/{cluster_id}/sign-in", done="saved")


@router.post("/clusters/{cluster_id}/sign-in/drop")
async def drop(request: Request, ctx: Ctx, cluster_id: str) -> Response:
    form = await Form.read(request)
    await actions.drop_own_sign_in(ctx, cluster_id, form.value("member"))
    return redirect(request, f"/clusters/{cluster_id}/sign-in", done="dropped")


@router.get("/clusters/{cluster_id}/sign-in/token")
async def token_form(request: Request, ctx: Ctx, cluster_id: str, level: str = "operator") -> Response:
    check(ctx, "clusters.edit")
    return await _show(request, ctx, cluster_id, "token", Form.of(username="root@pam", level=level))


@router.post("/clusters/{cluster_id}/sign-in/token")
async def make_token(request: Request, ctx: Ctx, cluster_id: str) -> Response:
    async def start(form: Form, who: Administrator) -> Job:
        if form.value("level") not in set(Level):
            raise Invalid.field("level", "Choose one of the two.")
        return await actions.make_token(ctx, cluster_id, who, Level(form.value("level")))

    return await _started(request, ctx, cluster_id, "token", start)


@router.get("/clusters/{cluster_id}/sign-in/rotate")
async def rotate_form(request: Request, ctx: Ctx, cluster_id: str) -> Response:
    check(ctx, "clusters.edit")
    found = await standing(ctx, cluster_id)
    ours = "yes" if found.made_here else ""
    return await _show(request, ctx, cluster_id, "rotate", Form.of(username="root@pam", remove_old=ours))


@router.post("/clusters/{cluster_id}/sign-in/rotate")
async def rotate(request: Request, ctx: Ctx, cluster_id: str) -> Response:
    async def start(form: Form, who: Administrator) -> Job:
        return await actions.rotate_token(ctx, cluster_id, who, remove_old=form.has("remove_old"))

    return await _started(request, ctx, cluster_id, "rotate", start)


@router.get("/clusters/{cluster_id}/sign-in/explain")
async def explain_form(request: Request, ctx: Ctx, cluster_id: str) -> Response:
    check(ctx, "clusters.edit")
    return await _show(request, ctx, cluster_id, "explain", Form.of(username="root@pam"))


@router.post("/clusters/{cluster_id}/sign-in/explain")
async def explain(request: Request, ctx: Ctx, cluster_id: str) -> Response:
    form = await Form.read(request)
    shown = Form.of(username=form.value("username"))
    try:
        cause = await actions.explain_refusal(
            ctx, cluster_id, Administrator(form.value("username"), form.raw("password"))
        )
    except (Invalid, Prerequisite, Upstream) as error:
        return await _show(request, ctx, cluster_id, "explain", shown, error=error)
    return await _show(
        request, ctx, cluster_id, "explain", shown, cause=cause, cause_advice=hints.advice(cause.hint)
    )


@router.get("/clusters/{cluster_id}/deeds")
async def deeds(
    request: Request, ctx: Ctx, cluster_id: str, paging: Annotated[Paging, Depends(page_paging())]
) -> Response:
    """What Paddock has made on the cluster, and what people asked it to do there. For htmx the first table alone."""
    check(ctx, "clusters.read")
    view = await queries.view_cluster(ctx, cluster_id)
    data: dict[str, Any] = {
        "cluster": view.row,
        "found": await queries.list_deeds(ctx, cluster_id, paging),
        "paging": paging,
    }
    if is_htmx(request):
        return fragment(request, "clusters/deeds.html", **data)
    entries = None
    if may(ctx, "audit.read"):
        about = Paging(size=AUDIT_SHOWN, filters={"target": cluster_id})
        entries = await audit.list_entries(ctx, about)
    return await page(request, "clusters/deeds_page.html", entries=entries, site=view.site, **data)


@router.get("/sign-ins")
async def sign_ins(request: Request, ctx: Ctx) -> Response:
    check(ctx, "clusters.read")
    return await _many(request, ctx, Form.of(username="root@pam"))


@router.post("/sign-ins")
async def rotate_many(request: Request, ctx: Ctx) -> Response:
    form = await Form.read(request)
    chosen = form.values("clusters")
    try:
        await actions.rotate_tokens(
            ctx, chosen, Administrator(form.value("username"), form.raw("password")), remove_old=True
        )
    except (Invalid, Prerequisite, NotFound) as error:
        shown = Form.of(username=form.value("username"), clusters=chosen)
        shown.fail(error)
        return await _many(request, ctx, shown, status=status_of(error))
    return redirect(request, "/jobs")


async def _many(request: Request, ctx: Context, form: Form, *, status: int = 200) -> Response:
    return await page(
        request,
        "clusters/sign_ins.html",
        status=status,
        form=form,
        clusters=await queries.all_clusters(ctx),
        ours=await queries.tokens_made(ctx),
        may_edit=may(ctx, "clusters.edit"),
    )


async def _started(
    request: Request,
    ctx: Context,
    cluster_id: str,
    what: str,
    start: Callable[[Form, Administrator], Awaitable[Job]],
) -> Response:
    """Starts a job with an administrator's password and goes to it; or the form again, without the password."""
    form = await Form.read(request)
    names = ("username", "level", "remove_old")
    shown = Form.of(**{name: form.value(name) for name in names})
    try:
        job = await start(form, Administrator(form.value("username"), form.raw("password")))
    except (Invalid, Prerequisite) as error:
        return await _show(request, ctx, cluster_id, what, shown, error=error)
    return redirect(request, f"/jobs/{job.id}")


async def _show(
    request: Request,
    ctx: Context,
    cluster_id: str,
    what: str,
    form: Form,
    *,
    error: PaddockError | None = None,
    **data: Any,
) -> Response:
    """One of the four forms: change · token · rotate · explain."""
    if error is not None:
        form.fail(error)
        if isinstance(error, LoginRefused) or error.code in ("password_refused", "token_refused"):
            form.errors["token_secret" if form.value("sign_in") == "token" else "password"] = error.message
    found = await standing(ctx, cluster_id)
    hand = None
    if what in ("token", "rotate"):
        level = Level.OBSERVER if form.value("level") == "observer" else Level.OPERATOR
        hand = await by_hand.steps(ctx, cluster_id, level if what == "token" else None)
    return await page(
        request,
        f"clusters/sign_in_{what}.html",
        status=status_of(error) if error else 200,
        form=form,
        standing=found,
        hand=hand,
        hand_switch=what == "token",
        member_options=[(name, f"Only {name}") for name in found.members],
        levels=LEVELS,
        privileges={level.value: privileges(level) for level in Level},
        advice=hints.advice(form.hint),
        **{"tested": (), "cause": None, "cause_advice": None, **data},
    )
