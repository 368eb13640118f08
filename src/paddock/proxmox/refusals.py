"""Why Proxmox VE refuses a credential. It answers every refusal with the same 401, so only an administrator sees why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from shlex import quote
from typing import Any

from paddock.base.errors import Upstream
from paddock.proxmox.connection import Connection
from paddock.proxmox.errors import Gone
from paddock.proxmox.permissions import Permissions
from paddock.proxmox.request import path_of
from paddock.proxmox.tokens import day, number, over


@dataclass(frozen=True, slots=True)
class Seen:
    """What an administrator sees of a user or token. `user` is None where it does not exist."""

    user: Mapping[str, Any] | None
    permissions: Permissions | None = None
    """What the user or token may do, where that could be asked."""
    factors: bool = False
    """Whether the user has a second factor."""


@dataclass(frozen=True, slots=True)
class Cause:
    """`code` is stable: user_missing, user_disabled, user_expired, token_deleted, token_expired, no_rights,
    secret_wrong, two_factor, password_wrong, works."""

    code: str
    text: str
    hint: str


async def look(connection: Connection, name: str) -> Seen:
    """`name` is user@realm or user@realm!token. Needs Sys.Audit or User.Modify on /access. Raises Upstream."""
    userid = name.rpartition("!")[0] if "!" in name.rpartition("@")[2] else name
    try:
        user = await connection.get(path_of("access", "users", userid), as_type=dict[str, Any])
    except Gone:
        return Seen(None)
    try:
        permissions = await connection.get(
            "/access/permissions", {"userid": name}, as_type=dict[str, dict[str, int]]
        )
    except Upstream:
        permissions = None
    try:
        factors = await connection.get(path_of("access", "tfa", userid), as_type=list[Any])
    except Upstream:
        factors = []
    return Seen(user, permissions, bool(factors))


def judge(name: str, seen: Seen, now: datetime, *, accepted: bool | None = None) -> Cause:
    """Pure. `now` decides what has expired. `accepted` is what Proxmox VE says of the sign-in itself, None where that is
    not known: lacking rights never cause a 401 (measured on 9.2)."""
    if accepted:
        return _bare(name, seen) or Cause(
            "works",
            f"Proxmox VE accepts {name} now.",
            "Nothing has to be done: Paddock signs in with it again.",
        )
    by_token = "!" in name.rpartition("@")[2]
    userid, _, tokenid = name.rpartition("!") if by_token else (name, "", "")
    if seen.user is None:
        return Cause(
            "user_missing",
            f"The user {userid} does not exist on Proxmox VE any more, nor does any token of it.",
            "Sign in with another account, or make a new token.",
        )
    if not number(seen.user.get("enable", 1)):
        return Cause(
            "user_disabled",
            f"The user {userid} is disabled, and its tokens with it.",
            f"On a node: pveum user modify {userid} --enable 1",
        )
    if over(seen.user.get("expire"), now):
        return Cause(
            "user_expired",
            f"The account of {userid} expired on {day(seen.user.get('expire'))}, and its tokens with it.",
            f"On a node: pveum user modify {userid} --expire 0",
        )
    if by_token:
        return _token(name, userid, tokenid, seen, now, accepted)
    if seen.factors:
        return Cause(
            "two_factor",
            f"{userid} signs in with a second factor, which Paddock cannot give.",
            "Use an API token: it needs no second factor.",
        )
    bare = _bare(name, seen)
    if bare and accepted is not False:
        return bare
    return _with(
        bare,
        "password_wrong",
        f"The user {userid} exists and may sign in: the password that Paddock has is not (any more) the right one.",
        "Give the new password, or better an API token, which does not age with it.",
    )


def _token(name: str, userid: str, tokenid: str, seen: Seen, now: datetime, accepted: bool | None) -> Cause:
    tokens = (seen.user or {}).get("tokens") or {}
    token = tokens.get(tokenid) if isinstance(tokens, dict) else None
    if not isinstance(token, dict):
        return Cause(
            "token_deleted",
            f"The token {name} does not exist: it was deleted (revoked).",
            "Make a new one; its user is still there.",
        )
    if over(token.get("expire"), now):
        return Cause(
            "token_expired",
            f"The token {name} expired on {day(token.get('expire'))}.",
            f"On a node: pveum user token modify {userid} {tokenid} --expire 0",
        )
    bare = _bare(name, seen)
    if bare and accepted is not False:
        return bare
    return _with(
        bare,
        "secret_wrong",
        f"The token {name} exists and is valid, so the secret that Paddock has is not its secret: "
        "it was made anew (regenerated) since, or was mistyped.",
        "Give the new secret, or make a new token.",
    )


def _bare(name: str, seen: Seen) -> Cause | None:
    """That it holds no right at all, where that is known."""
    if seen.permissions is None or seen.permissions:
        return None
    user, by_token, _ = name.rpartition("!") if "!" in name.rpartition("@")[2] else (name, "", "")
    who = f"--users {quote(user)}" + (f" --tokens {quote(name)}" if by_token else "")
    return Cause(
        "no_rights",
        f"{name} exists, but holds no right at all."
        + (" A token with privilege separation may do what it and its user both may." if by_token else ""),
        f"On a node: pveum acl modify / {who} --roles PVEAuditor",
    )


def _with(bare: Cause | None, code: str, text: str, hint: str) -> Cause:
    """The cause, and besides it that there is no right either, which is seen once the cause is mended."""
    if bare is None:
        return Cause(code, text, hint)
    return Cause(code, f"{text} And {bare.text}", f"{hint} {bare.hint}")
