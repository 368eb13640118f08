"""API tokens on Proxmox VE, as an administrator sees them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from paddock.proxmox.connection import Connection
from paddock.proxmox.errors import Gone
from paddock.proxmox.request import path_of

_LAST = 253_402_300_799  # the last second that a date can say


def token_path(token: str) -> str:
    userid, _, tokenid = token.rpartition("!")
    return path_of("access", "users", userid, "token", tokenid)


async def find(connection: Connection, token: str) -> Mapping[str, Any] | None:
    """Its `privsep`, `expire` (s, 0 is never) and `comment`; None where it or its user does not exist.

    Raises Upstream.
    """
    userid, _, tokenid = token.rpartition("!")
    return (await of(connection, userid)).get(tokenid)


async def of(connection: Connection, userid: str) -> Mapping[str, Mapping[str, Any]]:
    """The tokens of a user by name; none where there is no such user. Raises Upstream.

    The user is asked for: a token of a user who does not exist answers 403 to all but root.
    """
    try:
        user = await connection.get(path_of("access", "users", userid), as_type=dict[str, Any])
    except Gone:
        return {}
    rows = user.get("tokens")
    return rows if isinstance(rows, dict) else {}


def ending(expire: int) -> str:
    """until 2027-01-31 00:00 UTC · without an end"""
    return f"until {day(expire)}" if expire else "without an end"


def number(value: Any) -> int:
    """Whatever Proxmox VE sends as a number; 0 where it is none."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def over(expire: Any, now: datetime) -> bool:
    seconds = number(expire)
    return 0 < seconds <= now.timestamp()


def day(expire: Any) -> str:
    return datetime.fromtimestamp(min(number(expire), _LAST), UTC).strftime("%Y-%m-%d %H:%M UTC")
