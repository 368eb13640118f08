"""Highly available guests: what is asked of them is only queued, and carried out by their node.

Sources: ha-manager `PVE/HA/{Manager,LRM,Config}.pm`, `HA/Resources/PVECT.pm`; pve-container `Status.pm`.
"""

from __future__ import annotations

from pvesim.api import Call


def requested(call: Call, kind: str, vmid: int, verb: str) -> str | None:
    """The UPID of a task that only queues the wish; None for a guest that is not managed."""
    return None
