"""Links that work once: the first administrator, and choosing a password."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update

from paddock.access import audit, passwords
from paddock.access.actions.sign_in import start_session
from paddock.access.doorkeeper import Doorkeeper, digest
from paddock.access.events import AccessChanged
from paddock.access.model import ApiToken, OneTimeLink, Session, User
from paddock.access.rights import Role
from paddock.access.schemas import SetupIn
from paddock.base.context import Actor, Context, Write
from paddock.base.errors import NotFound, WrongState
from paddock.base.ids import new_id

VALID = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class LinkPurpose:
    """What a link is for: the first administrator (no user), or a new password of this user."""

    user: str | None


async def make_link(tx: Write, ctx: Context, user_id: str | None) -> str:
    """Adds a link; earlier ones for the same purpose stop working. Returns its path with the token."""
    token, now = secrets.token_urlsafe(32), ctx.now()
    await tx.session.execute(delete(OneTimeLink).where(OneTimeLink.user_id.is_not_distinct_from(user_id)))
    tx.session.add(
        OneTimeLink(
            sha256=digest(token), user_id=user_id, created_at=now, expires_at=now + VALID, used_at=None
        )
    )
    return f"/setup?token={token}"


async def find_link(ctx: Context, token: str) -> LinkPurpose:
    """Raises NotFound where the link is unknown, used or too old."""
    query = (
        select(OneTimeLink.user_id, User.name)
        .outerjoin(User, User.id == OneTimeLink.user_id)
        .where(
            OneTimeLink.sha256 == digest(token),
            OneTimeLink.used_at.is_(None),
            OneTimeLink.expires_at > ctx.now(),
        )
    )
    async with ctx.read() as db:
        row = (await db.execute(query)).one_or_none()
    if row is None:
        raise _not_valid()
    return LinkPurpose(row[1])


async def set_up(ctx: Context, token: str, wish: SetupIn, *, agent: str = "") -> str:
    """Creates the first administrator and signs in; of several at once exactly one wins. Returns the cookie's value.

    Raises Invalid for the password, NotFound for the link, WrongState where there is a user already.
    """
    await find_link(ctx, token)
    password = wish.password.get_secret_value()
    passwords.check(password, name=wish.name)
    hashed = await ctx.part(Doorkeeper).passwords.hash(password)
    user = User(
        id=new_id(),
        name=wish.name,
        display=wish.display,
        role=Role.ADMINISTRATOR,
        password_hash=hashed,
        disabled=False,
        version=1,
        created_at=ctx.now(),
        signed_in_at=ctx.now(),
    )
    known = ctx.acting_as(Actor(user.id, user.name, user.role, remote=ctx.actor.remote))
    async with ctx.write() as tx:
        await _use(tx, ctx, token)
        if await tx.session.scalar(select(User.id).limit(1)) is not None:
            raise WrongState("Paddock has been set up already.", hint="Sign in, or ask an administrator.")
        tx.session.add(user)
        await tx.session.flush()
        cookie = start_session(tx, known, user.id, agent=agent)
        audit.record(tx, known, "access.set_up", audit.Target("user", user.id, user.name))
        tx.publish(AccessChanged())
    return cookie


async def choose_password(ctx: Context, token: str, password: str, *, agent: str = "") -> str:
    """Sets the password of the link's user and signs in. Returns the cookie's value.

    All sessions end and all API tokens are revoked: a link is the way back after an account fell into wrong hands.
    """
    purpose = await find_link(ctx, token)
    passwords.check(password, name=purpose.user or "")
    hashed = await ctx.part(Doorkeeper).passwords.hash(password)
    async with ctx.write() as tx:
        user_id = await _use(tx, ctx, token)
        user = await tx.session.get(User, user_id) if user_id else None
        if user is None:
            raise _not_valid()
        if user.disabled:
            raise WrongState(f"The user {user.name} is disabled.", hint="Ask an administrator.")
        user.password_hash = hashed
        user.signed_in_at = ctx.now()
        known = ctx.acting_as(Actor(user.id, user.name, user.role, remote=ctx.actor.remote))
        await tx.session.execute(delete(Session).where(Session.user_id == user.id))
        revoked = (
            await tx.session.scalars(
                delete(ApiToken).where(ApiToken.user_id == user.id).returning(ApiToken.name)
            )
        ).all()
        cookie = start_session(tx, known, user.id, agent=agent)
        audit.record(
            tx,
            known,
            "account.choose_password",
            audit.Target("user", user.id, user.name),
            detail={"tokens_revoked": sorted(revoked)},
        )
        tx.publish(AccessChanged())
    ctx.part(Doorkeeper).forget()
    return cookie


async def _use(tx: Write, ctx: Context, token: str) -> str | None:
    """Marks the link as used; the database lets only one through. Returns the user's id, if it is for one."""
    now = ctx.now()
    query = (
        update(OneTimeLink)
        .where(
            OneTimeLink.sha256 == digest(token),
            OneTimeLink.used_at.is_(None),
            OneTimeLink.expires_at > now,
        )
        .values(used_at=now)
        .returning(OneTimeLink.sha256, OneTimeLink.user_id)
    )
    row = (await tx.session.execute(query)).one_or_none()
    if row is None:
        raise _not_valid()
    user_id: str | None = row[1]
    return user_id


def _not_valid() -> NotFound:
    return NotFound(
        "This link is not valid: it was used, is older than 24 hours, or was replaced by a newer one.",
        code="link_not_valid",
        hint="A new setup link is printed each time Paddock starts without a user. For a password: paddock admin reset-password NAME",
    )
