"""Passwords: what is asked of them, and Argon2 in a thread so that nobody else waits."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from paddock.base.errors import Invalid, Throttled

LEAST = 12
MOST = 1000
_AT_ONCE = 2
"""Each hash takes 64 MiB for its moment; more at once would let strangers fill the memory."""
_IN_LINE = 32
"""How many may be there in all, at work and waiting: some two seconds' worth."""

_COMMON = frozenset(
    [
        "password",
        "passwort",
        "administrator",
        "adminadmin",
        "letmein",
        "welcome",
        "qwertyuiop",
        "qwertzuiop",
        "iloveyou",
        "changeme",
        "changemenow",
        "proxmox",
        "paddock",
        "secret",
        "default",
        "monkey",
        "dragon",
        "football",
        "princess",
        "abcdefghijkl",
        "1q2w3e4r5t6y",
        "zaq12wsxcde3",
        "correcthorsebatterystaple",
        "trustno1",
        "passw0rd",
        "p@ssw0rd",
    ]
)


def check(password: str, *, name: str = "", field: str = "password") -> None:
    """Raises Invalid unless the password is long enough and not one that everybody tries first."""
    if len(password) < LEAST:
        raise Invalid.field(
            field, f"At least {LEAST} characters. Several words in a row are easy to remember."
        )
    if len(password) > MOST:
        raise Invalid.field(field, f"At most {MOST} characters.")
    folded = password.casefold()
    core = folded.strip("0123456789!?.,-_*#$ ")
    if name and len(name) > 2 and core == name.casefold():
        raise Invalid.field(field, "The password is your user name with something around it. Choose another.")
    if core in _COMMON or folded.isdigit() or len(set(folded)) < 5 or _is_run(folded) or _repeats(folded):
        raise Invalid.field(field, "This password is among the first that anybody would try. Choose another.")


class Passwords:
    """Hashes and verifies with Argon2id. Raises Throttled where too many wait already."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._present = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        async with self._turn():
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, stored: str, password: str) -> bool:
        """Whether the password fits. Takes the same time where there is no such user (`stored` is empty)."""
        if self._nobody is None:
            self._nobody = await self.hash(secrets.token_urlsafe(32))
        async with self._turn():
            fits = await asyncio.to_thread(self._verify, stored or self._nobody, password)
        return fits and bool(stored)

    def admit(self) -> None:
        """Raises Throttled where the line is full."""
        if self._present >= _IN_LINE:
            raise Throttled("Too many people sign in at this moment. Try again in a few seconds.", seconds=3)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        self.admit()
        self._present += 1
        try:
            async with self._gate:
                yield
        finally:
            self._present -= 1

    def is_old(self, stored: str) -> bool:
        """Whether it was hashed with weaker parameters than today's, and should be hashed again."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password[: MOST + 1])
        except (VerificationError, InvalidHashError):
            return False


def _is_run(text: str) -> bool:
    steps = {ord(b) - ord(a) for a, b in itertools.pairwise(text)}
    return len(steps) == 1


def _repeats(text: str) -> bool:
    """Whether a short piece is only repeated: "abcabcabcabc"."""
    return any(
        len(text) % size == 0 and text == text[:size] * (len(text) // size)
        for size in range(1, min(5, len(text) // 2 + 1))
    )
