"""One cluster as one thing to ask: any member answers for all, a failing one is passed over.

Reads fail over; changes are sent once, and only to another member where the first certainly never got them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

import msgspec

from paddock.base.clock import Clock
from paddock.proxmox import errors
from paddock.proxmox.answers import Answer, Proof
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.credentials import Credential
from paddock.proxmox.decoding import Rows, decode, decode_rows
from paddock.proxmox.failover import ATTEMPT_SECONDS, Failover
from paddock.proxmox.members import Member, MemberState
from paddock.proxmox.request import Params, Request, request
from paddock.proxmox.session import Pass, Session
from paddock.proxmox.transport import ANSWER_SECONDS, Transport

T = TypeVar("T")


class Connection:
    """Asks the members of one cluster. Raises the classes of `proxmox.errors`, labelled with cluster and node.

    `parallel` bounds the calls at a time, `per_member` those to one member.
    """

    def __init__(
        self,
        name: str,
        members: Sequence[Member],
        credential: Credential,
        transport: Transport,
        *,
        parallel: int = 12,
        per_member: int = 6,
        attempt_seconds: float = ATTEMPT_SECONDS,
        clock: Clock | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._transport = transport
        self._slots = asyncio.Semaphore(parallel)
        self._failover = Failover(
            name, transport, per_member=per_member, attempt_seconds=attempt_seconds, clock=clock, now=now
        )
        self._session = Session(credential, self._login, now=now)
        self.replace_members(members)

    @overload
    async def get(
        self,
        path: str,
        params: Params | None = None,
        *,
        as_type: type[T],
        node: str | None = None,
        timeout: float = ...,
    ) -> T: ...
    @overload
    async def get(
        self, path: str, params: Params | None = None, *, node: str | None = None, timeout: float = ...
    ) -> Any: ...
    async def get(
        self,
        path: str,
        params: Params | None = None,
        *,
        as_type: Any = Any,
        node: str | None = None,
        timeout: float = ANSWER_SECONDS,
    ) -> Any:
        """The `data` of a read. `node` is the member to ask first; by default the one that the path names.

        `timeout` (seconds) bounds the whole, fail-over included.
        """
        return await self._ask(request("GET", path, params), node, timeout, decode, as_type)

    async def get_rows(
        self,
        path: str,
        row: type[T],
        params: Params | None = None,
        *,
        node: str | None = None,
        timeout: float = ANSWER_SECONDS,
    ) -> Rows[T]:
        """A list; rows that cannot be read are counted, not fatal."""
        found: Rows[T] = await self._ask(request("GET", path, params), node, timeout, decode_rows, row)
        return found

    async def post(
        self,
        path: str,
        params: Params | None = None,
        *,
        node: str | None = None,
        timeout: float = ANSWER_SECONDS,
    ) -> Any:
        """A change, sent once. Raises OutcomeUnknown where the answer was lost after it may have arrived."""
        return await self._change("POST", path, params, node, timeout)

    async def put(
        self,
        path: str,
        params: Params | None = None,
        *,
        node: str | None = None,
        timeout: float = ANSWER_SECONDS,
    ) -> Any:
        """As `post`."""
        return await self._change("PUT", path, params, node, timeout)

    async def delete(
        self,
        path: str,
        params: Params | None = None,
        *,
        node: str | None = None,
        timeout: float = ANSWER_SECONDS,
    ) -> Any:
        """As `post`; the parameters go into the query."""
        return await self._change("DELETE", path, params, node, timeout)

    async def contact(self, name: str) -> Certificate:
        """Whether Paddock itself reaches a member: a TLS handshake and one question that needs no sign-in.

        No credential is sent. Resting members are contacted too.

        Raises KeyError for an unknown member; Unreachable, TimedOut, Untrusted or NotProxmox.
        """
        return await self._failover.contact(name)

    def member_states(self) -> tuple[MemberState, ...]:
        return self._failover.states()

    @property
    def sign_in_refusal(self) -> errors.LoginRefused | None:
        """Set while the sign-in breaker is open: calls fail with it and nothing is sent, but for a rare trial."""
        return self._session.refusal

    def retry_sign_in(self) -> None:
        self._session.retry()

    def replace_credential(self, credential: Credential) -> None:
        self._session.change(credential)

    def replace_members(self, members: Sequence[Member]) -> None:
        """Members that stay the same keep their record."""
        self._failover.replace(members)

    async def close(self) -> None:
        await self._transport.close()

    async def _change(
        self, method: str, path: str, params: Params | None, node: str | None, timeout: float
    ) -> Any:
        return await self._ask(request(method, path, params), node, timeout, decode, Any)

    async def _ask(
        self, call: Request, node: str | None, timeout: float, how: Callable[[bytes, Any], Any], kind: Any
    ) -> Any:
        def read(answer: Answer) -> Any:
            try:
                return how(answer.body, kind)
            except msgspec.DecodeError as error:
                why = f"The answer to {call.path} is not what Proxmox VE sends: {error}."
                raise errors.Unreadable(why, call=call.call) from None

        async with self._slots:
            proof = await self._proof(timeout)
            try:
                return await self._signed(call, proof, read, node, timeout)
            except errors.LoginRefused as error:
                # A refused ticket may just be stale: one fresh sign-in, then the breaker. The call was not done.
                proof = await self._session.after_refusal(proof, error)
            return await self._signed(call, proof, read, node, timeout)

    async def _proof(self, timeout: float) -> Pass:
        try:
            async with asyncio.timeout(timeout):
                return await self._session.proof()
        except TimeoutError:
            raise errors.TimedOut(f"The sign-in took more than {timeout:.0f} s.", cluster=self.name) from None

    async def _signed(
        self, call: Request, proof: Pass, read: Callable[[Answer], T], node: str | None, timeout: float
    ) -> T:
        fresh = self._session.is_fresh(proof)
        try:
            found = await self._failover.ask(
                proof.on(call), proof.kind, read, timeout=timeout, node=node, fresh=fresh
            )
        except (errors.Forbidden, errors.Refused):
            self._session.accepted(proof)
            raise
        self._session.accepted(proof)
        return found

    async def _login(self, call: Request) -> Answer:
        return await self._failover.ask(call, Proof.LOGIN, lambda answer: answer, timeout=ANSWER_SECONDS)
