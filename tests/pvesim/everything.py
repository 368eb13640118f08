"""A scene with one of everything in it, and calls to it without a wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pvesim import ClusterScene, Estate, GuestScene, Settings, StorageScene, UserScene
from pvesim.api import Call, Routes, run
from pvesim.errors import ApiError
from pvesim.running import give_addresses
from tests.pvesim import recorded_scene

CONTAINER, STOPPED, MACHINE, DOOMED = 100, 102, 200, 103
_STORAGES = [
    StorageScene(name="zfs", type="zfspool", content=["rootdir", "images"], options={"pool": "tank"}),
    StorageScene(name="off", disabled=True),
    StorageScene(name="nfs", type="nfs", shared=True, options={"server": "10.0.0.9", "export": "/x"}),
]


def scene() -> ClusterScene:
    guests = [
        GuestScene(vmid=CONTAINER, name="a", node="pve1", tags=["x"], pool="p1", storage="zfs"),
        GuestScene(vmid=101, name="t", node="pve1", status="stopped", template=True),
        GuestScene(vmid=STOPPED, name="b", node="pve1", status="stopped", storage="zfs"),
        GuestScene(vmid=DOOMED, name="c", node="pve1", status="stopped", lock="create"),
        GuestScene(vmid=MACHINE, name="v", node="pve1", kind="qemu"),
        GuestScene(vmid=201, name="w", node="pve2", kind="qemu", status="stopped"),
    ]
    base = recorded_scene.cluster(nodes=3, offline=("pve3",), guests=tuple(guests), pools=("p1",))
    return ClusterScene(
        **{
            **{name: getattr(base, name) for name in base.__struct_fields__},
            "storages": [*base.storages, *_STORAGES],
            "groups": ["admins"],
            "users": [*base.users, UserScene(userid="g@pve", password="secret-123", groups=["admins"])],
        }
    )


class Asked:
    """An estate that is asked directly, as root@pam with a ticket."""

    def __init__(self, routes: Routes) -> None:
        self.routes = routes
        self.estate = Estate([scene()], settings=Settings.quick())
        give_addresses(self.estate, "127.66", 8006, same_address=False)
        self.cluster = self.estate["testcluster"]

    def call(self, verb: str, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """What the method returns. Raises ApiError."""
        self.cluster.live()
        call = Call(self.cluster.nodes["pve1"], verb, path, "root@pam", "PVE:root@pam:00000000::x")
        return run(self.routes, call, dict(params or {}))

    def attempt(self, verb: str, path: str, params: Mapping[str, Any] | None = None) -> str:
        """The same; says why it was refused, "" if it was not."""
        try:
            self.call(verb, path, params)
        except ApiError as error:
            return f"{error.status} {error.text} {error.errors or ''}"
        return ""

    def pass_time(self, seconds: float) -> None:
        self.estate.clock.advance(seconds)
        self.cluster.live()

    def live_through(self) -> list[str]:
        """Let things happen that leave traces everywhere; what was refused, in words."""
        at = f"/nodes/pve1/lxc/{CONTAINER}"
        refused = []
        for verb, path, params in (
            ("POST", f"{at}/snapshot", {"snapname": "before", "description": "x"}),
            ("POST", "/cluster/ha/resources", {"sid": f"ct:{CONTAINER}", "comment": "x"}),
            ("POST", "/cluster/ha/rules",
             {"rule": "near", "type": "node-affinity", "resources": f"ct:{CONTAINER}", "nodes": "pve1:2"}),
            ("POST", "/cluster/replication", {"id": f"{STOPPED}-0", "type": "local", "target": "pve2"}),
            ("POST", f"/nodes/pve1/lxc/{STOPPED}/status/start", {}),
            ("POST", "/nodes/pve1/vzdump", {"vmid": str(STOPPED), "storage": "local", "mode": "stop"}),
            ("PUT", "/nodes/pve1/config", {"description": "x"}),
            ("PUT", f"{at}/config", {"description": "y", "onboot": "1"}),
            ("POST", "/nodes/pve1/network", {"iface": "vmbr7", "type": "bridge"}),
            ("PUT", "/cluster/options", {"description": "x"}),
        ):  # fmt: skip
            if why := self.attempt(verb, path, params):
                refused.append(f"{verb} {path}: {why}")
            self.pass_time(60)
        return refused
