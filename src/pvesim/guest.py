"""A container or virtual machine while it is being simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pvesim.figures import Pulse
from pvesim.scene import GIB, MIB, GuestScene
from pvesim.tasks import Task

if TYPE_CHECKING:
    from pvesim.model import Node


class Guest:
    """A container or virtual machine. `touch()` after every change.

    What its configuration says stands in `conf`, once somebody has changed something (`guestconfig.edit`);
    until then it follows from the scene.
    """

    __slots__ = (
        "busy", "conf", "cores", "disk", "kind", "lock", "memory", "name", "node", "pending", "pool", "pulse", "row",
        "scene", "snapshots", "started", "status", "storage", "stubborn", "swap", "tags", "template", "touched", "vmid",
    )  # fmt: skip

    def __init__(self, scene: GuestScene, node: Node, seed: int, now: float) -> None:
        self.scene = scene
        self.vmid = scene.vmid
        self.kind = scene.kind
        self.name = scene.name
        self.node = node
        self.status: Literal["running", "stopped", "paused"] = "stopped" if scene.template else scene.status
        self.cores = scene.cores
        self.memory = scene.memory * MIB
        self.swap = scene.swap * MIB
        self.disk = int(scene.disk * GIB)
        self.storage = scene.storage
        self.tags = ";".join(sorted(scene.tags))
        self.template = scene.template
        self.pool = scene.pool
        self.lock = scene.lock
        self.conf: dict[str, str | int] | None = None
        self.pending: dict[str, str | int] | None = None  # what waits for the next start (`works.changing`)
        self.snapshots: dict[str, dict[str, str | int]] | None = None  # name → configuration then
        self.stubborn = False  # does not end when asked to
        self.busy: Task | None = None  # the task that holds the lock file
        self.pulse = Pulse.of(seed, f"{node.cluster.name}/{scene.vmid}")
        self.started = now - 600 - self.pulse.phase * 86400 * 3
        self.touched = False  # is no longer what its scene says
        self.row: tuple[object, bytes] | None = None  # of /cluster/resources, with what it was made from

    @property
    def running(self) -> bool:
        return self.status == "running"

    @property
    def active(self) -> bool:
        """Running or paused: its process is there."""
        return self.status != "stopped"

    def uptime(self, now: float) -> int:
        return max(0, int(now - self.started)) if self.running else 0

    def touch(self) -> None:
        self.touched = True
        self.row = None
        self.node.changed()
