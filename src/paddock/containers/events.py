"""What containers tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from paddock.base.events import Event


@dataclass(frozen=True, slots=True)
class ContainersChanged(Event):
    """Some containers of a cluster appeared, changed, moved or ended."""

    views: ClassVar[frozenset[str]] = frozenset({"containers", "nodes", "overview", "frame"})
    cluster_id: str
