"""Knows who comes in: turns a cookie or an API token into an actor, with one query and a short memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select, update

from paddock.access.model import ApiToken, Session, User
from paddock.access.passwords import Passwords
from paddock.access.rights import weaker
from paddock.access.throttle import SignInThrottle, Throttle
from paddock.base.context import Actor, Services

MEMORY = timedelta(seconds=5)
"""How long an answer is remembered. What is revoked in this process is forgotten at once."""
TOUCH = timedelta(minutes=1)
"""How often the time of last use is written."""
TOKEN_PREFIX = "pdk_"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Known:
    """Who a cookie or token belongs to, as read at `at`."""

    actor: Actor
    at: datetime
    used_at: datetime | None
    expires_at: datetime | None


class Doorkeeper:
    """One per process, a part of `Services`."""

    def __init__(self, passwords: Passwords | None = None) -> None:
        self.passwords = passwords or Passwords()
        self.sign_ins = SignInThrottle()
        self.password_changes = Throttle(free=3)
        self._known: dict[str, Known] = {}
        self._generation = 0

    def forget(self) -> None:
        """After a session, token or user was changed."""
        self._known.clear()
        self._generation += 1

    async def session(self, services: Services, cookie: str, *, person: bool) -> Actor | None:
        """The actor of a session cookie, or None. `person=False` for what a page does by itself: it does not count as use."""
        key, now = digest(cookie), services.clock.now()
        idle = timedelta(minutes=services.settings.session_idle_minutes)
        # From before the reading: what is revoked meanwhile must not be remembered.
        generation = self._generation
        known = await self._look(services, key, now)
        if known is None or (known.expires_at and known.expires_at <= now):
            return None
        if known.used_at is not None and known.used_at + idle <= now:
            return None
        if person and (known.used_at is None or now - known.used_at >= TOUCH):
            async with services.db.write() as session:
                await session.execute(update(Session).where(Session.id == key).values(seen_at=now))
            self._remember(key, replace(known, used_at=now), generation)
        return known.actor

    async def token(self, services: Services, token: str) -> Actor | None:
        """The actor of an API token, or None where it is unknown, expired, or its user disabled."""
        if not token.startswith(TOKEN_PREFIX):
            return None
        key, now = digest(token), services.clock.now()
        generation = self._generation
        known = await self._look(services, key, now, token=True)
        if known is None or (known.expires_at and known.expires_at <= now):
            return None
        if known.used_at is None or now - known.used_at >= TOUCH:
            async with services.db.write() as session:
                await session.execute(update(ApiToken).where(ApiToken.sha256 == key).values(used_at=now))
            self._remember(key, replace(known, used_at=now), generation)
        return known.actor

    async def _look(
        self, services: Services, key: str, now: datetime, *, token: bool = False
    ) -> Known | None:
        known = self._known.get(key)
        if known is not None and now - known.at < MEMORY:
            return known
        generation = self._generation
        found = await (_token(services, key, now) if token else _session(services, key, now))
        if found is None:
            self._known.pop(key, None)
        else:
            self._remember(key, found, generation)
        return found

    def _remember(self, key: str, known: Known, generation: int) -> None:
        """Unless something was revoked since it was read: then the answer may be the one of before."""
        if generation != self._generation:
            return
        if len(self._known) > 10_000:
            self._known.clear()
        self._known[key] = known


async def _session(services: Services, key: str, now: datetime) -> Known | None:
    query = (
        select(Session.seen_at, Session.expires_at, User.id, User.name, User.role)
        .join(User, User.id == Session.user_id)
        .where(Session.id == key, User.disabled.is_(False))
    )
    async with services.db.read() as db:
        row = (await db.execute(query)).one_or_none()
    if row is None:
        return None
    seen_at, expires_at, id, name, role = row
    return Known(Actor(id, name, role, via="session"), now, seen_at, expires_at)


async def _token(services: Services, key: str, now: datetime) -> Known | None:
    query = (
        select(
            ApiToken.id, ApiToken.role, ApiToken.used_at, ApiToken.expires_at, User.id, User.name, User.role
        )
        .join(User, User.id == ApiToken.user_id)
        .where(ApiToken.sha256 == key, User.disabled.is_(False))
    )
    async with services.db.read() as db:
        row = (await db.execute(query)).one_or_none()
    if row is None:
        return None
    token_id, token_role, used_at, expires_at, id, name, role = row
    actor = Actor(id, name, weaker(token_role, role), via="token", token_id=token_id)
    return Known(actor, now, used_at, expires_at)


def digest(value: str) -> str:
    """SHA-256 in hex. Enough for values of 256 random bits: there is nothing to guess."""
    return hashlib.sha256(value.encode()).hexdigest()
