"""What containers tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from paddock.base.events import Event

FACTS, DETAILS, FIGURES = "containers: facts", "containers: details", "containers: figures"
"""Revisions that count what was told of any cluster; of one: `facts_of`, `details_of`, `figures_of`."""


def facts_of(cluster_id: str) -> str:
    return f"{FACTS}/{cluster_id}"


def details_of(cluster_id: str) -> str:
    return f"{DETAILS}/{cluster_id}"


def figures_of(cluster_id: str) -> str:
    """Of one cluster only: nobody waits for newer figures of any."""
    return f"{FIGURES}/{cluster_id}"


@dataclass(frozen=True, slots=True)
class ContainersChanged(Event):
    """Some containers of a cluster appeared, changed, moved or ended."""

    views: ClassVar[frozenset[str]] = frozenset({"containers", "nodes", "overview", "frame"})
    cluster_id: str

    @property
    def marks(self) -> tuple[str, ...]:
        return (FACTS, facts_of(self.cluster_id))


@dataclass(frozen=True, slots=True)
class DetailsChanged(ContainersChanged):
    """What only the configuration says: addresses, operating system."""

    @property
    def marks(self) -> tuple[str, ...]:
        return (DETAILS, details_of(self.cluster_id))
