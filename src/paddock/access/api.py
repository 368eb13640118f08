"""REST of users, API tokens, sessions and the audit."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from paddock.access import actions, audit, queries, rights
from paddock.access.guard import api_context, check
from paddock.access.model import AuditEntry, User
from paddock.access.queries import SessionView, TokenView
from paddock.access.schemas import (
    AuditOut,
    LinkOut,
    MeOut,
    SessionOut,
    TokenCreated,
    TokenIn,
    TokenOut,
    UserCreated,
    UserIn,
    UserOut,
    UserPatch,
)
from paddock.access.setup import base_url
from paddock.base.context import Context
from paddock.web.etags import etag, if_match
from paddock.web.paging import PageOut, Paging, page_response, rest_paging

router = APIRouter(tags=["access"])
Ctx = Annotated[Context, Depends(api_context)]
Expected = Annotated[int | None, Depends(if_match)]
UserPaging = Annotated[Paging, Depends(rest_paging(sorts=queries.USER_SORTS))]
TokenPaging = Annotated[Paging, Depends(rest_paging(sorts=queries.TOKEN_SORTS))]
SessionPaging = Annotated[Paging, Depends(rest_paging())]
AuditPaging = Annotated[Paging, Depends(rest_paging(sorts=audit.SORTS, filters=audit.FILTERS))]


def user_out(user: User) -> UserOut:
    return UserOut.model_validate(user, from_attributes=True)


def token_out(token: TokenView) -> TokenOut:
    return TokenOut.model_validate(token, from_attributes=True)


def session_out(session: SessionView) -> SessionOut:
    return SessionOut.model_validate(session, from_attributes=True)


def audit_out(entry: AuditEntry) -> AuditOut:
    return AuditOut.model_validate(entry, from_attributes=True)


@router.get("/me")
async def me(ctx: Ctx) -> MeOut:
    """Who one is here, and what one may do."""
    held = sorted(p for p in rights.PERMISSIONS if rights.allowed(ctx.actor, p))
    return MeOut(name=ctx.actor.name, role=ctx.actor.role, via=ctx.actor.via, permissions=held)


@router.get("/users", response_model=PageOut[UserOut])
async def list_users(request: Request, ctx: Ctx, paging: UserPaging) -> Response:
    check(ctx, "access.read")
    page = await queries.list_users(ctx, paging)
    return page_response(request, page, map(user_out, page.items))


@router.post("/users", status_code=201)
async def create_user(ctx: Ctx, body: UserIn, response: Response) -> UserCreated:
    """Creates a user; without a password, `link` leads to where the person chooses one."""
    user, path = await actions.create_user(ctx, body)
    response.headers["ETag"] = etag(user.version)
    link = base_url(ctx.settings) + path if path else None
    return UserCreated(**user_out(user).model_dump(), link=link)


@router.get("/users/{user_id}")
async def get_user(ctx: Ctx, user_id: str, response: Response) -> UserOut:
    check(ctx, "access.read")
    user = await queries.get_user(ctx, user_id)
    response.headers["ETag"] = etag(user.version)
    return user_out(user)


@router.patch("/users/{user_id}")
async def edit_user(
    ctx: Ctx, user_id: str, body: UserPatch, response: Response, expected: Expected
) -> UserOut:
    """Changes the given fields; a new role or `disabled` ends the user's sessions."""
    user = await actions.edit_user(ctx, user_id, body, expected=expected)
    response.headers["ETag"] = etag(user.version)
    return user_out(user)


@router.delete("/users/{user_id}", status_code=204)
async def delete_user(ctx: Ctx, user_id: str, expected: Expected) -> None:
    await actions.delete_user(ctx, user_id, expected=expected)


@router.post("/users/{user_id}/password-link", status_code=201)
async def new_password_link(ctx: Ctx, user_id: str) -> LinkOut:
    """A link with which the person chooses a new password; with its use all sessions end and all API tokens are revoked."""
    return LinkOut(link=base_url(ctx.settings) + await actions.new_password_link(ctx, user_id))


@router.get("/tokens", response_model=PageOut[TokenOut])
async def list_tokens(request: Request, ctx: Ctx, paging: TokenPaging) -> Response:
    """One's own API tokens; everybody's with the permission `access.read`."""
    check(ctx, "tokens.own")
    page = await queries.list_tokens(ctx, paging)
    return page_response(request, page, map(token_out, page.items))


@router.post("/tokens", status_code=201)
async def create_token(ctx: Ctx, body: TokenIn) -> TokenCreated:
    """Makes an API token and shows it this once. Needs a signed-in person: a token cannot make tokens."""
    row, token = await actions.create_token(ctx, body)
    return TokenCreated(
        id=row.id,
        user=ctx.actor.name,
        name=row.name,
        prefix=row.prefix,
        role=row.role,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=None,
        token=token,
    )


@router.delete("/tokens/{token_id}", status_code=204)
async def revoke_token(ctx: Ctx, token_id: str) -> None:
    await actions.revoke_token(ctx, token_id)


@router.get("/sessions", response_model=PageOut[SessionOut])
async def list_sessions(request: Request, ctx: Ctx, paging: SessionPaging) -> Response:
    """One's own living sessions; everybody's with the permission `access.read`."""
    check(ctx, "sessions.own")
    page = await queries.list_sessions(ctx, paging)
    return page_response(request, page, map(session_out, page.items))


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(ctx: Ctx, session_id: str) -> None:
    await actions.end_session(ctx, session_id)


@router.get("/audit", response_model=PageOut[AuditOut])
async def list_audit(request: Request, ctx: Ctx, paging: AuditPaging) -> Response:
    """Who did what, the newest first."""
    check(ctx, "audit.read")
    page = await audit.list_entries(ctx, paging)
    return page_response(request, page, map(audit_out, page.items))
