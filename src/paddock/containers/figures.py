"""Live figures of a container."""

from __future__ import annotations

from datetime import datetime

import msgspec

KIND = "container"


class ContainerFigures(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """CPU in cores, memory and disk in bytes, uptime in seconds, network and disk as counters of bytes."""

    at: datetime
    cpu: float = 0.0
    memory: int = 0
    disk: int = 0
    uptime: int = 0
    netin: int = 0
    netout: int = 0
    diskread: int = 0
    diskwrite: int = 0
