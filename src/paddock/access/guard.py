"""Who may come in, and what they may do. `require` is the first line of every action."""

from __future__ import annotations

from dataclasses import replace

from fastapi import Request

from paddock.access import audit, rights
from paddock.access.doorkeeper import Doorkeeper
from paddock.base.context import NOBODY, Actor, Context, Services
from paddock.base.errors import Denied, NotLoggedIn
from paddock.web.csrf import session_cookie

REFRESH_HEADER = "paddock-refresh"
"""Sent by pages that refresh themselves; such a request does not prolong a session."""


async def require(ctx: Context, permission: str, *, target: audit.Target = audit.NOTHING) -> None:
    """Raises NotLoggedIn or Denied unless the actor has the permission, and writes the refusal to the audit."""
    if rights.allowed(ctx.actor, permission):
        return
    error = _refusal(ctx.actor, permission)
    await audit.record_alone(ctx, permission, target, outcome="refused", code=error.code)
    raise error


def check(ctx: Context, permission: str) -> None:
    """Like `require`, without a word in the audit: for reads."""
    if not rights.allowed(ctx.actor, permission):
        raise _refusal(ctx.actor, permission)


def may(ctx: Context, permission: str) -> bool:
    """For templates: whether to offer it at all."""
    return rights.allowed(ctx.actor, permission)


async def api_context(request: Request) -> Context:
    """A dependency for REST routes: by API token (`Authorization: Bearer pdk_...`) or session. Raises NotLoggedIn."""
    services = services_of(request)
    header = request.headers.get("authorization", "")
    if header:
        scheme, _, value = header.partition(" ")
        if scheme.lower() != "bearer":
            raise NotLoggedIn(
                "Paddock takes API tokens only: Authorization: Bearer pdk_...", code="token_needed"
            )
        actor = await doorkeeper_of(services).token(services, value.strip())
        if actor is None:
            raise NotLoggedIn(
                "This API token is not known, has expired or was revoked.",
                code="token_refused",
                hint="Create a new one under Account › API tokens.",
            )
        return _context(request, services, actor)
    return await page_context(request)


async def page_context(request: Request) -> Context:
    """A dependency for pages: by session. Raises NotLoggedIn, which pages answer with the way to the sign-in."""
    ctx = await visitor_context(request)
    if ctx.actor.user_id is None:
        raise NotLoggedIn("Please sign in.", hint="Over REST: Authorization: Bearer pdk_...")
    return ctx


async def visitor_context(request: Request) -> Context:
    """A dependency for the pages before the sign-in: the person of the session, or nobody."""
    services = services_of(request)
    cookie = request.cookies.get(session_cookie(services.settings), "")
    actor = None
    if cookie:
        person = REFRESH_HEADER not in request.headers
        actor = await doorkeeper_of(services).session(services, cookie, person=person)
    return _context(request, services, actor or NOBODY)


def services_of(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


def doorkeeper_of(services: Services) -> Doorkeeper:
    found: Doorkeeper = services.parts[Doorkeeper]
    return found


def context_of(request: Request) -> Context | None:
    """The context that a dependency has built for this request, if any; for the frame."""
    found: Context | None = getattr(request.state, "context", None)
    return found


def _context(request: Request, services: Services, actor: Actor) -> Context:
    remote = request.client.host if request.client else None
    ctx = Context(services, replace(actor, remote=remote))
    request.state.context = ctx
    return ctx


def _refusal(actor: Actor, permission: str) -> Denied:
    if actor.user_id is None:
        return NotLoggedIn("Please sign in.")
    return Denied(
        f"{actor.name} may not do this: it needs the permission {permission}.",
        hint="Ask an administrator. "
        + ("The token's role may be too small." if actor.via == "token" else ""),
    )
