"""What stands on the sites, as `app` hands it in: this floor knows neither clusters nor nodes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from paddock.base.context import Context


@dataclass(frozen=True, slots=True)
class NodeLine:
    """A node for a list; `word`, `kind` and `icon` say its state."""

    id: str
    name: str
    address: str
    word: str
    kind: str
    icon: str
    containers_running: int
    containers: int


@dataclass(frozen=True, slots=True)
class ClusterLine:
    id: str
    name: str
    kind: str
    quorate: bool | None
    nodes: tuple[NodeLine, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """The clusters of one site with their nodes."""

    clusters: tuple[ClusterLine, ...] = ()

    @property
    def nodes(self) -> int:
        return sum(len(cluster.nodes) for cluster in self.clusters)

    @property
    def trouble(self) -> int:
        return sum(node.kind in ("bad", "warn") for cluster in self.clusters for node in cluster.nodes)

    @property
    def containers(self) -> int:
        return sum(node.containers for cluster in self.clusters for node in cluster.nodes)

    @property
    def containers_running(self) -> int:
        return sum(node.containers_running for cluster in self.clusters for node in cluster.nodes)


@dataclass(frozen=True, slots=True)
class Surveyor:
    """A part of `Services`. `ask` answers by site id, within the caller's scope."""

    ask: Callable[[Context], Awaitable[Mapping[str, Standing]]]
