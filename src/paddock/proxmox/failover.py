"""One call, asked of the members of a cluster one after the other until one answers."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from paddock.base.clock import Clock
from paddock.base.errors import Upstream
from paddock.proxmox import errors
from paddock.proxmox.answers import Answer, Asked, Proof, from_answer
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.members import Member, MemberState, Track, order
from paddock.proxmox.request import Request, request
from paddock.proxmox.transport import Transport

# A read that hangs at one member goes to the next after this time.
ATTEMPT_SECONDS = 10.0
_NODE = re.compile(r"^/nodes/([^/]+)")
ELSEWHERE = (errors.Unreachable, errors.TimedOut, errors.Untrusted, errors.NotProxmox)
# What a member says whose cluster file system (pmxcfs) has broken away.
_SICK = re.compile(r"ipcc_send_rec|pmxcfs|Connection refused|Transport endpoint is not connected", re.I)

T = TypeVar("T")


def named_node(call: Request) -> str | None:
    """The node that the path is about."""
    return match[1] if (match := _NODE.match(call.path)) else None


_SIGN_OF_LIFE = request("GET", "/access/domains")


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

    def __bool__(self) -> bool:
        return bool(self._tracks)

    def states(self) -> tuple[MemberState, ...]:
        return tuple(track.state() for track in self._tracks.values())

    async def contact(self, name: str) -> Certificate:
        """A handshake with one member, resting or not; success brings it back, unless its answers were wrong of late."""
        track = self._tracks[name]
        try:
            # A hung pveproxy still shakes hands; the list of realms needs no sign-in and must come.
            leaf = await self._transport.contact(track.member.endpoint, track.member.policy, _SIGN_OF_LIFE)
        except Upstream as error:
            self._failed(track, error)
            raise
        track.contacted()
        return leaf

    async def ask(
        self,
        call: Request,
        proof: Proof,
        read: Callable[[Answer], T],
        *,
        timeout: float,
        node: str | None = None,
        fresh: bool = False,
    ) -> T:
        """`node` is asked first, by default the one that the path names. `timeout` (seconds) bounds the round.

        `read` makes the value of an answer, or raises Unreadable. `fresh` says that the ticket has just been made:
        a member that refuses it is passed over. What may be the fault of one member alone (a 401, a broken
        pmxcfs, an unreadable answer) is believed once a second member says the same, or nobody else can be
        asked. Raises what the round ended with.
        """
        deadline = self._now() + timeout
        named = named_node(call)
        last: Upstream | None = None
        doubted: list[tuple[Track, Upstream]] = []
        waiting = order(list(self._tracks.values()), next(self._turns), node or named)
        while waiting and (left := deadline - self._now()) > 0:
            track = waiting.pop(0)
            patience = min(left, self._attempt) if call.reads and waiting else left
            try:
                async with track.slots:
                    if not track.enter():
                        continue
                    found = await self._at(track, call, proof, read, patience)
            except ELSEWHERE as error:
                last = error
            except errors.NodeUnreachable as error:
                last = error
                if named not in (None, track.member.name):
                    # The node itself is out of that member's reach; only asking it directly may help.
                    waiting = [other for other in waiting if other.member.name == named]
            except Upstream as error:
                if fresh and isinstance(error, errors.LoginRefused):
                    last = error
                    track.failed(error)
                elif _is_doubtful(error, call):
                    agreed = any(other.code == error.code for _, other in doubted)
                    doubted.append((track, error))
                    if agreed:
                        _settle(doubted, at_fault=False)
                        raise
                else:
                    if isinstance(error, errors.Forbidden | errors.Refused):
                        _settle(doubted, at_fault=True)
                    raise
            else:
                _settle(doubted, at_fault=True)
                return found
        _settle(doubted, at_fault=False)
        # A 401 is the last to be believed: it stops all calls for a while.
        believed = sorted((doubt for _, doubt in doubted), key=lambda d: isinstance(d, errors.LoginRefused))
        raise next(iter(believed), last) or self._nobody()

    async def _at(
        self, track: Track, call: Request, proof: Proof, read: Callable[[Answer], T], timeout: float
    ) -> T:
        """One member's answer, and its record kept, except where `ask` has to judge first.

        A refusal by Proxmox VE is a sign of life.
        """
        member = track.member
        try:
            answer = await self._transport.request(member.endpoint, member.policy, call, timeout=timeout)
        except Upstream as error:
            self._failed(track, error)
            raise
        if answer.ok:
            try:
                found = read(answer)
            except errors.Unreadable as error:
                error.cluster, error.node = self.name, member.name
                raise
            track.succeeded()
            return found
        refusal = from_answer(
            answer, proof=proof, asked=Asked(call.call, member.name, self.name, changes=not call.reads)
        )
        if isinstance(refusal, ELSEWHERE):
            track.failed(refusal)
        elif not _is_doubtful(refusal, call):
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


def _is_doubtful(error: Upstream, call: Request) -> bool:
    """Whether another member may well answer the same call; a 401 says besides that it was not done."""
    if isinstance(error, errors.LoginRefused):
        return True
    if not call.reads:
        return False
    if isinstance(error, errors.Refused):
        # not Gone and the like, which are clear answers
        return (
            type(error) is errors.Refused
            and error.status == 500
            and bool(_SICK.search(error.reason + error.message))
        )
    return isinstance(error, errors.Unreadable)


def _settle(doubted: Sequence[tuple[Track, Upstream]], *, at_fault: bool) -> None:
    """Another member has taken the same call, or nobody has said otherwise."""
    for track, error in doubted:
        if at_fault:
            track.blamed(error)
        else:
            track.succeeded()
