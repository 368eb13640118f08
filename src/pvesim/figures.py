"""Plausible load: smooth, never quite still, the same for the same seed and second."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from math import sin


@dataclass(frozen=True, slots=True)
class Pulse:
    """The temperament of one machine, drawn from its name once."""

    phase: float
    period: float  # seconds of the slow wave
    level: float  # mean load, 0..1
    appetite: float  # share of its memory that it uses, 0..1
    traffic: float  # bytes per second received

    @classmethod
    def of(cls, seed: int, name: str) -> Pulse:
        key = zlib.crc32(f"{seed}/{name}".encode())
        return cls(
            phase=(key & 0xFF) / 40.0,
            period=180.0 + (key >> 8 & 0xFF) * 4.0,
            level=0.02 + ((key >> 16 & 0xFF) / 255.0) ** 3 * 0.6,
            appetite=0.15 + (key >> 24 & 0xFF) / 255.0 * 0.65,
            traffic=200.0 + (key >> 4 & 0xFFF) * 12.0,
        )

    def cpu(self, at: float) -> float:
        """Load 0..1 at a second since the epoch."""
        wave = 1.0 + 0.35 * sin(at / self.period + self.phase) + 0.2 * sin(at / 13.7 + 2 * self.phase)
        return min(self.level * wave, 0.99)

    def memory(self, at: float, total: int) -> int:
        """Bytes in use of `total`, in whole pages."""
        share = self.appetite * (1.0 + 0.06 * sin(at / (3 * self.period) + self.phase))
        return int(total * min(share, 0.97)) & ~4095

    def received(self, uptime: int) -> int:
        return int(self.traffic * uptime)

    def sent(self, uptime: int) -> int:
        return int(self.traffic * 0.6 * uptime)


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of pvestatd on one node."""

    at: float
    revision: int  # of the node, when it was taken
    node: dict[str, float | int]
    guests: dict[int, bytes]  # vmid → the sampled members of the row, as JSON without braces
    storages: dict[str, tuple[int, int]]  # name → used, total bytes
