"""What an administrator's password is used for once: a role, a user and a token of Paddock's own on Proxmox VE.

Every step can be repeated, and what did not exist before can be taken back; a token of others is never touched. Paddock
keeps no right to make tokens: such a right equals root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from paddock.base.errors import Invalid, Upstream
from paddock.proxmox import reads, tokens
from paddock.proxmox.connection import Connection
from paddock.proxmox.credentials import TokenCredential
from paddock.proxmox.errors import Forbidden, Gone, Unreadable
from paddock.proxmox.farewell import (
    acl_command,
    deleted,
    role_command,
    taken,
    token_command,
    user_command,
)
from paddock.proxmox.permissions import Lack, Permissions
from paddock.proxmox.request import path_of
from paddock.proxmox.token_plan import COMMENT, USER, Entry, Plan
from paddock.proxmox.tokens import token_path
from paddock.proxmox.wanted import Level, lacking, listed, privileges


@dataclass(frozen=True, slots=True)
class Before:
    """What stood on Proxmox VE before anything was made. `role` is None where it did not exist."""

    role: tuple[str, ...] | None = None
    user: bool = False
    granted: bool = False
    """Whether the user held the role already."""

    def wire(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, found: Any) -> Before:
        return msgspec.convert(found, cls)


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was made or changed on Proxmox VE. `kind`: role · user · token · acl."""

    kind: str
    name: str
    detail: str
    verb: str = "created"


@dataclass(slots=True)
class Made:
    """The new credential, and what was done for it."""

    credential: TokenCredential
    deeds: list[Deed] = field(default_factory=list)


def needs(plan: Plan, before: Before) -> tuple[Lack, ...]:
    """What the administrator must be allowed for it."""
    realm = plan.userid.rpartition("@")[2]
    found = [Lack("User.Modify", "/access/groups", "make the token")]
    if plan.level and before.role != privileges(plan.level):
        found.append(Lack("Sys.Modify", "/access", "make the role"))
    if not before.user:
        found.append(Lack("Realm.AllocateUser", f"/access/realm/{realm}", "make the user"))
    paths = dict.fromkeys(entry.path for entry in plan.entries)
    found += [Lack("Permissions.Modify", path, "give the token its role") for path in paths]
    return tuple(found)


def everything_needed(level: Level = Level.OPERATOR) -> tuple[Lack, ...]:
    """What an administrator needs where nothing has been made yet."""
    return needs(Plan.of(level, USER, "token"), Before())


def refused(administrator: str, lacks: Sequence[Lack]) -> Forbidden:
    first = lacks[0]
    return Forbidden(
        f"{administrator} may not make a token for Paddock: it lacks {listed(lacks)}.",
        code="ceremony_rights",
        privilege=first.privilege,
        path=first.path,
        hint="Use root@pam or an account with the role Administrator on /, or let somebody run the commands "
        "that Paddock shows instead.",
    )


async def look(connection: Connection, plan: Plan, administrator: str) -> Before:
    """What is there, after the administrator's rights were looked at. Changes nothing.

    Raises Forbidden (code ceremony_rights) with every lacking privilege and its path; Invalid (code token_exists)
    beside `token`; Upstream.
    """
    rights: Permissions = await reads.permissions(connection)
    # the right to look at users comes first: without it nobody can say whether the user is there
    if lacks := lacking(rights, (Lack("User.Modify", "/access/groups", "make the token"),)):
        raise refused(administrator, lacking(rights, needs(plan, Before())) or lacks)
    before = Before(
        await _role(connection, plan.role),
        await _usable(connection, plan.userid),
        set(plan.entries) <= set(await _entries(connection, "user", plan.userid)),
    )
    if lacks := lacking(rights, needs(plan, before)):
        raise refused(administrator, lacks)
    await _own(connection, plan)
    return before


async def make(connection: Connection, plan: Plan, before: Before) -> Made:
    """Makes what is missing. The token that an earlier life of this run has made is made anew, for its secret is told
    only once.

    Raises Invalid where the token is another's, or Upstream; then `undo` takes back what was made so far.
    """
    deeds: list[Deed] = []
    cut_off = await _own(connection, plan)
    if plan.level:
        deeds += await _make_role(connection, plan.role, privileges(plan.level), before)
    if not before.user:
        body = {"userid": plan.userid, "comment": COMMENT}
        await _unless_there(connection.post, "/access/users", body, lambda: _usable(connection, plan.userid))
        deeds.append(Deed("user", plan.userid, "without a password: nobody can sign in with it"))
    if cut_off:
        await connection.delete(token_path(plan.token))
    made = await connection.post(
        token_path(plan.token), {"privsep": plan.separated, "comment": plan.comment, "expire": plan.expire}
    )
    value = made.get("value") if isinstance(made, dict) else None
    if not isinstance(value, str):
        raise Unreadable("Proxmox VE made the token, but did not tell its secret.", call="POST token")
    deeds.append(
        Deed(
            "token",
            plan.token,
            ("with privilege separation" if plan.separated else "with all rights of its user")
            + f", {tokens.ending(plan.expire)}",
        )
    )
    for entry in plan.entries if plan.separated else ():
        who = {"tokens": plan.token} | ({"users": plan.userid} if plan.level else {})
        await connection.put(
            "/access/acl", {"path": entry.path, "roles": entry.role, "propagate": entry.propagate, **who}
        )
        for one in reversed(who.values()):
            deeds.append(Deed("acl", f"{entry.path} {one}", f"role {entry.role} on {entry.path}"))
    return Made(TokenCredential.parse(plan.token, value), deeds)


