"""API tokens: keys for programs."""

from __future__ import annotations

import secrets
from datetime import UTC

from sqlalchemy import func, select

from paddock.access import audit, guard
from paddock.access.doorkeeper import TOKEN_PREFIX, Doorkeeper, digest
from paddock.access.events import AccessChanged
from paddock.access.model import ApiToken, User
from paddock.access.rights import weaker
from paddock.access.schemas import TokenIn
from paddock.base.context import Context
from paddock.base.errors import AlreadyExists, Denied, Detail, Invalid, NotFound
from paddock.base.ids import new_id

MOST_PER_USER = 100


async def create_token(ctx: Context, wish: TokenIn) -> tuple[ApiToken, str]:
    """The row and the token itself, which is stored nowhere. Raises Invalid, AlreadyExists, and Denied for tokens:
    a stolen token must not make itself successors."""
    target = audit.Target("token", label=wish.name)
    await guard.require(ctx, "tokens.own", target=target)
    if ctx.actor.via == "token" or ctx.actor.user_id is None:
        await audit.record_alone(ctx, "tokens.create", target, outcome="refused", code="person_needed")
        raise Denied(
            "A token cannot create tokens.",
            code="person_needed",
            hint="Sign in to Paddock in the browser: Account › API tokens.",
        )
    expires = wish.expires_at
    if expires is not None:
        if expires.tzinfo is None:
            raise Invalid.field("expires_at", "A time with its zone, for example 2027-01-01T00:00:00Z.")
        expires = expires.astimezone(UTC)
        if expires <= ctx.now():
            raise Invalid.field("expires_at", "This time has passed.")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(
        id=new_id(),
        user_id=ctx.actor.user_id,
        name=wish.name.strip(),
        sha256=digest(token),
        prefix=token[:8],
        role=weaker(wish.role or ctx.actor.role, ctx.actor.role),
        created_at=ctx.now(),
        expires_at=expires,
        used_at=None,
    )
    async with ctx.write() as tx:
        mine = (
            await tx.session.scalars(
                select(func.lower(ApiToken.name)).where(ApiToken.user_id == ctx.actor.user_id)
            )
        ).all()
        if row.name.lower() in mine:
            message = f"You have a token {row.name} already."
            raise AlreadyExists(message, details=[Detail("name", message)])
        if len(mine) >= MOST_PER_USER:
            raise Invalid(f"At most {MOST_PER_USER} tokens. Revoke those that nobody uses.")
        tx.session.add(row)
        audit.record(
            tx, ctx, "tokens.create", audit.Target("token", row.id, row.name), detail={"role": row.role}
        )
        tx.publish(AccessChanged())
    return row, token


async def revoke_token(ctx: Context, token_id: str) -> None:
    """One's own, or with `access.edit` anybody's; it stops working at once. Raises NotFound."""
    target = audit.Target("token", token_id)
    await guard.require(ctx, "tokens.own", target=target)
    async with ctx.read() as db:
        found = await db.get(ApiToken, token_id)
    if found is None or (found.user_id != ctx.actor.user_id and not guard.may(ctx, "access.read")):
        raise NotFound(f"There is no token {token_id}.", hint="It may have been revoked already.")
    if found.user_id != ctx.actor.user_id:
        await guard.require(ctx, "access.edit", target=target)
    async with ctx.write() as tx:
        row = await tx.session.get(ApiToken, token_id)
        if row is not None:
            owner = await tx.session.scalar(select(User.name).where(User.id == row.user_id))
            audit.record(
                tx, ctx, "tokens.revoke", audit.Target("token", row.id, row.name), detail={"user": owner}
            )
            await tx.session.delete(row)
            tx.publish(AccessChanged())
    ctx.part(Doorkeeper).forget()
