"""Everything that is simulated together: clusters and lone hosts, with one clock."""

from __future__ import annotations

from collections.abc import Sequence

from pvesim.clock import Clock
from pvesim.keeping import play_on
from pvesim.model import Cluster
from pvesim.scene import ClusterScene
from pvesim.settings import Settings


class Estate:
    """Everything that is simulated together."""

    def __init__(
        self,
        clusters: Sequence[ClusterScene],
        *,
        seed: int = 1,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.clock = clock or Clock()
        self.seed = seed
        self.clusters: dict[str, Cluster] = {}
        for scene in clusters:
            if scene.name in self.clusters:
                raise ValueError(f"two clusters are called {scene.name!r}: give each its own name.")
            self.clusters[scene.name] = Cluster(scene, seed=seed, settings=self.settings, clock=self.clock)
        if any(scene.state for scene in clusters):
            play_on(self)

    def __getitem__(self, name: str) -> Cluster:
        return self.clusters[name]

    def live(self) -> None:
        """Let everything happen that is due by now, everywhere."""
        for cluster in self.clusters.values():
            cluster.live()
