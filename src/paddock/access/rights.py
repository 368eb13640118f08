"""What each role may do. Pure: a permission is a text "noun.verb", a role a set of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Holder(Protocol):
    """Whoever has a role: in practice `base.context.Actor`."""

    @property
    def role(self) -> str: ...


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


OWN = frozenset({"account.own", "tokens.own", "sessions.own"})
"""What everybody may do with what is theirs."""

READ = frozenset(
    {
        "overview.read",
        "sites.read",
        "clusters.read",
        "nodes.read",
        "storages.read",
        "containers.read",
        "jobs.read",
        "access.read",
        "audit.read",
    }
)

EDIT = frozenset(
    {
        "sites.create",
        "sites.edit",
        "sites.delete",
        "clusters.edit",
        "clusters.remove",
        "nodes.import",
        "nodes.edit",
        "nodes.remove",
        "nodes.diagnose",
        "containers.edit",
        "jobs.cancel",
        "jobs.retry",
        "access.edit",
    }
)

RUN = frozenset({"process.read"})
"""What concerns the process that serves Paddock, not what it manages."""

PERMISSIONS = OWN | READ | EDIT | RUN

ROLES: dict[str, frozenset[str]] = {
    Role.ADMINISTRATOR: PERMISSIONS,
    Role.AUDITOR: READ | OWN,
}

ROLE_WORDS = {
    Role.ADMINISTRATOR: "May see and change everything.",
    Role.AUDITOR: "May see everything and change nothing.",
}


def allowed(actor: Holder, permission: str) -> bool:
    """Whether the actor has the permission. Raises KeyError for a permission that does not exist: a bug."""
    if permission not in PERMISSIONS:
        raise KeyError(f"no such permission: {permission}")
    if actor.role == "system":
        return True
    return permission in ROLES.get(actor.role, frozenset())


def weaker(one: str, other: str) -> str:
    """The role that may do less; a token never does more than its user."""
    return one if ROLES.get(one, frozenset()) <= ROLES.get(other, frozenset()) else other
