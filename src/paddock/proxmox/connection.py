"""One cluster as one thing to ask: any member answers for all, a failing one is passed over.

Reads fail over; changes are sent once, and only to another member where the first certainly never got them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar, overload

import msgspec

from paddock.base.clock import Clock
from paddock.proxmox import errors
from paddock.proxmox.answers import Answer, Proof
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.credentials import Credential
from paddock.proxmox.decoding import Rows, decode, decode_rows
from paddock.proxmox.failover import ATTEMPT_SECONDS, ELSEWHERE, Failover, named_node
from paddock.proxmox.members import Member, MemberState
from paddock.proxmox.request import Params, Request, request
from paddock.proxmox.session import Pass, Session
from paddock.proxmox.transport import ANSWER_SECONDS, Transport

T = TypeVar("T")


class Connection:
    """Asks the members of one cluster. Raises the classes of `proxmox.errors`, labelled with cluster and node.

    A member with a credential of its own is asked with that one, for what concerns it alone, by a connection apart;
    what it cannot answer is asked of the others.

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
        self._now = now
        self._apart: dict[str, tuple[Member, Connection]] = {}
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
        if name in self._apart:
            return await self._apart[name][1].contact(name)
        return await self._failover.contact(name)

    def member_states(self) -> tuple[MemberState, ...]:
        apart = (state for _, one in self._apart.values() for state in one.member_states())
        return (*self._failover.states(), *apart)

    @property
    def sign_in_refusal(self) -> errors.LoginRefused | None:
        """Set while the sign-in breaker is open: calls fail with it and nothing is sent, but for a rare trial."""
        return self._session.refusal

    def refusal_of(self, name: str) -> errors.LoginRefused | None:
        """The same of a member with a credential of its own."""
        return self._apart[name][1].sign_in_refusal if name in self._apart else None

    def retry_sign_in(self) -> None:
        self._session.retry()
        for _, one in self._apart.values():
            one.retry_sign_in()

    def replace_credential(self, credential: Credential) -> None:
        self._session.change(credential)

    def replace_members(self, members: Sequence[Member]) -> None:
        """Members that stay the same keep their record."""
        self._failover.replace([member for member in members if member.credential is None])
        old, self._apart = self._apart, {}
        for member in members:
            if member.credential is not None:
                kept = old.get(member.name)
                self._apart[member.name] = (
                    kept if kept and kept[0] == member else (member, self._alone(member, member.credential))
                )

    async def close(self) -> None:
        await self._transport.close()

    async def _change(
        self, method: str, path: str, params: Params | None, node: str | None, timeout: float
    ) -> Any:
        return await self._ask(request(method, path, params), node, timeout, decode, Any)

    def _alone(self, member: Member, credential: Credential) -> Connection:
        return Connection(
            self.name, [replace(member, credential=None)], credential, self._transport, now=self._now
        )

    async def _ask(
        self, call: Request, node: str | None, timeout: float, how: Callable[[bytes, Any], Any], kind: Any
    ) -> Any:
        named = node or named_node(call) or ""
        apart = [self._apart[named][1]] if named in self._apart else []
        if not self._failover:
            apart += [one for name, (_, one) in self._apart.items() if name != named]
        deadline = self._now() + timeout
        for position, one in enumerate(apart, 1):
            try:
                return await one._ask(call, node, max(deadline - self._now(), 0.1), how, kind)
            except (*ELSEWHERE, errors.LoginRefused):
                # the call was not done there
                if not self._failover and position == len(apart):
                    raise
        return await self._shared(call, node, max(deadline - self._now(), 0.1), how, kind)

    async def _shared(
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
