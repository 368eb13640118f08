"""The sign-in breaker: a refused credential is not tried again and again, and yet heals by itself."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from paddock.proxmox.errors import LoginRefused

# A trial whose outcome nobody learns (no member answers) is followed by the next one after this time.
UNDECIDED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds until the first trial after a refusal; doubled with each further one, up to `limit`."""

    first: float
    limit: float


# A refused token harms nobody but costs 3 s; a stale password may lock an account elsewhere (LDAP, AD).
TOKEN = Patience(60.0, 300.0)
PASSWORD = Patience(300.0, 1800.0)


class Breaker:
    """Open while `refusal` is set: calls fail with it, except for one trial at a time, at a low rate."""

    def __init__(
        self,
        patience: Patience,
        *,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.refusal: LoginRefused | None = None
        self._patience = patience
        self._now = now
        self._chance = chance
        self._wait = 0.0
        self._due = 0.0
        self._on_trial = False

    def enter(self) -> None:
        """Raises the refusal while open; once a trial is due, lets one caller through."""
        if self.refusal is None:
            return
        if self._now() < self._due:
            raise self.refusal.with_traceback(None)
        self._on_trial = True
        self._due = self._now() + UNDECIDED_SECONDS

    def refused(self, error: LoginRefused) -> None:
        """Opens it. Calls that were under way when it opened do not lengthen the wait; a failed trial does."""
        if self.refusal is None:
            self._wait = self._patience.first
        elif self._on_trial:
            self._wait = min(self._wait * 2, self._patience.limit)
        else:
            return
        self.refusal, self._on_trial = error, False
        # later by up to a fifth, so that many clusters with one account do not try at the same moment
        self._due = self._now() + self._wait * (1 + self._chance() / 5)

    def accepted(self) -> None:
        """Closes it after a trial; an answer to an older call says nothing about the credential of now."""
        if self._on_trial:
            self.close()

    def close(self) -> None:
        self.refusal, self._on_trial = None, False
