"""What somebody wants to believe, and what a try of it has shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from paddock.base.errors import Invalid
from paddock.proxmox import certificates
from paddock.proxmox.address import is_host
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.trust import TrustMode

BUNDLE_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class TrustWish:
    """What somebody wants. `fingerprint` is the confirmed certificate of any member (cluster_ca, pinned); `ca_pem`
    CAs besides the system's (system); `names` by member the name that its certificate is for (system).

    With a `reason` it is saved although members fail the test.
    """

    mode: str
    fingerprint: str | None = None
    ca_pem: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One member under the new trust. `code` is empty where it is believed."""

    name: str
    address: str
    code: str = ""
    text: str = ""
    certificate: Certificate | None = None
    """What it shows; None where it was not reached."""

    @property
    def outcome(self) -> str:
        """trusted · untrusted · unreachable"""
        if not self.code:
            return "trusted"
        return "untrusted" if self.certificate is not None else "unreachable"


@dataclass(frozen=True, slots=True)
class Plan:
    """The trust as it would be saved, and how every member fares under it."""

    mode: TrustMode
    ca_pem: str
    identity: str
    pins: Mapping[str, str]
    names: Mapping[str, str]
    trials: tuple[Trial, ...]

    @property
    def believed(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.outcome == "trusted"]

    @property
    def refused(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.outcome == "untrusted"]

    @property
    def sound(self) -> bool:
        """Somebody is believed, and nobody who was reached is not."""
        return bool(self.believed) and not self.refused


def mode_of(text: str) -> TrustMode:
    try:
        return TrustMode(text)
    except ValueError:
        raise Invalid.field(
            "mode", f"There is no trust {text!r}.", hint=f"One of {', '.join(TrustMode)}."
        ) from None


def fingerprint_of(text: str | None) -> str:
    """In Proxmox's form; empty where none is given. Raises Invalid."""
    if not (text or "").strip():
        return ""
    try:
        return certificates.normal_fingerprint(text or "")
    except ValueError as error:
        raise Invalid.field("fingerprint", str(error)) from None


def bundle(mode: TrustMode, text: str) -> str:
    """Uploaded CAs, each once and nothing else; empty where there are none. Raises Invalid for the field `ca_pem`."""
    if mode is not TrustMode.SYSTEM or not text.strip():
        return ""
    if len(text) > BUNDLE_BYTES:
        raise Invalid.field(
            "ca_pem", f"More than {BUNDLE_BYTES // 1000} kB; give only the CAs of your nodes."
        )
    try:
        return "".join(one.pem for one in certificates.authorities(text))
    except ValueError as error:
        raise Invalid.field("ca_pem", str(error)) from None


def shown_authorities(ca_pem: str) -> list[Certificate]:
    """What is written down as trusted, for people; unreadable text shows nothing."""
    try:
        return list(certificates.authorities(ca_pem)) if ca_pem else []
    except ValueError:
        return []


def given_names(members: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    known = set(members)
    found = {}
    for member, name in names.items():
        if member not in known:
            raise Invalid.field("names", f"There is no member {member}; names are case-sensitive.")
        if name.strip():
            if not is_host(name):
                raise Invalid.field("names", f"“{name[:100]}” is not a host name.")
            found[member] = name.strip().lower()
    return found
