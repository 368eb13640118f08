"""The context: what every query and action is given, besides its own arguments.

`Services` are the parts of one running Paddock, built once in `app`. A `Context` is these and the actor
on whose behalf something is done. Pure modules never see either.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from paddock.base.clock import Clock
from paddock.base.db import Database
from paddock.base.errors import Conflict
from paddock.base.events import Bus, Event
from paddock.base.figures import Figures
from paddock.base.vault import Vault
from paddock.settings import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")

Objector = Callable[["Context", str], Awaitable[list[str]]]
"""Answers "who objects to removing the thing with this id?" with names for people."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an actor may see. `site_ids=None` means every site; later narrower."""

    site_ids: frozenset[str] | None = None

    @property
    def everything(self) -> bool:
        return self.site_ids is None


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it: a person, a token of a person, or Paddock itself."""

    user_id: str | None
    name: str
    role: str
    scope: Scope = EVERYTHING
    via: str = "session"
    """session · token · system"""
    token_id: str | None = None
    remote: str | None = None
    """Address of the client, for the audit."""


SYSTEM = Actor(user_id=None, name="paddock", role="system", via="system")
NOBODY = Actor(user_id=None, name="", role="nobody", scope=Scope(frozenset()), via="none")


@dataclass(slots=True)
class Services:
    """The parts of one running Paddock."""

    settings: Settings
    db: Database
    clock: Clock
    bus: Bus
    vault: Vault
    figures: Figures
    parts: dict[type[Any], Any] = field(default_factory=dict)
    """Parts of higher floors (Proxmox connections, job engine), each under its class."""
    guards: Mapping[str, list[Objector]] = field(default_factory=dict)
    """Per kind of thing, who may object to its removal; filled by `app.GUARDS`."""


@dataclass(frozen=True, slots=True)
class Write:
    """An open transaction: its session, and the events that go out after its commit."""

    session: AsyncSession
    events: list[Event]

    def publish(self, event: Event) -> None:
        self.events.append(event)


@dataclass(frozen=True, slots=True)
class Context:
    services: Services
    actor: Actor

    def now(self) -> datetime:
        return self.services.clock.now()

    @property
    def settings(self) -> Settings:
        return self.services.settings

    @property
    def figures(self) -> Figures:
        return self.services.figures

    @property
    def vault(self) -> Vault:
        return self.services.vault

    def part(self, kind: type[T]) -> T:
        """A part of a higher floor. Raises KeyError where it was not built, which is a bug in `app`."""
        found: T = self.services.parts[kind]
        return found

    def acting_as(self, actor: Actor) -> Context:
        return replace(self, actor=actor)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session that cannot write."""
        async with self.services.db.read() as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Write]:
        """One short transaction; its events are delivered after the commit. Never open during a call to Proxmox or DNS.

        Raises Conflict where somebody else has just written what the database allows once only.
        """
        events: list[Event] = []
        try:
            async with self.services.db.write() as session:
                yield Write(session, events)
        except IntegrityError as error:
            log.info("a transaction was refused: %s", error.orig)
            raise Conflict(
                "Somebody else has just changed the same; nothing of this was written.",
                hint="Read it again, and repeat your change.",
            ) from error
        self.services.bus.deliver(events)

    async def objections(self, kind: str, id: str) -> list[str]:
        """Who objects to the removal of a thing of a lower floor, in words for people."""
        found: list[str] = []
        for ask in self.services.guards.get(kind, ()):
            found.extend(await ask(self, id))
        return found
