"""Tickets and CSRF tokens: signed, two hours of life, valid on every node of the cluster.

Source: pve-access-control `AccessControl.pm` (lifetime 2 h, 300 s grace for clocks that differ).
Real tickets carry an RSA signature; ours is as long, but keyed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

LIFETIME = 7200
GRACE = 300

_TICKET = re.compile(r"PVE:(.+?):([0-9A-F]{8})::(.+)", re.DOTALL)
_CSRF = re.compile(r"([0-9A-F]{8}):(.+)", re.DOTALL)


class Tickets:
    """Makes and checks a cluster's tickets."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @property
    def key(self) -> bytes:
        return self._key

    def ticket(self, user: str, at: float, bound_to: str = "") -> str:
        """`bound_to`: for a challenge, the user who has to answer it."""
        head = f"PVE:{user}:{int(at):08X}"
        return f"{head}::{self._signature(head + bound_to)}"

    def csrf(self, user: str, at: float) -> str:
        stamp = f"{int(at):08X}"
        mac = hmac.new(self._key, f"csrf:{stamp}:{user}".encode(), hashlib.sha256).digest()
        return f"{stamp}:{base64.b64encode(mac).decode().rstrip('=')}"

    def owner(self, ticket: str, now: float, bound_to: str = "") -> str | None:
        """The user of a good ticket; None for a forged, expired or future one."""
        match = _TICKET.fullmatch(ticket)
        if match is None or not _fresh(match[2], now):
            return None
        expected = self._signature(f"PVE:{match[1]}:{match[2]}{bound_to}")
        return match[1] if hmac.compare_digest(expected.encode(), match[3].encode()) else None

    def csrf_valid(self, token: str, user: str, now: float) -> bool:
        match = _CSRF.fullmatch(token)
        if match is None or not _fresh(match[1], now):
            return False
        return hmac.compare_digest(self.csrf(user, int(match[1], 16)).encode(), token.encode())

    def _signature(self, text: str) -> str:
        parts = (hmac.new(self._key, f"{n}:{text}".encode(), hashlib.sha512).digest() for n in range(4))
        return base64.b64encode(b"".join(parts)).decode()


def _fresh(stamp: str, now: float) -> bool:
    age = now - int(stamp, 16)
    return -GRACE < age < LIFETIME
