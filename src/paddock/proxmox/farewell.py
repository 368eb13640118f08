"""What an administrator's password once made on Proxmox VE for Paddock is taken away again.

What others use stays: a user with another token, a role that somebody else holds. Proxmox VE itself deletes both
without a question.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from paddock.base.errors import Upstream
from paddock.proxmox import reads
from paddock.proxmox.connection import Connection
from paddock.proxmox.errors import Forbidden, Gone
from paddock.proxmox.permissions import Lack
from paddock.proxmox.request import Params, path_of
from paddock.proxmox.tokens import token_path
from paddock.proxmox.wanted import lacking, listed


@dataclass(frozen=True, slots=True)
class Belongings:
    """What was made: tokens as USER@REALM!NAME, users and roles by name.

    `holders` are the users that were given one of the roles, those that had been there before included.
    """

    tokens: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tokens or self.users or self.roles)

    @property
    def names(self) -> tuple[str, ...]:
        return (
            *(f"token {name}" for name in self.tokens),
            *(f"user {name}" for name in self.users),
            *(f"role {name}" for name in self.roles),
        )


@dataclass(frozen=True, slots=True)
class Farewell:
    """What became of it. `gone` and `kept` name things as `token x` or `user y`, the kept ones with the reason;
    `commands` are for what is still there and was not kept for others, and `why` says why Proxmox VE refused it."""

    gone: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    why: str = ""

    def wire(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def read(cls, found: Any) -> Farewell:
        """Out of what `wire` gave."""
        return msgspec.convert(found, cls)


def commands(mine: Belongings) -> tuple[str, ...]:
    """What a person runs on any node instead."""
    return (
        *(token_command(token) for token in mine.tokens),
        *(
            acl_command("/", user, role)
            for user in mine.holders
            if user not in mine.users
            for role in mine.roles
        ),
        *(user_command(user) for user in mine.users),
        *(role_command(role) for role in mine.roles),
    )


def needs(mine: Belongings) -> tuple[Lack, ...]:
    """What the administrator must be allowed for it."""
    found = [Lack("User.Modify", "/access/groups", "take the token away")]
    realms = dict.fromkeys(user.rpartition("@")[2] for user in mine.users)
    found += [Lack("Realm.AllocateUser", f"/access/realm/{realm}", "delete the user") for realm in realms]
    if mine.roles:
        found.append(Lack("Sys.Modify", "/access", "delete the role"))
    if mine.roles or mine.holders:
        found.append(
            Lack("Permissions.Modify", "/", "see who else holds the role, and take it from its users")
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Found:
    """What stands on Proxmox VE before anything is deleted: the access control list, and of each user its tokens, as
    USER@REALM!NAME, and its groups."""

    entries: tuple[Mapping[str, Any], ...]
    tokens: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to delete: what, the path of its DELETE or the entry to take away, and the command for a person."""

    what: str
    command: str
    path: str = ""
    entry: tuple[str, str, str] | None = None
    """(path, role, user)"""


def plan(mine: Belongings, found: Found) -> tuple[list[Change], list[str]]:
    """What to delete, in this order, and what is kept for others, with the reason. Pure.

    A token may do no more than its user, so the role stays with a user that has tokens of others.
    """
    others = {
        user: [token for token in found.tokens.get(user, ()) if token not in mine.tokens]
        for user in {*mine.users, *mine.holders}
    }
    kept: list[str] = []
    users = []
    for user in mine.users:
        if why := _needed(user, others[user], mine, found):
            kept.append(f"user {user}, {why}")
        else:
            users.append(user)
    changes = [Change(f"token {token}", token_command(token), token_path(token)) for token in mine.tokens]
    roles = []
    for role in mine.roles:
        rows = [row for row in found.entries if row.get("roleid") == role]
        ours = [row for row in rows if row.get("ugid") in mine.holders and not others[str(row.get("ugid"))]]
        rest = [
            str(row.get("ugid"))
            for row in rows
            if row not in ours and row.get("ugid") not in {*mine.tokens, *users}
        ]
        for row in ours:
            path, user = str(row.get("path")), str(row.get("ugid"))
            if user not in users:
                entry = (path, role, user)
                changes.append(Change(f"role {role} of {user}", acl_command(path, user, role), entry=entry))
        if rest:
            kept.append(f"role {role}, which others hold: {', '.join(dict.fromkeys(rest))}")
        else:
            roles.append(role)
    changes += [
        Change(f"user {user}", user_command(user), path_of("access", "users", user)) for user in users
    ]
    changes += [
        Change(f"role {role}", role_command(role), path_of("access", "roles", role)) for role in roles
    ]
    return changes, kept


