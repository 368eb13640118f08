"""One's own account: password, API tokens, sessions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from paddock.access import actions, passwords, queries
from paddock.access.doorkeeper import digest
from paddock.access.guard import page_context
from paddock.access.rights import ROLE_WORDS, ROLES, Role
from paddock.access.schemas import PasswordChange, TokenIn
from paddock.base.context import Context
from paddock.base.errors import Invalid, Prerequisite
from paddock.web.csrf import session_cookie
from paddock.web.forms import Form
from paddock.web.paging import MOST_ON_PAGES, Paging
from paddock.web.render import page, redirect

router = APIRouter()
Ctx = Annotated[Context, Depends(page_context)]

LIFETIMES = [("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year")]


@router.get("/account")
async def account(request: Request, ctx: Ctx) -> Response:
    return await _page(request, ctx)


@router.post("/account/password")
async def change_password(request: Request, ctx: Ctx) -> Response:
    form = await Form.read(request)
    wish = form.bind(PasswordChange)
    if form.raw("new_password") != form.raw("repeat"):
        form.errors.setdefault("repeat", "The two passwords differ.")
    if wish is not None and not form.errors:
        try:
            await actions.change_password(ctx, wish, cookie=_cookie(request, ctx))
            return redirect(request, "/account", done="password")
        except (Invalid, Prerequisite) as error:
            form.fail(error)
    return await _page(request, ctx, status=422, password_form=form)


@router.post("/account/tokens")
async def create_token(request: Request, ctx: Ctx) -> Response:
    form = await Form.read(request)
    wish = form.bind(TokenIn, expires_at=_end(form.raw("lifetime"), ctx.now()))
    if wish is not None:
        try:
            row, token = await actions.create_token(ctx, wish)
            return await _page(request, ctx, made=row, token=token)
        except (Invalid, Prerequisite) as error:
            form.fail(error)
    return await _page(request, ctx, status=422, token_form=form)


@router.post("/account/tokens/{token_id}/revoke")
async def revoke_token(request: Request, ctx: Ctx, token_id: str) -> Response:
    await actions.revoke_token(ctx, token_id)
    return redirect(request, "/account", done="token")


@router.post("/account/sessions/{session_id}/end")
async def end_session(request: Request, ctx: Ctx, session_id: str) -> Response:
    await actions.end_session(ctx, session_id)
    return redirect(request, "/account", done="session")


async def _page(request: Request, ctx: Context, *, status: int = 200, **data: Any) -> Response:
    everything = Paging(size=MOST_ON_PAGES)
    user = await queries.get_user(ctx, ctx.actor.user_id or "")
    mine = ROLES[Role(ctx.actor.role)]
    context = {
        "user": user,
        "role_words": ROLE_WORDS[Role(ctx.actor.role)],
        "roles": [(role.value, role.value.capitalize()) for role in Role if ROLES[role] <= mine],
        "tokens": await queries.list_tokens(ctx, everything, own=True),
        "sessions": await queries.list_sessions(ctx, everything, own=True),
        "this_session": digest(_cookie(request, ctx)),
        "lifetimes": LIFETIMES,
        "password_form": Form(),
        "token_form": Form.of(lifetime="90", role=ctx.actor.role),
        "made": None,
        "token": "",
        "done": request.query_params.get("done", ""),
        "least": passwords.LEAST,
    }
    return await page(request, "access/account.html", status=status, **{**context, **data})


def _end(days: str, now: datetime) -> datetime | None:
    return now + timedelta(days=int(days)) if days in {"30", "90", "365"} else None


def _cookie(request: Request, ctx: Context) -> str:
    return request.cookies.get(session_cookie(ctx.settings), "")
