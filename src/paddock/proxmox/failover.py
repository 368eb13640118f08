"""One call, asked of the members of a cluster one after the other until one answers."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Sequence

from paddock.base.clock import Clock
from paddock.base.errors import Upstream
from paddock.proxmox import errors
from paddock.proxmox.answers import Answer, Asked, Proof, from_answer
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.members import Member, MemberState, Track, order
from paddock.proxmox.request import Request
from paddock.proxmox.transport import Transport

# A read that hangs at one member goes to the next after this time.
ATTEMPT_SECONDS = 10.0
_NODE = re.compile(r"^/nodes/([^/]+)")
_ELSEWHERE = (errors.Unreachable, errors.TimedOut, errors.Untrusted, errors.NotProxmox, errors.Unreadable)


class Failover:
    """The members with their records. A change is passed on only where the first certainly never got it:
    the transport raises OutcomeUnknown otherwise, which ends the round."""

    def __init__(
        self,
        name: str,
        transport: Transport,
        *,
        per_member: int,
        attempt_seconds: float = ATTEMPT_SECONDS,
        clock: Clock | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._transport = transport
        self._per_member = per_member
        self._attempt = attempt_seconds
        self._clock = clock
        self._now = now
        self._tracks: dict[str, Track] = {}
        self._turns = itertools.count()

    def replace(self, members: Sequence[Member]) -> None:
        """Members that stay the same keep their record."""
        old = self._tracks
        self._tracks = {
            member.name: old[member.name]
            if member.name in old and old[member.name].member == member
            else Track(member, parallel=self._per_member, clock=self._clock, now=self._now)
            for member in members
        }

    def states(self) -> tuple[MemberState, ...]:
        return tuple(track.state() for track in self._tracks.values())

    async def contact(self, name: str) -> Certificate:
        """A handshake with one member, resting or not; success brings it back into the round."""
        track = self._tracks[name]
        try:
            leaf = await self._transport.contact(track.member.endpoint, track.member.policy)
        except Upstream as error:
            self._failed(track, error)
            raise
        track.succeeded()
        return leaf

    async def ask(
        self, call: Request, proof: Proof, *, timeout: float, node: str | None = None, fresh: bool = False
    ) -> Answer:
        """`node` is asked first, by default the one that the path names. `timeout` (seconds) bounds the round.

        `fresh` says that the ticket has just been made: a member that refuses it is passed over. Raises what
        the last member failed with; a sign-in (`proof` LOGIN) gets its 401 as an Answer.
        """
        deadline = self._now() + timeout
        named = match[1] if (match := _NODE.match(call.path)) else None
        last: Upstream | None = None
        waiting = order(list(self._tracks.values()), next(self._turns), node or named)
        while waiting and (left := deadline - self._now()) > 0:
            track = waiting.pop(0)
            patience = min(left, self._attempt) if call.reads and waiting else left
            try:
                async with track.slots:
                    if track.enter():
                        return await self._at(track, call, proof, patience)
            except _ELSEWHERE as error:
                last = error
            except errors.NodeUnreachable as error:
                last = error
                if named not in (None, track.member.name):
                    # The node itself is out of that member's reach; only asking it directly may help.
                    waiting = [other for other in waiting if other.member.name == named]
            except errors.LoginRefused as error:
                if not fresh:
                    raise
                last = error
        raise last or self._nobody()

    async def _at(self, track: Track, call: Request, proof: Proof, timeout: float) -> Answer:
        """One member's answer, and its record kept; a refusal by Proxmox VE is still a sign of life."""
        member = track.member
        try:
            answer = await self._transport.request(member.endpoint, member.policy, call, timeout=timeout)
        except Upstream as error:
            self._failed(track, error)
            raise
        if answer.ok or (proof is Proof.LOGIN and answer.status == 401):
            track.succeeded()
            return answer
        refusal = from_answer(
            answer, proof=proof, asked=Asked(call.call, member.name, self.name, changes=not call.reads)
        )
        if isinstance(refusal, _ELSEWHERE) or refusal.code == "ticket_refused":
            track.failed(refusal)
        else:
            track.succeeded()
        raise refusal

    def _failed(self, track: Track, error: Upstream) -> None:
        error.cluster = error.cluster or self.name
        error.node = error.node or track.member.name
        track.failed(error)

    def _nobody(self) -> Upstream:
        """Every member rests: the last failure says why."""
        for track in self._tracks.values():
            if track.error is not None:
                return track.error.with_traceback(None)
        return errors.Unreachable(
            f"The cluster {self.name} has no member that can be asked.", cluster=self.name, code="no_member"
        )