def _needed(user: str, tokens: Sequence[str], mine: Belongings, found: Found) -> str:
    """Why somebody else needs the user; empty where nobody seems to. A password cannot be seen."""
    if tokens:
        return f"which has another token: {', '.join(tokens)}"
    roles = {
        str(row.get("roleid"))
        for row in found.entries
        if row.get("type") == "user" and row.get("ugid") == user and row.get("roleid") not in mine.roles
    }
    if roles:
        return f"which was given more: {', '.join(sorted(roles))}"
    if groups := found.groups.get(user):
        return f"which is in a group: {', '.join(groups)}"
    return ""


async def take_away(connection: Connection, mine: Belongings, administrator: str) -> Farewell:
    """Deletes what is there of it; what is gone already counts as taken away. Safe to repeat.

    Everything is read before anything is deleted. Raises Forbidden (code farewell_rights) with every lacking
    privilege, or Upstream, as long as nothing has changed; after the first change it ends, and says what is left.
    """
    if lacks := lacking(await reads.permissions(connection), needs(mine)):
        raise Forbidden(
            f"{administrator} may not take away what was made for Paddock: it lacks {listed(lacks)}.",
            code="farewell_rights",
            privilege=lacks[0].privilege,
            path=lacks[0].path,
            hint="Use root@pam or an account with the role Administrator on /, or run the commands that are shown instead.",
        )
    changes, kept = plan(mine, await _look(connection, mine))
    gone: list[str] = []
    left: list[str] = []
    why = ""
    for change in changes:
        try:
            await _do(connection, change)
        except Upstream as error:
            if not gone:
                raise
            why = why or error.message
            left.append(change.command)
        else:
            gone.append(change.what)
    return Farewell(tuple(gone), tuple(kept), tuple(left), why)


async def _look(connection: Connection, mine: Belongings) -> Found:
    entries = await connection.get("/access/acl", as_type=list[dict[str, Any]])
    tokens: dict[str, tuple[str, ...]] = {}
    groups: dict[str, tuple[str, ...]] = {}
    for user in dict.fromkeys((*mine.users, *mine.holders)):
        try:
            row = await connection.get(path_of("access", "users", user), as_type=dict[str, Any])
            rows = await connection.get(
                path_of("access", "users", user, "token"), as_type=list[dict[str, Any]]
            )
        except Upstream as error:
            if not _missing(error):
                raise
            continue
        tokens[user] = tuple(f"{user}!{one.get('tokenid')}" for one in rows)
        listed_groups = row.get("groups") or ()
        groups[user] = tuple(str(one) for one in listed_groups) if isinstance(listed_groups, list) else ()
    return Found(tuple(entries), tokens, groups)


async def _do(connection: Connection, change: Change) -> None:
    """Raises Upstream; that the thing is gone already is no failure."""
    if change.entry is not None:
        await _take(connection, *change.entry)
    else:
        await _delete(connection, change.path)


async def deleted(connection: Connection, path: str) -> bool:
    """Whether it is gone now. Never raises Upstream."""
    try:
        await _delete(connection, path)
    except Upstream:
        return False
    return True


async def taken(connection: Connection, path: str, role: str, user: str) -> bool:
    """Whether the user holds the role on the path no longer. Never raises Upstream."""
    try:
        await _take(connection, path, role, user)
    except Upstream:
        return False
    return True


async def _delete(connection: Connection, path: str) -> None:
    try:
        await connection.delete(path)
    except Upstream as error:
        if not _missing(error):
            raise


async def _take(connection: Connection, path: str, role: str, user: str) -> None:
    body: Params = {"path": path, "roles": role, "users": user, "delete": True}
    await connection.put("/access/acl", body)


def _missing(error: Upstream) -> bool:
    return isinstance(error, Gone) or "does not exist" in error.message or "no such" in error.message


def token_command(token: str) -> str:
    userid, _, tokenid = token.rpartition("!")
    return f"pveum user token remove {shlex.quote(userid)} {tokenid}"


def user_command(user: str) -> str:
    return f"pveum user delete {shlex.quote(user)}"


def acl_command(path: str, user: str, role: str) -> str:
    return f"pveum acl delete {path} --users {shlex.quote(user)} --roles {role}"


def role_command(role: str) -> str:
    return f"pveum role delete {role}"
