"""What people and the HA stack do to guests behind a client's back, with the tasks that tell of it.

Done at once, as if it had taken place a moment ago. Raises Refused where it cannot be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

from pvesim import nodelife
from pvesim.guest import Guest
from pvesim.guestconfig import adopt, edit, set_lock
from pvesim.model import Cluster, Node
from pvesim.scene import GuestScene, is_host_name

Status = Literal["running", "stopped", "paused"]
_STATUS_TASKS = {"running": "start", "stopped": "stop", "paused": "suspend"}


class Refused(ValueError):
    """Something that cannot be done, in a sentence."""


def find(cluster: Cluster, vmid: int) -> Guest:
    """The guest. Raises Refused."""
    guest = cluster.guests.get(vmid)
    if guest is None:
        raise Refused(f"cluster {cluster.name!r} has no guest {vmid}.")
    return guest


def find_node(cluster: Cluster, name: str) -> Node:
    """The node. Raises Refused."""
    if name not in cluster.nodes:
        raise Refused(f"cluster {cluster.name!r} has no node {name!r}: it has {', '.join(cluster.nodes)}.")
    return cluster.nodes[name]


def create(cluster: Cluster, given: Mapping[str, object], by: str = "root@pam") -> Guest:
    """A guest is there, described as in a scene; what is left out is made up."""
    vmid = given.get("vmid") or next(n for n in range(100, 10**9) if n not in cluster.guests)
    values = {"name": f"ct{vmid}", "node": next(iter(cluster.nodes), ""), **given, "vmid": vmid}
    try:
        scene = msgspec.convert(values, GuestScene, strict=False)
    except msgspec.ValidationError as error:
        raise Refused(f"{error}.") from error
    node = find_node(cluster, scene.node)
    if scene.vmid in cluster.guests:
        raise Refused(f"cluster {cluster.name!r} has a guest {scene.vmid} already.")
    if scene.storage not in cluster.storages:
        raise Refused(f"cluster {cluster.name!r} has no storage {scene.storage!r}.")
    guest = cluster.create(scene)
    _told(guest, node, "create", by)
    return guest


def destroy(cluster: Cluster, vmid: int, by: str = "root@pam") -> None:
    """A guest is gone with its disks."""
    guest = find(cluster, vmid)
    for volume in [v for v in cluster.volumes.all() if v.vmid == vmid and v.content in ("rootdir", "images")]:
        cluster.volumes.remove(volume)
    _told(guest, guest.node, "destroy", by)
    cluster.purge(vmid)
    cluster.remove(vmid)


def move(cluster: Cluster, vmid: int, to: str, by: str = "root@pam") -> None:
    """A guest is on another node, with its local disks."""
    guest = find(cluster, vmid)
    source, target = guest.node, find_node(cluster, to)
    if source is target:
        raise Refused(f"guest {vmid} is on {to!r} already.")
    for volume in [v for v in cluster.volumes.all() if v.vmid == vmid and v.node == source.name]:
        if volume.content in ("rootdir", "images"):
            cluster.volumes.remove(volume)
            volume.node = target.name
            cluster.volumes.add(volume)
    _told(guest, source, "migrate", by)
    cluster.move(vmid, to)


def set_status(cluster: Cluster, vmid: int, status: str, by: str = "root@pam") -> None:
    """A guest runs, is stopped, or is paused."""
    guest = find(cluster, vmid)
    if status not in get_args(Status):
        raise Refused(f"status must be one of {', '.join(get_args(Status))}, not {status!r}.")
    if guest.template and status != "stopped":
        raise Refused(f"guest {vmid} is a template.")
    if guest.status != status:
        _told(guest, guest.node, _STATUS_TASKS[status], by)
        cluster.set_status(vmid, status)  # type: ignore[arg-type]


def rename(cluster: Cluster, vmid: int, name: str) -> None:
    """A guest is called otherwise."""
    guest = find(cluster, vmid)
    if not all(map(is_host_name, name.split("."))):
        raise Refused(f"{name!r} is no name of a guest: use letters, digits, hyphens and dots.")
    edit(guest)["hostname" if guest.kind == "lxc" else "name"] = name
    adopt(guest)


def lock(cluster: Cluster, vmid: int, lock: str) -> None:
    """A guest's configuration carries a lock (backup, migrate, snapshot …), or none where empty."""
    set_lock(find(cluster, vmid), lock)


def maintenance(cluster: Cluster, node: str, enable: bool) -> None:
    """`ha-manager crm-command node-maintenance`: HA takes a node's guests elsewhere, or lets them back."""
    nodelife.maintenance(find_node(cluster, node), on=enable)


def _told(guest: Guest, node: Node, verb: str, by: str) -> None:
    kind = f"{'vz' if guest.kind == 'lxc' else 'qm'}{verb}"
    node.tasks.done(kind, str(guest.vmid), by)
