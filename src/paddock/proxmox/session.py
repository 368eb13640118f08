"""Signing in: one proof for all members of a cluster, renewed in time, and not hammered when refused.

Tickets and tokens count on every member. A ticket lives 2 h and is renewed with itself as the password; every
401 costs Proxmox VE 3 s, and hammering with a stale password may lock an account elsewhere (LDAP, AD).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import msgspec

from paddock.base.errors import Upstream
from paddock.base.vault import Secret
from paddock.proxmox import breaker
from paddock.proxmox.answers import Answer, Asked, Proof, two_factor_required
from paddock.proxmox.credentials import Credential, PasswordCredential, TokenCredential
from paddock.proxmox.decoding import read_json
from paddock.proxmox.errors import LoginRefused, Unreadable
from paddock.proxmox.request import Request, encode

TICKET_SECONDS = 2 * 3600.0
RENEW_SECONDS = 3600.0
# A ticket this young that is refused is not stale; the member's clock or key differs.
FRESH_SECONDS = 30.0
TICKET_PATH = "/access/ticket"

Login = Callable[[Request], Awaitable[Answer]]
"""Sends the sign-in, failing over. Raises LoginRefused for a 401 that stands, Upstream where nobody answers."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What goes along with a request."""

    kind: Proof
    headers: Mapping[str, str] = field(repr=False)
    csrf: Mapping[str, str] = field(default_factory=dict, repr=False)
    since: float = 0.0

    def on(self, request: Request) -> Request:
        headers = self.headers if request.reads else {**self.headers, **self.csrf}
        return replace(request, headers=headers)


class _Ticket(msgspec.Struct):
    ticket: str | None = None
    csrf: str | None = msgspec.field(default=None, name="CSRFPreventionToken")
    needs_tfa: int | None = msgspec.field(default=None, name="NeedTFA")


class _TicketAnswer(msgspec.Struct):
    data: _Ticket


class Session:
    """Holds the proof. `refusal` is set while the sign-in breaker is open: Proxmox VE refused the credential."""

    def __init__(
        self,
        credential: Credential,
        login: Login,
        *,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._login = login
        self._now = now
        self._chance = chance
        self.change(credential)

    def change(self, credential: Credential) -> None:
        """A new credential: forgets the old proof and closes the breaker."""
        self._credential = credential
        self._pass: Pass | None = None
        self._ticket: Secret | None = None
        self._flight: asyncio.Task[Pass] | None = None
        patience = breaker.TOKEN if isinstance(credential, TokenCredential) else breaker.PASSWORD
        self._breaker = breaker.Breaker(patience, now=self._now, chance=self._chance)

    @property
    def refusal(self) -> LoginRefused | None:
        return self._breaker.refusal

    def accepted(self, proof: Pass) -> None:
        """A member took this proof."""
        if self._pass is proof:
            self._breaker.accepted()

    def retry(self) -> None:
        """Closes the breaker, so that the next call tries the same credential once more."""
        self._breaker.close()

    async def proof(self) -> Pass:
        """Raises LoginRefused at once while the breaker is open; Upstream where nobody can be asked."""
        self._breaker.enter()
        if isinstance(self._credential, TokenCredential):
            return self._token(self._credential)
        current = self._pass
        if current is None:
            return await self._sign_in()
        age = self._now() - current.since
        if age < RENEW_SECONDS:
            return current
        try:
            return await self._sign_in()
        except LoginRefused:
            raise
        except Upstream:
            if age < TICKET_SECONDS:
                return current
            raise

    async def after_refusal(self, used: Pass, error: LoginRefused) -> Pass:
        """A better proof than the one that was refused with 401. Raises LoginRefused where there is none."""
        if used.kind is Proof.TOKEN:
            if self._pass is used:
                self._breaker.refused(error)
            raise error
        if self.refusal is not None:
            raise self.refusal.with_traceback(None)
        if self._pass is not None and self._pass is not used:
            return self._pass
        if self.is_fresh(used):
            raise error
        self._pass, self._ticket = None, None
        return await self._sign_in()

    def is_fresh(self, proof: Pass) -> bool:
        """Too young to be stale."""
        return proof.kind is Proof.TICKET and self._now() - proof.since < FRESH_SECONDS

    def _token(self, credential: TokenCredential) -> Pass:
        if self._pass is None:
            value = f"PVEAPIToken={credential.token_id}={credential.secret.reveal()}"
            self._pass = Pass(Proof.TOKEN, {"Authorization": value})
        return self._pass

    async def _sign_in(self) -> Pass:
        """One sign-in at a time, shared by all who wait; it goes on when the first of them gives up."""
        if self._flight is None or self._flight.done():
            self._flight = asyncio.create_task(self._fetch(self._credential, self._ticket))
            self._flight.add_done_callback(_seen)
        return await asyncio.shield(self._flight)

    async def _fetch(self, credential: Credential, ticket: Secret | None) -> Pass:
        assert not isinstance(credential, TokenCredential)
        since = self._now()
        try:
            got = await self._ticket_for(credential, ticket)
        except LoginRefused as error:
            if self._credential is credential:
                self._breaker.refused(error)
            raise
        assert got.ticket is not None
        found = Pass(
            Proof.TICKET,
            {"Cookie": f"PVEAuthCookie={quote(got.ticket, safe='')}"},
            {"CSRFPreventionToken": got.csrf or ""},
            since,
        )
        if self._credential is credential:
            self._pass, self._ticket = found, Secret(got.ticket)
            self._breaker.close()
        return found

    async def _ticket_for(self, credential: PasswordCredential, ticket: Secret | None) -> _Ticket:
        """The old ticket first, where there is one: it renews even when the password has changed."""
        if ticket is not None:
            with contextlib.suppress(LoginRefused):
                return _read(await self._login(_form(credential.username, ticket)))
        return _read(await self._login(_form(credential.username, credential.password)))


def _seen(flight: asyncio.Task[Pass]) -> None:
    """All who waited may have given up; its failure is then nobody's news."""
    if not flight.cancelled():
        flight.exception()


def _form(username: str, password: Secret) -> Request:
    # It changes nothing: repeating a sign-in does no harm.
    form = encode({"username": username, "password": password.reveal()})
    return Request("POST", TICKET_PATH, form=form, reads=True)


def _read(answer: Answer) -> _Ticket:
    asked = Asked(call=f"POST {TICKET_PATH}")
    try:
        answered: _TicketAnswer = read_json(answer.body, _TicketAnswer)
    except msgspec.DecodeError:
        raise Unreadable("The answer to the sign-in is not what Proxmox VE sends.", call=asked.call) from None
    found = answered.data
    if found.needs_tfa or (found.ticket or "").startswith("PVE:!tfa!"):
        raise two_factor_required(asked)
    if not found.ticket:
        raise Unreadable("The answer to the sign-in has no ticket.", call=asked.call)
    return found
