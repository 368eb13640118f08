"""Somebody else acts on guests.

A person or the HA stack does something to a guest at once, and the task list tells of it (`by`: whose task
it is). Without `vmid` it is the first container of the node, or of the cluster.
"""

from __future__ import annotations

import re

from pvesim import deeds
from pvesim.errors import ApiError
from pvesim.faults.registry import BadTarget, Target, fault
from pvesim.guest import Guest
from pvesim.layers import Undo
from pvesim.meddling import meddle
from pvesim.model import Cluster, Node
from pvesim.trouble import Meddler, Selector
from pvesim.wire import MalformedBody, Request, parameters


def _guest(target: Target, vmid: int) -> Guest:
    if vmid:
        return deeds.find(target.cluster, vmid)
    guests = target.node.guests if target.node else target.cluster.guests
    found = min((g.vmid for g in guests.values() if g.kind == "lxc" and not g.template), default=0)
    if not found:
        raise BadTarget("there is no container there: name a guest with vmid=.")
    return guests[found]


def _still(cluster: Cluster, guest: Guest) -> bool:
    return cluster.guests.get(guest.vmid) is guest


@fault("guest-moved", scope="node or cluster")
def _guest_moved(target: Target, vmid: int = 0, to: str = "", by: str = "root@pam") -> Undo:
    """Somebody has moved the guest to another node, `to` or the next one: its path there is another, on the
    old node it "does not exist"."""
    guest = _guest(target, vmid)
    cluster, source = target.cluster, guest.node
    if len(cluster.nodes) < 2:
        raise BadTarget(f"guest-moved: {cluster.name!r} has no other node.")
    names = list(cluster.nodes)
    goal = to or names[(names.index(source.name) + 1) % len(names)]
    deeds.move(cluster, guest.vmid, goal, by)
    moved_to = guest.node

    def undo() -> None:
        if _still(cluster, guest) and guest.node is moved_to and cluster.nodes.get(source.name) is source:
            deeds.move(cluster, guest.vmid, source.name, by)

    return undo


@fault("guest-renamed", scope="node or cluster")
def _guest_renamed(target: Target, vmid: int = 0, called: str = "renamed-meanwhile") -> Undo:
    """Somebody has given the guest another name; its configuration's digest is another one."""
    guest = _guest(target, vmid)
    cluster, before = target.cluster, guest.name
    deeds.rename(cluster, guest.vmid, called)

    def undo() -> None:
        if _still(cluster, guest) and guest.name == called:
            deeds.rename(cluster, guest.vmid, before)

    return undo


@fault("guest-locked", scope="node or cluster")
def _guest_locked(target: Target, vmid: int = 0, lock: str = "backup") -> Undo:
    """The guest's configuration carries a lock that nothing takes away: "CT is locked"."""
    guest = _guest(target, vmid)
    cluster, before = target.cluster, guest.lock
    if before:
        raise BadTarget(f"guest-locked: guest {guest.vmid} is locked ({before}) already.")
    deeds.lock(cluster, guest.vmid, lock)

    def undo() -> None:
        if _still(cluster, guest) and guest.lock == lock:
            deeds.lock(cluster, guest.vmid, before)

    return undo


@fault("guest-toggled", scope="node or cluster", reversible=False)
def _guest_toggled(target: Target, vmid: int = 0, by: str = "root@pam") -> Undo:
    """Somebody has stopped the guest, or started it where it was stopped. Ended, it is put back, unless
    somebody has done the same meanwhile."""
    guest = _guest(target, vmid)
    cluster, before = target.cluster, guest.status
    other = "stopped" if guest.active else "running"
    deeds.set_status(cluster, guest.vmid, other, by)

    def undo() -> None:
        if _still(cluster, guest) and guest.status == other:
            deeds.set_status(cluster, guest.vmid, before, by)

    return undo


@fault("guest-stubborn", scope="node or cluster")
def _guest_stubborn(target: Target, vmid: int = 0) -> Undo:
    """The guest does not end when it is asked to: a shutdown without force runs into its time-out."""
    return target.put([_guest(target, vmid)], stubborn=True)


@fault("guest-destroyed", scope="node or cluster", reversible=False)
def _guest_destroyed(target: Target, vmid: int = 0, by: str = "root@pam") -> Undo:
    """Somebody has destroyed the guest, with its disks. Nothing brings it back."""
    guest = _guest(target, vmid)
    deeds.destroy(target.cluster, guest.vmid, by)
    return lambda: None


class _Faster(Meddler):
    """Somebody else takes the vmid that a call is about to take."""

    def __init__(self, selector: Selector, by: str) -> None:
        super().__init__(selector)
        self.by = by

    def before(self, node: Node, request: Request) -> None:
        try:
            given = parameters(request)
        except (MalformedBody, ApiError):
            return
        wanted = str(given.get("newid") or given.get("vmid") or "")
        named = re.match(r"/api2/\w+/nodes/([^/]+)/", request.path)
        winner = node.cluster.nodes.get(named[1], node) if named else node
        if re.fullmatch(r"[1-9]\d{2,8}", wanted) and int(wanted) not in node.cluster.guests:
            deeds.create(
                node.cluster,
                {
                    "vmid": int(wanted),
                    "name": f"taken-{wanted}",
                    "node": winner.name,
                    "status": "stopped",
                    "storage": next(iter(node.cluster.storages)),
                },
                self.by,
            )


@fault(
    "vmid-taken",
    scope="node or cluster",
    reversible=False,
    selects="answers",
    path=r"^POST /nodes/[^/]+/(lxc|qemu)(/\d+/clone)?/?$",
    count=1,
)
def _vmid_taken(target: Target, selector: Selector, by: str = "root@pam") -> Undo:
    """Somebody else's create wins the race: just before the selected create or clone is processed, a guest
    with its vmid appears. The guest stays when the fault ends."""
    return meddle(target.nodes, _Faster(selector, by))
