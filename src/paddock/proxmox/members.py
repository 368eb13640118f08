"""The members of a cluster as a connection sees them: who answers, who fails, whom to ask next."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from paddock.base.clock import Clock, SystemClock
from paddock.base.errors import Upstream
from paddock.proxmox.address import Endpoint
from paddock.proxmox.credentials import Credential
from paddock.proxmox.trust import TlsPolicy

FAILURES_TO_OPEN = 2
BACKOFF_SECONDS = 5.0
BACKOFF_LIMIT = 60.0


@dataclass(frozen=True, slots=True)
class Member:
    """One node that can be asked. `name` is its node name in the cluster.

    `credential` is its own, where it does not take the cluster's.
    """

    name: str
    endpoint: Endpoint
    policy: TlsPolicy
    credential: Credential | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class MemberState:
    """What became of the last conversation with a member; `at` is None before the first one."""

    member: Member
    at: datetime | None
    error: Upstream | None
    failures: int  # one after another
    resting: bool  # the circuit breaker is open: not asked for the moment

    @property
    def ok(self) -> bool:
        return self.at is not None and self.error is None


class Track:
    """One member's record and circuit breaker. After repeated failures it rests, 5 s at first, 60 s at most;
    then one call is let through as a trial."""

    def __init__(
        self,
        member: Member,
        *,
        parallel: int,
        clock: Clock | None = None,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.member = member
        self.slots = asyncio.Semaphore(parallel)
        self.error: Upstream | None = None
        self._clock = clock or SystemClock()
        self._now = now
        self._chance = chance
        self._at: datetime | None = None
        self._failures = 0
        self._rests_until = 0.0
        self._blamed = False

    @property
    def resting(self) -> bool:
        return self._failures >= FAILURES_TO_OPEN and self._now() < self._rests_until

    @property
    def on_trial(self) -> bool:
        return self._failures >= FAILURES_TO_OPEN

    def enter(self) -> bool:
        """Whether the member may be asked now. On trial, only one caller gets True until its result is known."""
        if self.resting:
            return False
        if self.on_trial:
            self._rests_until = self._now() + self._backoff()
        return True

    def succeeded(self) -> None:
        self._at, self.error, self._failures, self._blamed = self._clock.now(), None, 0, False

    def contacted(self) -> None:
        """A handshake says that the member is there, not that its answers are right again."""
        if not (self._blamed and self.resting):
            self.succeeded()

    def blamed(self, error: Upstream) -> None:
        """It answers, but wrongly, as another member has shown: it rests at once, for long."""
        self.failed(error)
        self._failures = max(self._failures, FAILURES_TO_OPEN)
        self._rests_until = self._now() + BACKOFF_LIMIT
        self._blamed = True

    def failed(self, error: Upstream) -> None:
        self._at, self.error = self._clock.now(), error
        self._failures += 1
        if self._failures >= FAILURES_TO_OPEN:
            self._rests_until = self._now() + self._backoff()

    def state(self) -> MemberState:
        return MemberState(self.member, self._at, self.error, self._failures, self.resting)

    def _backoff(self) -> float:
        doubled: float = BACKOFF_SECONDS * 2 ** min(self._failures - FAILURES_TO_OPEN, 6)
        return min(doubled, BACKOFF_LIMIT) * (0.75 + self._chance() / 4)


def order(tracks: Sequence[Track], turn: int, prefer: str | None) -> list[Track]:
    """Whom to ask, in this order: the preferred member, those in good standing from `turn` on, those on trial.

    Resting members are left out.
    """
    if not tracks:
        return []
    start = turn % len(tracks)
    rotated = [*tracks[start:], *tracks[:start]]
    awake = [track for track in rotated if not track.resting]
    return sorted(awake, key=lambda track: (track.member.name != prefer or track.on_trial, track.on_trial))
