"""The access of all: users, API tokens, sessions, audit."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from paddock.access import actions, audit, passwords, queries
from paddock.access.guard import check, may, page_context, require
from paddock.access.rights import ROLE_WORDS, Role
from paddock.access.schemas import UserIn, UserPatch
from paddock.access.setup import base_url
from paddock.base.context import Context
from paddock.base.errors import Invalid, Prerequisite
from paddock.web.etags import version_of
from paddock.web.forms import Form
from paddock.web.paging import Paging, page_paging
from paddock.web.render import page, redirect

router = APIRouter(prefix="/access")
Ctx = Annotated[Context, Depends(page_context)]
Users = Annotated[Paging, Depends(page_paging(sorts=queries.USER_SORTS))]
Tokens = Annotated[Paging, Depends(page_paging(sorts=queries.TOKEN_SORTS))]
Sessions = Annotated[Paging, Depends(page_paging())]
Audit = Annotated[Paging, Depends(page_paging(sorts=audit.SORTS, filters=audit.FILTERS))]

ROLE_CHOICES = [(role.value, role.value.capitalize(), ROLE_WORDS[role]) for role in Role]


@router.get("")
async def users(request: Request, ctx: Ctx, paging: Users) -> Response:
    check(ctx, "access.read")
    found = await queries.list_users(ctx, paging)
    return await _page(request, ctx, "access/users.html", paging, found)


@router.get("/tokens")
async def tokens(request: Request, ctx: Ctx, paging: Tokens) -> Response:
    check(ctx, "access.read")
    found = await queries.list_tokens(ctx, paging)
    return await _page(request, ctx, "access/tokens.html", paging, found)


@router.get("/sessions")
async def sessions(request: Request, ctx: Ctx, paging: Sessions) -> Response:
    check(ctx, "access.read")
    found = await queries.list_sessions(ctx, paging)
    return await _page(request, ctx, "access/sessions.html", paging, found)


@router.get("/audit")
async def audit_list(request: Request, ctx: Ctx, paging: Audit) -> Response:
    check(ctx, "audit.read")
    found = await audit.list_entries(ctx, paging)
    return await _page(request, ctx, "access/audit.html", paging, found)


@router.get("/users/new")
async def new_user(request: Request, ctx: Ctx) -> Response:
    check(ctx, "access.edit")
    return await _new_user(request, Form.of(role=Role.AUDITOR.value))


@router.post("/users/new")
async def create_user(request: Request, ctx: Ctx) -> Response:
    await require(ctx, "access.edit")  # before the form is looked at
    form = await Form.read(request)
    if (wish := form.bind(UserIn, empty_is_none=["password"])) is not None:
        try:
            user, path = await actions.create_user(ctx, wish)
        except (Invalid, Prerequisite) as error:
            form.fail(error)
        else:
            if path is None:
                return redirect(request, f"/access/users/{user.id}", done="created")
            return await _user(request, ctx, user.id, link=base_url(ctx.settings) + path, done="created")
    return await _new_user(request, form, status=422)


@router.get("/users/{user_id}")
async def user(request: Request, ctx: Ctx, user_id: str) -> Response:
    check(ctx, "access.read")
    return await _user(request, ctx, user_id)


@router.post("/users/{user_id}")
async def edit_user(request: Request, ctx: Ctx, user_id: str) -> Response:
    await require(ctx, "access.edit", target=audit.Target("user", user_id))
    form = await Form.read(request)
    if (wish := form.bind(UserPatch, disabled=form.has("disabled"))) is not None:
        try:
            await actions.edit_user(ctx, user_id, wish, expected=version_of(form.raw("version")))
            return redirect(request, f"/access/users/{user_id}", done="saved")
        except (Invalid, Prerequisite) as error:
            form.fail(error)
    return await _user(request, ctx, user_id, status=422, form=form)


@router.post("/users/{user_id}/password-link")
async def password_link(request: Request, ctx: Ctx, user_id: str) -> Response:
    path = await actions.new_password_link(ctx, user_id)
    return await _user(request, ctx, user_id, link=base_url(ctx.settings) + path)


@router.post("/users/{user_id}/delete")
async def delete_user(request: Request, ctx: Ctx, user_id: str) -> Response:
    await actions.delete_user(ctx, user_id)
    return redirect(request, "/access", done="deleted")


@router.post("/tokens/{token_id}/revoke")
async def revoke_token(request: Request, ctx: Ctx, token_id: str) -> Response:
    await actions.revoke_token(ctx, token_id)
    return redirect(request, "/access/tokens", done="revoked")


@router.post("/sessions/{session_id}/end")
async def end_session(request: Request, ctx: Ctx, session_id: str) -> Response:
    await actions.end_session(ctx, session_id)
    return redirect(request, "/access/sessions", done="ended")


async def _page(request: Request, ctx: Context, template: str, paging: Paging, found: Any) -> Response:
    return await page(
        request,
        template,
        paging=paging,
        found=found,
        may_edit=may(ctx, "access.edit"),
        done=request.query_params.get("done", ""),
    )


async def _new_user(request: Request, form: Form, *, status: int = 200) -> Response:
    return await page(
        request, "access/user_new.html", status=status, form=form, roles=ROLE_CHOICES, least=passwords.LEAST
    )


async def _user(
    request: Request,
    ctx: Context,
    user_id: str,
    *,
    status: int = 200,
    form: Form | None = None,
    link: str = "",
    done: str = "",
) -> Response:
    found = await queries.get_user(ctx, user_id)
    shown = form or Form.of(
        display=found.display,
        role=found.role,
        disabled="yes" if found.disabled else "",
        version=found.version,
    )
    recent = await audit.list_entries(ctx, Paging(size=10, filters={"actor": found.name}))
    return await page(
        request,
        "access/user.html",
        status=status,
        user=found,
        form=shown,
        link=link,
        recent=recent,
        roles=ROLE_CHOICES,
        may_edit=may(ctx, "access.edit"),
        oneself=found.id == ctx.actor.user_id,
        done=done or request.query_params.get("done", ""),
    )
