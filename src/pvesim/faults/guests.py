"""Somebody else does something to a guest meanwhile. What has been done stays done when the fault is cleared."""

from __future__ import annotations

from pvesim.faults.registry import BadTarget, Target, Undo, fault, put
from pvesim.guest import Guest
from pvesim.guestconfig import adopt, edit, set_lock


def _guest(target: Target, vmid: int) -> Guest:
    found = target.cluster.guests.get(vmid)
    if found is None:
        raise BadTarget(f"cluster {target.cluster.name!r} has no guest {vmid}.")
    return found


def _done() -> None:
    return None


@fault("guest-moved", scope="cluster", reversible=False)
def _moved(target: Target, vmid: int = 100, to: str = "") -> Undo:
    """HA, or a person, has moved the guest to another node."""
    guest = _guest(target, vmid)
    others = [name for name in target.cluster.nodes if name != guest.node.name]
    goal = to or (others[0] if others else "")
    if goal not in others:
        raise BadTarget(f"guest-moved: to must be one of {', '.join(others) or 'no other node'}, not {to!r}.")
    target.cluster.move(vmid, goal)
    return _done


@fault("guest-renamed", scope="cluster", reversible=False)
def _renamed(target: Target, vmid: int = 100, called: str = "renamed") -> Undo:
    """A person has given the guest another name."""
    guest = _guest(target, vmid)
    edit(guest)["hostname" if guest.kind == "lxc" else "name"] = called
    adopt(guest)
    return _done


@fault("guest-locked", scope="cluster")
def _locked(target: Target, vmid: int = 100, lock: str = "backup") -> Undo:
    """The guest's configuration carries a lock: what would change it is refused."""
    guest = _guest(target, vmid)
    set_lock(guest, lock)

    def undo() -> None:
        if target.cluster.guests.get(vmid) is guest:
            set_lock(guest, "")

    return undo


@fault("guest-destroyed", scope="cluster", reversible=False)
def _destroyed(target: Target, vmid: int = 100) -> Undo:
    """A person has destroyed the guest."""
    _guest(target, vmid)
    target.cluster.remove(vmid)
    return _done


@fault("guest-stubborn", scope="cluster")
def _stubborn(target: Target, vmid: int = 100) -> Undo:
    """The guest does not end when it is asked to: a shutdown without force runs into its time-out."""
    guest = _guest(target, vmid)
    guest.stubborn = True

    def undo() -> None:
        guest.stubborn = False

    return undo


@fault("vmid-taken", scope="cluster")
def _vmid_taken(target: Target, count: int = 1) -> Undo:
    """Somebody else's container takes the vmid of the next call to create one, a moment before it."""
    return put([target.cluster], thieves=count)
