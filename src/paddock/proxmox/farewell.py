"""What an administrator's password once made on Proxmox VE for Paddock is taken away again.

What others use stays: a user with another token, a role that somebody else holds. Proxmox VE itself deletes both
without a question.
"""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from typing import Any

from paddock.base.errors import Upstream
from paddock.proxmox import reads
from paddock.proxmox.connection import Connection
from paddock.proxmox.errors import Forbidden, Gone
from paddock.proxmox.permissions import Lack
from paddock.proxmox.request import Params, path_of
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
    """`gone` and `kept` name things as `token x` or `user y`, the kept ones with the reason; `commands` are for the
    rest, which Proxmox VE refused to take away."""

    gone: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()

    def wire(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: list(value) for name, value in asdict(self).items()}


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
    if mine.holders:
        found.append(Lack("Permissions.Modify", "/", "take the role from its users"))
    return tuple(found)


async def take_away(connection: Connection, mine: Belongings, administrator: str) -> Farewell:
    """Deletes what is there of it; what is gone already counts as taken away. Safe to repeat.

    Raises Forbidden (code farewell_rights) with every lacking privilege before anything is deleted; Upstream where
    Proxmox VE cannot be asked.
    """
    if lacks := lacking(await reads.permissions(connection), needs(mine)):
        raise Forbidden(
            f"{administrator} may not take away what was made for Paddock: it lacks {listed(lacks)}.",
            code="farewell_rights",
            privilege=lacks[0].privilege,
            path=lacks[0].path,
            hint="Use root@pam or an account with the role Administrator on /, or run the commands that are shown instead.",
        )
    gone: list[str] = []
    kept: list[str] = []
    left: list[str] = []

    async def delete(what: str, path: str, command: str) -> None:
        if await deleted(connection, path):
            gone.append(what)
        else:
            left.append(command)

    for token in mine.tokens:
        userid, _, tokenid = token.rpartition("!")
        path = path_of("access", "users", userid, "token", tokenid)
        await delete(f"token {token}", path, token_command(token))
    for user in mine.users:
        if others := await _tokens_of(connection, user):
            kept.append(f"user {user}, which has another token: {', '.join(others)}")
        else:
            path = path_of("access", "users", user)
            await delete(f"user {user}", path, user_command(user))
    for role in mine.roles:
        await _take_from(connection, role, mine.holders)
        if holders := await _holders_of(connection, role):
            kept.append(f"role {role}, which others hold: {', '.join(holders)}")
        else:
            path = path_of("access", "roles", role)
            await delete(f"role {role}", path, role_command(role))
    return Farewell(tuple(gone), tuple(kept), tuple(left))


async def deleted(connection: Connection, path: str) -> bool:
    """Whether it is gone now. Never raises Upstream."""
    try:
        await connection.delete(path)
    except Upstream as error:
        return _missing(error)
    return True


def _missing(error: Upstream) -> bool:
    return isinstance(error, Gone) or "does not exist" in error.message or "no such" in error.message


async def _tokens_of(connection: Connection, userid: str) -> list[str]:
    try:
        rows = await connection.get(path_of("access", "users", userid, "token"), as_type=list[dict[str, Any]])
    except Upstream as error:
        if _missing(error):
            return []
        raise
    return [f"{userid}!{row.get('tokenid')}" for row in rows]


async def _take_from(connection: Connection, role: str, users: tuple[str, ...]) -> None:
    for row in await _entries(connection, role):
        if row.get("type") == "user" and row.get("ugid") in users:
            await taken(connection, str(row.get("path")), role, str(row.get("ugid")))


async def taken(connection: Connection, path: str, role: str, user: str) -> bool:
    """Whether the user holds the role on the path no longer. Never raises Upstream."""
    body: Params = {"path": path, "roles": role, "users": user, "delete": True}
    try:
        await connection.put("/access/acl", body)
    except Upstream:
        return False
    return True


async def _holders_of(connection: Connection, role: str) -> list[str]:
    return [str(row.get("ugid")) for row in await _entries(connection, role)]


async def _entries(connection: Connection, role: str) -> list[dict[str, Any]]:
    rows = await connection.get("/access/acl", as_type=list[dict[str, Any]])
    return [row for row in rows if row.get("roleid") == role]


def token_command(token: str) -> str:
    userid, _, tokenid = token.rpartition("!")
    return f"pveum user token remove {shlex.quote(userid)} {tokenid}"


def user_command(user: str) -> str:
    return f"pveum user delete {shlex.quote(user)}"


def acl_command(path: str, user: str, role: str) -> str:
    return f"pveum acl delete {path} --users {shlex.quote(user)} --roles {role}"


def role_command(role: str) -> str:
    return f"pveum role delete {role}"
