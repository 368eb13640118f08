"""What clusters tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from paddock.base.events import Event


@dataclass(frozen=True, slots=True)
class ClusterImported(Event):
    """A cluster was registered, or its credential, trust or members changed."""

    views: ClassVar[frozenset[str]] = frozenset({"clusters", "nodes", "overview", "sites", "frame"})
    cluster_id: str


@dataclass(frozen=True, slots=True)
class ClusterChanged(Event):
    """Quorum, trouble or membership changed."""

    views: ClassVar[frozenset[str]] = frozenset({"clusters", "nodes", "overview"})
    cluster_id: str


@dataclass(frozen=True, slots=True)
class MembersEdited(ClusterImported):
    """A person changed how a member is reached, what it is called, whether it is managed, or the cluster's site."""


@dataclass(frozen=True, slots=True)
class ClusterRemoved(ClusterImported):
    """The last node of a cluster was removed, and the cluster with it."""
