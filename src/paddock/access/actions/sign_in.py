"""Coming and going: sessions."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import delete, func, select, update

from paddock.access import audit, guard
from paddock.access.doorkeeper import Doorkeeper, digest
from paddock.access.events import AccessChanged
from paddock.access.model import Session, User
from paddock.base.context import Actor, Context, Write
from paddock.base.errors import Denied, Detail, NotFound, Throttled
from paddock.web.formats import duration

WRONG = "User or password is wrong."
SIGN_IN = "access.sign_in"


async def sign_in(ctx: Context, name: str, password: str, *, agent: str = "", old_cookie: str = "") -> str:
    """Returns the value of the session's cookie. Raises Throttled, or Denied without saying which of the two is wrong."""
    keeper, now, remote = ctx.part(Doorkeeper), ctx.now(), ctx.actor.remote or ""
    folded = name.strip().lower()
    if (wait := keeper.sign_ins.wait(folded, remote, now)) > 0:
        raise Throttled(
            f"Too many attempts. The next one is possible in {duration(wait + 1)}.", seconds=wait + 1
        )
    keeper.passwords.admit()  # before the attempt counts: it would not even be tried
    keeper.sign_ins.begin(folded, remote, now)
    async with ctx.read() as db:
        user = await db.scalar(select(User).where(func.lower(User.name) == folded))
    fits = await keeper.passwords.verify(user.password_hash if user else "", password)
    if user is None or not fits or user.disabled:
        code = "disabled" if user and fits else "wrong"
        target = audit.Target("user", user.id if user else "", folded[:64])
        await audit.record_alone(ctx, SIGN_IN, target, outcome="refused", code=code)
        raise Denied(WRONG, code="sign_in_refused", details=[Detail("password", WRONG)])
    keeper.sign_ins.succeeded(folded, remote, now)
    renewed = await keeper.passwords.hash(password) if keeper.passwords.is_old(user.password_hash) else None
    known = _as(ctx, user)
    async with ctx.write() as tx:
        changed = await tx.session.execute(
            update(User)
            .where(User.id == user.id, User.disabled.is_(False), User.password_hash == user.password_hash)
            .values(signed_in_at=now, password_hash=renewed or user.password_hash)
        )
        if changed.rowcount != 1:  # type: ignore[attr-defined]
            raise Denied(WRONG, code="sign_in_refused", details=[Detail("password", WRONG)])
        if old_cookie:
            await tx.session.execute(delete(Session).where(Session.id == digest(old_cookie)))
        cookie = start_session(tx, known, user.id, agent=agent)
        audit.record(tx, known, SIGN_IN, audit.Target("user", user.id, user.name))
        tx.publish(AccessChanged())
    keeper.forget()
    return cookie


def start_session(tx: Write, ctx: Context, user_id: str, *, agent: str = "") -> str:
    """Adds a session to the transaction; returns the value of its cookie, 256 random bits."""
    cookie, now = secrets.token_urlsafe(32), ctx.now()
    tx.session.add(
        Session(
            id=digest(cookie),
            user_id=user_id,
            created_at=now,
            seen_at=now,
            expires_at=now + timedelta(hours=ctx.settings.session_hours),
            remote=(ctx.actor.remote or "")[:64],
            agent=agent[:200],
        )
    )
    return cookie


async def sign_out(ctx: Context, cookie: str) -> None:
    """Ends the session of this cookie. Nothing happens where it has ended already."""
    async with ctx.write() as tx:
        gone = await tx.session.execute(delete(Session).where(Session.id == digest(cookie)))
        if gone.rowcount and ctx.actor.user_id:  # type: ignore[attr-defined]
            audit.record(tx, ctx, "access.sign_out", audit.Target("user", ctx.actor.user_id, ctx.actor.name))
            tx.publish(AccessChanged())
    ctx.part(Doorkeeper).forget()


async def end_session(ctx: Context, session_id: str) -> None:
    """Ends one's own session, or with `access.edit` anybody's. Raises NotFound."""
    await guard.require(ctx, "sessions.own", target=audit.Target("session", session_id))
    async with ctx.read() as db:
        owner = await db.scalar(select(Session.user_id).where(Session.id == session_id))
    if owner is None:
        raise NotFound("This session has ended already.")
    if owner != ctx.actor.user_id:
        await guard.require(ctx, "access.edit", target=audit.Target("session", session_id))
    async with ctx.write() as tx:
        name = await tx.session.scalar(select(User.name).where(User.id == owner))
        await tx.session.execute(delete(Session).where(Session.id == session_id))
        audit.record(tx, ctx, "sessions.end", audit.Target("user", owner, name or ""))
        tx.publish(AccessChanged())
    ctx.part(Doorkeeper).forget()


def _as(ctx: Context, user: User) -> Context:
    return ctx.acting_as(Actor(user.id, user.name, user.role, remote=ctx.actor.remote))
