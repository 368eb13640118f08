"""What an import would write, as people review it before anything is written. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from paddock.clusters.membership import Comparison, MemberSeen
from paddock.proxmox.certificates import Certificate, signed_by
from paddock.proxmox.trust import TrustMode

WORDS = {
    Comparison.NEW: "New",
    Comparison.KNOWN: "Known",
    Comparison.CHANGED: "Changed",
    Comparison.VANISHED: "Vanished",
    Comparison.ELSEWHERE: "In another site",
}


@dataclass(frozen=True, slots=True)
class MemberReview:
    """One member of the cluster. Sizes in bytes; None where an offline member says nothing."""

    name: str
    address: str
    online: bool
    comparison: Comparison
    changes: tuple[str, ...] = ()
    version: str | None = None
    cores: int | None = None
    memory: int | None = None
    storage: int | None = None
    containers_running: int = 0
    containers: int = 0
    vms: int = 0
    certificate: str = ""
    """How its certificate is believed, in words."""
    problem: str = ""
    """Why it could not be read, though it is online."""

    @property
    def selectable(self) -> bool:
        return self.comparison not in (Comparison.VANISHED, Comparison.ELSEWHERE)

    @property
    def preselected(self) -> bool:
        return self.comparison in (Comparison.NEW, Comparison.CHANGED)

    @property
    def writes(self) -> str:
        """What ticking it would write, in a sentence."""
        if self.comparison is Comparison.KNOWN:
            return "Nothing changes"
        if self.comparison is Comparison.CHANGED:
            return "; ".join(self.changes)
        if self.comparison is Comparison.VANISHED:
            return "Kept and marked. Remove it on its page"
        if self.comparison is Comparison.ELSEWHERE:
            return "; ".join(self.changes) or "It belongs to another site"
        if not self.online:
            return "Node, marked Offline. Figures follow when it is back"
        return f"Node, {_counted(self.containers, 'container')}, {_counted(self.vms, 'VM')}"


@dataclass(frozen=True, slots=True)
class Review:
    """Everything that a person sees before the import. Nothing has been written."""

    site_id: str
    site: str
    cluster: str
    lone: bool
    identity: str
    known_as: str
    """Name of the cluster as Paddock knows it already; empty for a new one."""
    via: str
    read_at: datetime
    quorate: bool | None
    trust_mode: str
    certificate: Certificate
    authority: Certificate | None
    """The cluster's CA, where it could be read."""
    credential_kind: str
    credential_name: str
    can: tuple[str, ...]
    cannot: tuple[str, ...]
    missing: tuple[str, ...]
    members: tuple[MemberReview, ...]
    notes: tuple[str, ...] = ()
    token_lacks: tuple[str, ...] | None = None
    """What a password lacks to make a token of Paddock's own; None where it is a token already."""
    by_hand: bool = False
    """Whether one node is added by hand; then it is the only member."""

    @property
    def counts(self) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for member in self.members:
            found[member.comparison] = found.get(member.comparison, 0) + 1
        return found

    @property
    def ready(self) -> tuple[MemberReview, ...]:
        """What is ticked before anybody has ticked."""
        return tuple(member for member in self.members if member.preselected)

    @property
    def summary(self) -> str:
        """In one line: 3 new, 1 changed. pve1 stays as it is."""
        words = [
            f"{self.counts[kind]} {WORDS[kind][0].lower()}{WORDS[kind][1:]}"
            for kind in Comparison
            if kind is not Comparison.KNOWN and kind in self.counts
        ]
        known = [member.name for member in self.members if member.comparison is Comparison.KNOWN]
        parts = [", ".join(words) + "."] if words else []
        if len(known) == 1:
            parts.append(f"{known[0]} stays as it is.")
        elif known:
            parts.append(f"{len(known)} stay as they are.")
        return " ".join(parts)

    @property
    def may_make_token(self) -> bool:
        return self.token_lacks == ()

    def only(self, name: str) -> MemberReview | None:
        return next((member for member in self.members if member.name == name), None)


def certificate_words(
    mode: TrustMode, member: MemberSeen, leaf: Certificate | None, authority: Certificate | None
) -> str:
    """How a member's certificate would be believed; `leaf` is what it shows, None where it was not reached."""
    if mode is TrustMode.OFF:
        return "Not verified"
    if mode is TrustMode.SYSTEM:
        return "Public or own CA"
    if not member.online:
        return "When it is back"
    if leaf is None:
        return "Not reached"
    if mode is TrustMode.PINNED:
        return "Pinned" if leaf.sha256 == member.fingerprint else "Not of this cluster"
    if authority is not None and signed_by(leaf, authority):
        return "Cluster CA"
    return "Own, pinned" if leaf.sha256 == member.fingerprint else "Not of this cluster"


def elsewhere(members: tuple[MemberReview, ...], site: str) -> tuple[MemberReview, ...]:
    """The same members, none selectable: their cluster stands in another site."""
    text = f"This cluster is registered in site {site}"
    return tuple(replace(member, comparison=Comparison.ELSEWHERE, changes=(text,)) for member in members)


def notes(
    *,
    quorate: bool | None,
    unreadable: int,
    offline: int,
    guests_hidden: bool,
    trust: tuple[str, str] | None = None,
    sign_in: tuple[str, str] | None = None,
) -> tuple[str, ...]:
    """What a person should know besides the table. `trust`, `sign_in`: of a known cluster, as they are and would be."""
    found = []
    if trust is not None and trust[0] != trust[1]:
        weaker = (
            " That is weaker: anybody in between could pose as a node." if trust[1] == TrustMode.OFF else ""
        )
        found.append(
            f"This cluster is known with another trust: {TRUST_WORDS[trust[0]]}. "
            f"The import replaces it by: {TRUST_WORDS[trust[1]]}.{weaker}"
        )
    if sign_in is not None and sign_in[0] != sign_in[1]:
        found.append(
            f"Paddock signs in to this cluster as {sign_in[0]}. From the import on it is {sign_in[1]}, at all members."
        )
    if quorate is False:
        found.append("The cluster has no quorum: it can be watched, but Proxmox VE refuses every change.")
    if offline:
        members = "One member is" if offline == 1 else f"{offline} members are"
        found.append(f"{members} offline: imported and marked, figures follow when it is back.")
    if unreadable:
        rows = "One entry" if unreadable == 1 else f"{unreadable} entries"
        found.append(
            f"{rows} of Proxmox's list could not be read and {'is' if unreadable == 1 else 'are'} left out."
        )
    if guests_hidden:
        found.append("This credential sees no containers: their number may be wrong.")
    return tuple(found)


def returns(stones: Iterable[tuple[str, str, bool]]) -> tuple[str, ...]:
    """About members that were removed once: name, how that is told, and whether it was of this same cluster."""
    return tuple(
        f"{name} {told}." if same else f"Another node called {name}, of another cluster, {told}."
        for name, told, same in stones
    )


TRUST_WORDS: dict[str, str] = {
    TrustMode.CLUSTER_CA: "this cluster's CA",
    TrustMode.SYSTEM: "a public or own CA",
    TrustMode.PINNED: "a pinned fingerprint per node",
    TrustMode.OFF: "no verification at all",
}


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
