"""What differs between the Proxmox VE versions that can be played."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_VERSION = re.compile(r"([89])\.(\d+)(?:\.(\d+))?")


class UnknownVersion(ValueError):
    """Not a version that the simulator can play."""


@dataclass(frozen=True, slots=True)
class Version:
    """A Proxmox VE version, as in /version."""

    text: str
    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        match = _VERSION.fullmatch(text)
        if match is None:
            raise UnknownVersion(f"version {text!r} cannot be played: use 8.x or 9.x, for example 9.2.11.")
        return cls(text, int(match[1]), int(match[2]), int(match[3] or 0))

    @property
    def release(self) -> str:
        return f"{self.major}.{self.minor}"

    @property
    def repoid(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @property
    def kernel(self) -> str:
        return "6.17.13-2-pve" if self.major >= 9 else "6.8.12-15-pve"

    @property
    def terse_refusals(self) -> bool:
        """Since 9.1.5 every bad ticket or token is "Authentication failed!"; before, it said why."""
        return (self.major, self.minor, self.patch) >= (9, 1, 5)

    @property
    def message_in_body(self) -> bool:
        """Errors carry `message` in JSON since libpve-http-server-perl 5.2.0 (8.3)."""
        return (self.major, self.minor) >= (8, 3)

    @property
    def network_rows(self) -> bool:
        """/cluster/resources has rows of type "network"; 8.x called them "sdn"."""
        return self.major >= 9

    @property
    def host_figures(self) -> bool:
        """Guests have `memhost` and pressure figures."""
        return self.major >= 9

    @property
    def ha_rules(self) -> bool:
        """HA groups have become rules, and fencing has a row of its own."""
        return self.major >= 9
