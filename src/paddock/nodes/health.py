"""How a node is: two truths kept apart, what the cluster says and what Paddock reaches itself. Pure.

The rule: *Online* needs the cluster's word, at most two cycles old, and Paddock's own contact, at most
90 seconds old; a lone host needs its own contact only. Nothing is green without fresh evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Status(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    UNREACHABLE = "unreachable"
    SIGN_IN_REFUSED = "refused"
    NOT_TRUSTED = "untrusted"
    UNKNOWN = "unknown"


TROUBLE = frozenset({Status.OFFLINE, Status.UNREACHABLE, Status.SIGN_IN_REFUSED, Status.NOT_TRUSTED})

UNTRUSTED_CODES = frozenset(
    {
        "unknown_authority",
        "self_signed",
        "host_mismatch",
        "expired",
        "not_yet_valid",
        "fingerprint_changed",
        "unconfirmed",
        "foreign_certificate",
        "identity_unproven",
    }
)
"""Codes of `proxmox.errors.Untrusted`."""

CONTACT_FRESH = timedelta(seconds=90)
SKEW = timedelta(seconds=5)
GRACE = timedelta(seconds=15)
"""A new trouble must last this long before it is shown, unless the evidence is certain."""
FLAPS = 4
FLAP_WINDOW = timedelta(minutes=10)
CALM = timedelta(seconds=60)
"""A flapping node must stay well this long before it is shown as Online again."""


@dataclass(frozen=True, slots=True)
class Word:
    """What the cluster says of a member (`/cluster/status`)."""

    online: bool
    at: datetime
    since: datetime
    """Since when it says the same."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Paddock's own last attempt to reach the node. `code` is empty when it went well, else the error's code."""

    at: datetime
    code: str = ""
    text: str = ""

    @property
    def ok(self) -> bool:
        return not self.code


@dataclass(frozen=True, slots=True)
class Evidence:
    lone: bool
    word: Word | None
    contact: Contact | None
    refused: str = ""
    """Why Proxmox refuses Paddock's sign-in; empty when it does not."""
    unread: str = ""
    """Why the cluster cannot be read, whatever the reason; empty when it can."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status with its reason. `certain` verdicts are shown without grace."""

    status: Status
    code: str
    reason: str
    certain: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """What people see, and what is needed to settle the next verdict."""

    status: Status
    code: str
    reason: str
    since: datetime
    pending: Status | None = None
    pending_since: datetime | None = None
    changes: tuple[datetime, ...] = ()
    """When the shown status changed within the flap window."""


def judge(evidence: Evidence, now: datetime, interval: timedelta) -> Verdict:
    """The status that the evidence alone supports at `now`. `interval` is the time between two readings."""
    contact = (
        evidence.contact if evidence.contact and _fresh(evidence.contact.at, now, CONTACT_FRESH) else None
    )
    word = evidence.word if evidence.word and _fresh(evidence.word.at, now, 2 * interval + GRACE) else None
    if contact is not None and contact.code in UNTRUSTED_CODES:
        return Verdict(Status.NOT_TRUSTED, contact.code, contact.text, certain=True)
    if contact is not None and contact.ok and evidence.refused:
        return Verdict(Status.SIGN_IN_REFUSED, "sign_in_refused", evidence.refused, certain=True)
    if word is not None and not word.online:
        return _cluster_says_down(contact, word)
    if contact is None:
        return _no_contact(evidence, word)
    if not contact.ok:
        return _not_reached(evidence, word, contact)
    if evidence.lone and evidence.unread:
        return Verdict(Status.UNREACHABLE, "unread", f"It accepts connections, but: {evidence.unread}")
    if evidence.lone:
        return Verdict(Status.ONLINE, "", "Paddock reaches it.")
    if word is None:
        why = f" {evidence.unread}" if evidence.unread else ""
        reason = f"It accepts connections, but the cluster gives no fresh word about it.{why}"
        return Verdict(Status.UNKNOWN, "no_word", reason)
    return Verdict(Status.ONLINE, "", "The cluster says online and Paddock reaches it.")


def _fresh(at: datetime, now: datetime, within: timedelta) -> bool:
    """Evidence from the future is none: the clock was set back."""
    return -SKEW <= now - at <= within


def _cluster_says_down(contact: Contact | None, word: Word) -> Verdict:
    if contact is not None and contact.at < word.since:
        contact = None  # from before it went down
    if contact is not None and contact.ok:
        return Verdict(
            Status.OFFLINE,
            "cut_off",
            "The cluster says it is down, though Paddock reaches it: it has lost the other members.",
            certain=True,
        )
    own = f" {contact.text}" if contact is not None else ""
    return Verdict(Status.OFFLINE, "cluster_says_down", f"The cluster says it is down.{own}", certain=True)


def _no_contact(evidence: Evidence, word: Word | None) -> Verdict:
    if evidence.contact is None and word is None:
        return Verdict(Status.UNKNOWN, "no_evidence", "Paddock has not looked at it yet.")
    if word is not None and not evidence.lone:
        return Verdict(
            Status.UNKNOWN, "no_contact", "The cluster says online; Paddock has not reached it itself lately."
        )
    return Verdict(Status.UNKNOWN, "stale", "Paddock has no fresh evidence.")


def _not_reached(evidence: Evidence, word: Word | None, contact: Contact) -> Verdict:
    if word is not None and not evidence.lone:
        return Verdict(Status.UNREACHABLE, contact.code, f"The cluster says online, but: {contact.text}")
    if evidence.lone:
        return Verdict(Status.OFFLINE, contact.code, contact.text)
    return Verdict(Status.OFFLINE, contact.code, f"{contact.text} No other member answers for it either.")


def settle(shown: Shown, verdict: Verdict, now: datetime) -> Shown:
    """What to show next: grace before a new trouble, calm before a flapping node is green again."""
    changes = tuple(at for at in shown.changes if now - at <= FLAP_WINDOW)
    if verdict.status == shown.status:
        return Shown(shown.status, verdict.code, verdict.reason, shown.since, changes=changes)
    wait = _wait(shown, verdict, changes)
    since = shown.pending_since if shown.pending == verdict.status else now
    since = since or now
    if now - since < wait:
        reason = shown.reason
        if verdict.status is Status.ONLINE:
            reason = f"Back, but it changed {len(changes)} times in ten minutes; waiting until it stays."
        return Shown(shown.status, shown.code, reason, shown.since, verdict.status, since, changes)
    return Shown(verdict.status, verdict.code, verdict.reason, since, changes=(*changes, now))


def _wait(shown: Shown, verdict: Verdict, changes: tuple[datetime, ...]) -> timedelta:
    if verdict.status is Status.ONLINE:
        return CALM if len(changes) >= FLAPS else timedelta(0)
    if verdict.certain or shown.status is not Status.ONLINE:
        return timedelta(0)
    return GRACE
