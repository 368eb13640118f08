"""What nodes tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from paddock.base.events import Event

_VIEWS = frozenset({"nodes", "overview"})
_COUNTED = _VIEWS | {"frame"}
"""Also what the navigation counts."""


@dataclass(frozen=True, slots=True)
class NodeAppeared(Event):
    views: ClassVar[frozenset[str]] = _COUNTED
    node_id: str


@dataclass(frozen=True, slots=True)
class NodeChanged(Event):
    """A fact of the node changed: address, version, size, counts."""

    views: ClassVar[frozenset[str]] = _VIEWS
    node_id: str


@dataclass(frozen=True, slots=True)
class NodeStatusChanged(Event):
    views: ClassVar[frozenset[str]] = _COUNTED
    node_id: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class NodeRemoved(Event):
    """A node is managed no longer. Nothing has changed on the server itself."""

    views: ClassVar[frozenset[str]] = _COUNTED | {"sites"}
    node_id: str
