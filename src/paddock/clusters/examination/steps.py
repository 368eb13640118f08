"""What a diagnosis consists of: steps on the way to a node, each with cause, proof and the next command. Pure.

The order is the way that every request takes, so the first step that fails names the cause; what comes after it
is skipped, apart from the other members' view, which needs nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    SKIPPED = "skipped"


class Key(StrEnum):
    URL = "url"
    RESOLVE = "resolve"
    CONNECT = "connect"
    CERTIFICATE = "certificate"
    PRODUCT = "product"
    SIGN_IN = "sign_in"
    VERSION = "version"
    RIGHTS = "rights"
    NAME = "name"
    MEMBERSHIP = "membership"
    CLOCK = "clock"
    STORAGES = "storages"
    OTHERS = "others"


TITLES: dict[Key, str] = {
    Key.URL: "URL",
    Key.RESOLVE: "Name resolution",
    Key.CONNECT: "TCP",
    Key.CERTIFICATE: "Certificate",
    Key.PRODUCT: "Is it Proxmox VE",
    Key.SIGN_IN: "Sign-in",
    Key.VERSION: "Version",
    Key.RIGHTS: "Privileges",
    Key.NAME: "Node name",
    Key.MEMBERSHIP: "Membership and quorum",
    Key.CLOCK: "Clock",
    Key.STORAGES: "Storages for containers",
    Key.OTHERS: "Other members",
}

NEEDS: dict[Key, str] = {
    Key.RESOLVE: "Needs a URL",
    Key.CONNECT: "Needs an address",
    Key.CERTIFICATE: "Needs a connection",
    Key.PRODUCT: "Needs a trusted certificate",
    Key.SIGN_IN: "Needs Proxmox VE to answer",
    Key.VERSION: "Needs a sign-in",
    Key.RIGHTS: "Needs a sign-in",
    Key.NAME: "Needs a sign-in",
    Key.MEMBERSHIP: "Needs a sign-in",
    Key.CLOCK: "Needs a sign-in",
    Key.STORAGES: "Needs a sign-in",
    Key.OTHERS: "Needs a registered cluster",
}
"""Why a step is skipped when one before it has failed."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of proof: what was sent, seen or expected. Never holds a secret."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """What to run next, filled in with this node's values. `where`: here (Paddock's machine) ·
    ssh (wherever one may ssh to the node) · node (at its own shell)."""

    text: str
    where: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate as the pair "trusted" and "shown" has it; times are UTC, None where unknown."""

    sha256: str
    issuer: str = ""
    subject: str = ""
    names: tuple[str, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """One privilege that Paddock wants: for what, and whether it is there."""

    privilege: str
    path: str
    purpose: str
    present: bool
    required: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """One step with its outcome. `code` is stable and machine-readable; `text` a sentence for people."""

    key: Key
    outcome: Outcome
    text: str
    code: str = ""
    milliseconds: int = 0
    proof: tuple[Line, ...] = ()
    next: str = ""
    commands: tuple[Command, ...] = ()
    shown: Leaf | None = None
    trusted: Leaf | None = None
    needs: tuple[Need, ...] = ()

    @property
    def title(self) -> str:
        return TITLES[self.key]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All steps of one look at a node. `automatic`: nobody asked for it, a failure did."""

    url: str
    started_at: datetime
    milliseconds: int
    steps: tuple[Step, ...]
    name: str = ""
    cluster: str = ""
    automatic: bool = False

    @property
    def cause(self) -> Step | None:
        """The first step that failed; None where none did."""
        return next((step for step in self.steps if step.outcome is Outcome.FAILED), None)

    @property
    def code(self) -> str:
        """The cause's code; where nothing failed that of the first thing to look at, or `ok`."""
        if self.cause is not None:
            return self.cause.code
        return next((step.code for step in self.steps if step.outcome is Outcome.WARNED), "ok")

    @property
    def headline(self) -> str:
        """In one line: where it stopped, or that all is well."""
        cause = self.cause
        if cause is not None:
            at = list(TITLES).index(cause.key) + 1
            return f"Stopped at step {at} of {len(TITLES)}: {_lower(cause.title)}"
        warned = self.count(Outcome.WARNED)
        things = f", with {'one thing' if warned == 1 else f'{warned} things'} to look at" if warned else ""
        if self.step(Key.SIGN_IN).outcome is Outcome.SKIPPED:
            return f"It answers{things}; a sign-in was not tried"
        return f"It works{things}" if warned else "Everything works"

    @property
    def counts(self) -> str:
        """4 passed, 1 failed, 8 skipped."""
        found = [(outcome, self.count(outcome)) for outcome in Outcome]
        words = {Outcome.WARNED: "to look at"}
        return ", ".join(f"{number} {words.get(outcome, outcome)}" for outcome, number in found if number)

    def count(self, outcome: Outcome) -> int:
        return sum(step.outcome is outcome for step in self.steps)

    def step(self, key: Key) -> Step:
        return next(step for step in self.steps if step.key is key)


def _lower(title: str) -> str:
    return title if title.isupper() else title[:1].lower() + title[1:]


def skipped(key: Key, why: str = "") -> Step:
    return Step(key, Outcome.SKIPPED, why or NEEDS[key])


def complete(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps in their order, those that are missing skipped with the reason."""
    found = {step.key: step for step in steps}
    return tuple(found.get(key) or skipped(key) for key in TITLES)
