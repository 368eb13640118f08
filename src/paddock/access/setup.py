"""What whoever owns the machine may do without signing in: the setup link, a new password, a first API token.

Called by `serve` and `paddock admin` only, never by a request.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select

from paddock.access import audit, passwords
from paddock.access.actions.links import make_link
from paddock.access.actions.tokens import create_token
from paddock.access.doorkeeper import Doorkeeper
from paddock.access.model import AuditEntry, OneTimeLink, Session, User
from paddock.access.passwords import Passwords
from paddock.access.rights import Role
from paddock.access.schemas import TokenIn
from paddock.base.context import SYSTEM, Actor, Context, Services
from paddock.base.errors import NotFound
from paddock.base.ids import new_id
from paddock.settings import Settings


def install(services: Services, *, hasher: Passwords | None = None) -> None:
    """Makes the part that knows who comes in."""
    services.parts[Doorkeeper] = Doorkeeper(hasher)


async def ensure_setup_link(services: Services) -> str | None:
    """While there is no user: a new link to create the first administrator, valid once and for 24 hours. Else None."""
    ctx = Context(services, SYSTEM)
    async with ctx.write() as tx:
        if await tx.session.scalar(select(User.id).limit(1)) is not None:
            return None
        path = await make_link(tx, ctx, None)
    return base_url(services.settings) + path


async def reset_password_link(services: Services, name: str) -> str:
    """A link with which the person chooses a new password. A disabled user is enabled again. Raises NotFound."""
    ctx = Context(services, SYSTEM)
    async with ctx.write() as tx:
        user = await tx.session.scalar(select(User).where(func.lower(User.name) == name.lower()))
        if user is None:
            raise await _no_user(ctx, name)
        user.disabled = False
        path = await make_link(tx, ctx, user.id)
        audit.record(tx, ctx, "users.password_link", audit.Target("user", user.id, user.name))
    return base_url(services.settings) + path


async def create_administrator(services: Services, name: str, password: str) -> str:
    """Creates an administrator at the console, for the demo and for tests. Returns the id. Raises Invalid."""
    passwords.check(password, name=name)
    hashed = await services.parts[Doorkeeper].passwords.hash(password)
    ctx = Context(services, SYSTEM)
    async with ctx.write() as tx:
        user = User(
            id=new_id(),
            name=name,
            role=Role.ADMINISTRATOR,
            password_hash=hashed,
            created_at=ctx.now(),
            signed_in_at=None,
        )
        tx.session.add(user)
        audit.record(tx, ctx, "users.create", audit.Target("user", user.id, name), detail={"role": user.role})
    return user.id


async def issue_token(services: Services, user_name: str, name: str) -> str:
    """An API token of a user, made at the console. Raises NotFound, AlreadyExists."""
    ctx = Context(services, SYSTEM)
    async with ctx.read() as db:
        user = await db.scalar(select(User).where(func.lower(User.name) == user_name.lower()))
    if user is None:
        raise await _no_user(ctx, user_name)
    person = ctx.acting_as(Actor(user.id, user.name, user.role, via="system"))
    return (await create_token(person, TokenIn(name=name)))[1]


async def prune(services: Services) -> None:
    """Deletes sessions and links that have ended, and audit entries older than `audit_days`."""
    now, settings = services.clock.now(), services.settings
    idle = now - timedelta(minutes=settings.session_idle_minutes)
    async with services.db.write() as session:
        await session.execute(delete(Session).where((Session.expires_at <= now) | (Session.seen_at <= idle)))
        await session.execute(delete(OneTimeLink).where(OneTimeLink.expires_at <= now))
        await session.execute(
            delete(AuditEntry).where(AuditEntry.at < now - timedelta(days=settings.audit_days))
        )


def base_url(settings: Settings) -> str:
    """How a browser reaches Paddock, as far as the settings tell."""
    root = settings.root_path.rstrip("/")
    if settings.allowed_hosts and settings.behind_proxy:
        return f"https://{settings.allowed_hosts[0]}{root}"
    scheme = "https" if settings.tls_cert else "http"
    host = settings.host
    if host in {"0.0.0.0", "::"}:
        host = settings.allowed_hosts[0] if settings.allowed_hosts else "localhost"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}{root}"


async def _no_user(ctx: Context, name: str) -> NotFound:
    async with ctx.read() as db:
        names = (await db.scalars(select(User.name).order_by(User.name).limit(10))).all()
    known = f"Known: {', '.join(names)}." if names else "There is no user yet: open the setup link."
    return NotFound(f"There is no user {name}.", hint=known)
