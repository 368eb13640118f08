"""Protection against forged requests: a token bound to the session, masked anew in every reply.

The token is an HMAC keyed with the session's cookie, so nothing needs to be stored. The mask keeps it from
being guessed through the length of compressed replies (BREACH).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

from paddock.settings import Settings

FIELD = "_csrf"
HEADER = "x-csrf-token"
_LENGTH = 32


def session_cookie(settings: Settings) -> str:
    """Name of the session's cookie. `__Host-` binds it to this host, but demands the path /."""
    return "__Host-paddock" if settings.secure and not settings.root_path else "paddock"


def masked_token(cookie: str) -> str:
    """A token for this session; different each time, always valid."""
    mask = secrets.token_bytes(_LENGTH)
    return base64.urlsafe_b64encode(mask + _xor(mask, _token(cookie))).decode()


def fits(cookie: str, given: str) -> bool:
    try:
        raw = base64.urlsafe_b64decode(given.encode())
    except (binascii.Error, ValueError):
        return False
    if len(raw) != 2 * _LENGTH:
        return False
    return hmac.compare_digest(_xor(raw[:_LENGTH], raw[_LENGTH:]), _token(cookie))


def _token(cookie: str) -> bytes:
    return hmac.new(cookie.encode(), b"paddock csrf v1", hashlib.sha256).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
