"""Tries a credential at the members of a cluster, one by one, before anybody relies on it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from paddock.base.errors import Upstream
from paddock.proxmox import reads
from paddock.proxmox.connection import Connection
from paddock.proxmox.credentials import Credential, PasswordCredential
from paddock.proxmox.errors import LoginRefused
from paddock.proxmox.members import Member
from paddock.proxmox.permissions import Permissions
from paddock.proxmox.transport import HttpTransport, Transport

MEMBER_SECONDS = 10.0
"""A refusal alone takes Proxmox VE 3 s."""
AT_ONCE = 16
REFUSALS_OF_A_PASSWORD = 2
"""Members that are asked with a password before it is given up: more could lock the account (LDAP, AD)."""


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Proxmox VE does not accept the credential there."""
    UNREACHED = "unreached"
    """Nothing can be said: not reached, not trusted, or no sensible answer."""
    SPARED = "spared"
    """Not tried, because others have refused the password."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of it at one member. `permissions` where it was accepted."""

    member: str
    outcome: Outcome
    error: Upstream | None = None
    permissions: Permissions | None = None

    @property
    def text(self) -> str:
        if self.outcome is Outcome.SPARED:
            return "Not tried: another member has refused it."
        return "Accepted." if self.error is None else self.error.message


@dataclass(frozen=True, slots=True)
class Trial:
    """All members, in the order in which they were given."""

    tried: tuple[Tried, ...]

    def only(self, outcome: Outcome) -> tuple[Tried, ...]:
        return tuple(one for one in self.tried if one.outcome is outcome)

    @property
    def everywhere(self) -> bool:
        return bool(self.tried) and all(one.outcome is Outcome.ACCEPTED for one in self.tried)

    @property
    def permissions(self) -> Permissions | None:
        """What the credential may do; the same on every member. None where nobody accepted it."""
        return next((one.permissions for one in self.tried if one.permissions is not None), None)

    @property
    def refusal(self) -> Upstream | None:
        """The first refusal, else why nobody accepted it; None where all is well as far as could be asked."""
        for one in self.only(Outcome.REFUSED):
            return one.error
        if not self.only(Outcome.ACCEPTED):
            return next((one.error for one in self.tried if one.error is not None), None)
        return None


async def prove(
    members: Sequence[Member], credential: Credential, *, transport: Transport | None = None
) -> Trial:
    """Signs in at every member by itself and asks what the credential may do. Never raises Upstream.

    A password counts per node in the realm pam, so it is tried everywhere too, but no further once two members
    have refused it.
    """
    own = transport is None
    transport = transport or HttpTransport()
    try:
        if isinstance(credential, PasswordCredential):
            found = await _carefully(members, credential, transport)
        else:
            found = await _all(members, credential, transport)
    finally:
        if own:
            await transport.close()
    return Trial(tuple(found))


async def _carefully(
    members: Sequence[Member], credential: PasswordCredential, transport: Transport
) -> list[Tried]:
    """One after the other until the first accepts it; then all others at once."""
    found: list[Tried] = []
    for position, member in enumerate(members):
        tried = await _one(member, credential, transport)
        found.append(tried)
        rest = members[position + 1 :]
        if tried.outcome is Outcome.ACCEPTED:
            return found + await _all(rest, credential, transport)
        if sum(one.outcome is Outcome.REFUSED for one in found) >= REFUSALS_OF_A_PASSWORD:
            return found + [Tried(one.name, Outcome.SPARED) for one in rest]
    return found


async def _all(members: Sequence[Member], credential: Credential, transport: Transport) -> list[Tried]:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(member: Member) -> Tried:
        async with slots:
            return await _one(member, credential, transport)

    return list(await asyncio.gather(*map(one, members)))


async def _one(member: Member, credential: Credential, transport: Transport) -> Tried:
    connection = Connection(member.name, [member], credential, transport)
    try:
        async with asyncio.timeout(MEMBER_SECONDS):
            permissions = await reads.permissions(connection)
    except LoginRefused as error:
        return Tried(member.name, Outcome.REFUSED, error)
    except Upstream as error:
        return Tried(member.name, Outcome.UNREACHED, error)
    except TimeoutError:
        late = Upstream(f"No answer within {MEMBER_SECONDS:.0f} s.", code="timed_out")
        return Tried(member.name, Outcome.UNREACHED, late)
    return Tried(member.name, Outcome.ACCEPTED, permissions=permissions)