async def undo(connection: Connection, plan: Plan, before: Before) -> list[str]:
    """Takes back what `make` may have made; returns what could not be taken back, as commands. Never raises Upstream."""
    left: list[str] = []
    if not await _token_taken_back(connection, plan):
        left.append(token_command(plan.token))
    if not before.user and not await _user_taken_back(connection, plan):
        left.append(user_command(plan.userid))
    if plan.level and before.user and before.role is not None and not before.granted:
        for entry in plan.entries:
            if not await taken(connection, entry.path, entry.role, plan.userid):
                left.append(acl_command(entry.path, plan.userid, entry.role))
    if plan.level and before.role is None:
        if not await deleted(connection, path_of("access", "roles", plan.role)):
            left.append(role_command(plan.role))
    elif plan.level and before.role is not None and before.role != privileges(plan.level):
        try:
            await connection.put(path_of("access", "roles", plan.role), {"privs": before.role})
        except Upstream:
            left.append(f'pveum role modify {plan.role} --privs "{" ".join(before.role)}"')
    return left


async def remove_token(connection: Connection, token: str) -> bool:
    """Whether the token is gone now, with its entries."""
    return await deleted(connection, token_path(token))


async def entries_of(connection: Connection, token: str) -> tuple[Entry, ...]:
    """The access control entries of a token, as an administrator sees them."""
    return await _entries(connection, "token", token)


async def _entries(connection: Connection, kind: str, who: str) -> tuple[Entry, ...]:
    rows = await connection.get("/access/acl", as_type=list[dict[str, Any]])
    return tuple(
        Entry(str(row.get("path")), str(row.get("roleid")), bool(int(row.get("propagate", 1))))
        for row in rows
        if row.get("type") == kind and row.get("ugid") == who
    )


async def _own(connection: Connection, plan: Plan) -> bool:
    """Whether an earlier life of this run has made the token. Raises Invalid where it is another's."""
    found = await tokens.find(connection, plan.token)
    if found is not None and found.get("comment") != plan.comment:
        raise Invalid.field(
            "token",
            f"The token {plan.token} exists on Proxmox VE already; nothing was changed.",
            code="token_exists",
            hint="Give another name, or none: then it gets one of its own. "
            "To replace the token that Paddock signs in with, rotate it.",
        )
    return found is not None


async def _token_taken_back(connection: Connection, plan: Plan) -> bool:
    try:
        return not await _own(connection, plan) or await deleted(connection, token_path(plan.token))
    except Invalid:
        return True  # another's, which stays
    except Upstream:
        return False


async def _user_taken_back(connection: Connection, plan: Plan) -> bool:
    """A user to whom somebody else has given a token meanwhile stays."""
    try:
        found = await tokens.of(connection, plan.userid)
    except Upstream:
        return False
    if any(one.get("comment") != plan.comment for one in found.values()):
        return True
    return await deleted(connection, path_of("access", "users", plan.userid))


async def _role(connection: Connection, name: str) -> tuple[str, ...] | None:
    if not name:
        return None
    for row in await connection.get("/access/roles", as_type=list[dict[str, Any]]):
        if row.get("roleid") == name:
            return tuple(sorted(one for one in str(row.get("privs") or "").split(",") if one))
    return None


async def _usable(connection: Connection, userid: str) -> bool:
    """Whether the user exists. Raises Upstream where it is switched off, for its tokens would be refused."""
    try:
        found = await connection.get(path_of("access", "users", userid), as_type=dict[str, Any])
    except Gone:
        return False
    if not int(found.get("enable", 1)):
        raise Upstream(
            f"The user {userid} exists on Proxmox VE, but is disabled; its tokens would be refused.",
            code="user_disabled",
            hint=f"On a node: pveum user modify {userid} --enable 1",
        )
    return True


async def _make_role(
    connection: Connection, name: str, wanted: tuple[str, ...], before: Before
) -> list[Deed]:
    detail = ", ".join(wanted)
    if before.role is None:
        await _unless_there(
            connection.post,
            "/access/roles",
            {"roleid": name, "privs": wanted},
            lambda: _role_is(connection, name, wanted),
        )
        return [Deed("role", name, detail)]
    if before.role != wanted:
        await connection.put(path_of("access", "roles", name), {"privs": wanted})
        return [Deed("role", name, f"{detail}. Before: {', '.join(before.role) or 'nothing'}", "changed")]
    return []


async def _role_is(connection: Connection, name: str, wanted: tuple[str, ...]) -> bool:
    return await _role(connection, name) == wanted


async def _unless_there(
    post: Callable[..., Any], path: str, body: dict[str, Any], there: Callable[[], Any]
) -> None:
    """A creation; that it exists already is no failure, for an earlier life of the job may have made it."""
    try:
        await post(path, body)
    except Upstream:
        if not await there():
            raise
