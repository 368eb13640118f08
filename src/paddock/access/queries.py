"""Reads of users, sessions and API tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select

from paddock.access import rights
from paddock.access.model import ApiToken, Session, User
from paddock.base.context import Context
from paddock.base.errors import NotFound
from paddock.web.paging import Page, Paging
from paddock.web.sorting import ordered

USER_SORTS: dict[str, Any] = {
    "name": func.lower(User.name),
    "role": User.role,
    "created_at": User.created_at,
    "signed_in_at": User.signed_in_at,
}
TOKEN_SORTS: dict[str, Any] = {
    "name": func.lower(ApiToken.name),
    "created_at": ApiToken.created_at,
    "used_at": ApiToken.used_at,
    "expires_at": ApiToken.expires_at,
}


@dataclass(frozen=True, slots=True)
class TokenView:
    id: str
    user_id: str
    user: str
    name: str
    prefix: str
    role: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class SessionView:
    id: str
    user_id: str
    user: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    remote: str
    agent: str


async def list_users(ctx: Context, paging: Paging) -> Page[User]:
    query = select(User)
    if paging.q:
        query = query.where(
            or_(
                User.name.icontains(paging.q, autoescape=True),
                User.display.icontains(paging.q, autoescape=True),
            )
        )
    async with ctx.read() as db:
        total = await db.scalar(select(func.count()).select_from(query.subquery())) or 0
        found = ordered(query, paging, USER_SORTS, default=func.lower(User.name), tie=User.id)
        rows = (await db.scalars(found)).all()
    return Page.of(rows, total, paging)


async def get_user(ctx: Context, user_id: str) -> User:
    """Raises NotFound. Everybody may read oneself."""
    async with ctx.read() as db:
        found = await db.get(User, user_id)
    if found is None:
        raise NotFound(f"There is no user {user_id}.", hint="The user may have been deleted.")
    return found


async def any_user(ctx: Context) -> bool:
    """Whether Paddock has been set up."""
    async with ctx.read() as db:
        return await db.scalar(select(User.id).limit(1)) is not None


async def list_tokens(ctx: Context, paging: Paging, *, own: bool = False) -> Page[TokenView]:
    """One's own tokens; everybody's for those who may read the access of all."""
    query = select(
        ApiToken.id,
        ApiToken.user_id,
        User.name,
        ApiToken.name,
        ApiToken.prefix,
        ApiToken.role,
        ApiToken.created_at,
        ApiToken.expires_at,
        ApiToken.used_at,
    ).join(User, User.id == ApiToken.user_id)
    if own or not rights.allowed(ctx.actor, "access.read"):
        query = query.where(ApiToken.user_id == ctx.actor.user_id)
    if paging.q:
        query = query.where(
            or_(
                ApiToken.name.icontains(paging.q, autoescape=True),
                User.name.icontains(paging.q, autoescape=True),
            )
        )
    async with ctx.read() as db:
        total = await db.scalar(select(func.count()).select_from(query.subquery())) or 0
        found = ordered(query, paging, TOKEN_SORTS, default=func.lower(ApiToken.name), tie=ApiToken.id)
        rows = (await db.execute(found)).all()
    return Page.of([TokenView(*row) for row in rows], total, paging)


async def list_sessions(ctx: Context, paging: Paging, *, own: bool = False) -> Page[SessionView]:
    """Living sessions, the one used last first; everybody's for those who may read the access of all."""
    idle = ctx.now() - timedelta(minutes=ctx.settings.session_idle_minutes)
    query = (
        select(
            Session.id,
            Session.user_id,
            User.name,
            Session.created_at,
            Session.seen_at,
            Session.expires_at,
            Session.remote,
            Session.agent,
        )
        .join(User, User.id == Session.user_id)
        .where(Session.expires_at > ctx.now(), Session.seen_at > idle)
    )
    if own or not rights.allowed(ctx.actor, "access.read"):
        query = query.where(Session.user_id == ctx.actor.user_id)
    if paging.q:
        query = query.where(
            or_(
                User.name.icontains(paging.q, autoescape=True),
                Session.remote.startswith(paging.q, autoescape=True),
                Session.agent.icontains(paging.q, autoescape=True),
            )
        )
    async with ctx.read() as db:
        total = await db.scalar(select(func.count()).select_from(query.subquery())) or 0
        found = query.order_by(Session.seen_at.desc(), Session.id).offset(paging.offset).limit(paging.size)
        rows = (await db.execute(found)).all()
    return Page.of([SessionView(*row) for row in rows], total, paging)
