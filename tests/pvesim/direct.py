"""A cluster asked without sockets, on a clock that stands still but for what a test lets pass."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pvesim import ClusterScene, Estate, GuestScene, NodeScene, Settings, StorageScene
from pvesim.api import Call, run
from pvesim.clock import StillClock
from pvesim.errors import ApiError
from pvesim.routes import all_routes
from pvesim.tasks import Task
from pvesim.wire import Reply

ROUTES = all_routes()
_PATIENCE = 600  # seconds until a task has to be over

STORAGES = [
    StorageScene(name="local"),
    StorageScene(name="thin", type="lvmthin", content=["rootdir", "images"]),
    StorageScene(name="zfs", type="zfspool", content=["rootdir", "images"]),
    StorageScene(name="nfs", type="nfs", shared=True, content=["rootdir", "images"]),
    StorageScene(name="only1", type="dir", content=["rootdir"], nodes=["pve1"]),
    StorageScene(name="iso", type="dir", content=["iso"]),
]


def container(vmid: int, node: str = "pve1", storage: str = "thin", **more: Any) -> GuestScene:
    values: dict[str, Any] = {"status": "stopped", "disk": 1.0, **more}
    return GuestScene(vmid=vmid, name=f"ct{vmid}", node=node, storage=storage, **values)


class Direct:
    """Asks as root@pam, the first node unless another one is named."""

    def __init__(
        self, *guests: GuestScene, nodes: int = 3, version: str = "9.2.11", lag: float = 0.0
    ) -> None:
        scene = ClusterScene(
            name="prod",
            nodes=[NodeScene(name=f"pve{n + 1}") for n in range(nodes)],
            guests=[*guests],
            storages=STORAGES,
            version=version,
        )
        self.clock = StillClock()
        settings = Settings(lag=lag, notice_after=10)
        self.cluster = Estate([scene], settings=settings, clock=self.clock)["prod"]

    def call(self, verb: str, path: str, via: str = "pve1", by: str = "root@pam", **given: Any) -> Any:
        """The data; raises ApiError. Underscores in names stand for hyphens."""
        self.cluster.live()
        call = Call(self.cluster.nodes[via], verb, path, by)
        answer = run(ROUTES, call, {name.replace("_", "-"): value for name, value in given.items()})
        if isinstance(answer, Reply):
            return msgspec.json.decode(answer.raw) if answer.raw is not None else answer.data
        return answer

    def get(self, path: str, **given: Any) -> Any:
        return self.call("GET", path, **given)

    def task(self, verb: str, path: str, **given: Any) -> Task:
        """Calls, and lets time pass until the task is over."""
        return self.ended(self.begun(verb, path, **given))

    def begun(self, verb: str, path: str, **given: Any) -> Task:
        upid = self.call(verb, path, **given)
        return next(
            worker.task
            for node in self.cluster.nodes.values()
            for worker in node.tasks.active.values()
            if worker.task.upid == upid
        )

    def ended(self, task: Task) -> Task:
        for _ in range(_PATIENCE):
            self.cluster.live()
            if not task.running:
                return task
            self.clock.advance(1)
        raise AssertionError(f"{task.type} goes on for ever: {task.log}")

    def later(self, seconds: float) -> None:
        """Let time pass, in small steps, as for somebody who keeps looking."""
        for _ in range(int(seconds * 2)):
            self.clock.advance(0.5)
            self.cluster.live()

    def refused(self, verb: str, path: str, **given: Any) -> str:
        """The text of a refusal."""
        with pytest.raises(ApiError) as refusal:
            self.call(verb, path, **given)
        return refusal.value.text

    def volumes(self, vmid: int) -> set[tuple[str, str]]:
        """(node, volume id) of what bears the vmid."""
        return {(each.node, each.volid) for each in self.cluster.volumes.all() if each.vmid == vmid}
