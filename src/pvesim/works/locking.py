"""The lock file of a guest: work on it waits for its turn, and gives up after a while.

Source: pve-guest-common `AbstractConfig.pm` (`lock_config`, 10 s).
"""

from __future__ import annotations

from pvesim.errors import failed
from pvesim.guest import Guest
from pvesim.tasks import Task, TaskFailed, Work

PATIENCE = 10.0
_STEP = 0.1
_LABEL = {"lxc": "CT", "qemu": "VM"}


def holding(task: Task, guest: Guest, work: Work) -> Work:
    """Do `work` while nobody else works on the guest."""
    waited = 0.0
    while guest.busy is not None and guest.busy.running:
        if waited >= PATIENCE:
            lxc, vmid = guest.kind == "lxc", guest.vmid
            path = (
                f"/run/lock/lxc/pve-config-{vmid}.lock" if lxc else f"/var/lock/qemu-server/lock-{vmid}.conf"
            )
            raise TaskFailed(f"can't lock file '{path}' - got timeout")
        yield _STEP
        waited += _STEP
    guest.busy = task
    try:
        yield from work
    finally:
        guest.busy = None


def unlocked(guest: Guest) -> None:
    """Raises 500 where the configuration carries a lock."""
    if guest.lock:
        raise failed(f"{_LABEL[guest.kind]} is locked ({guest.lock})")


def refuse_lock(guest: Guest) -> None:
    """The same from within a task."""
    if guest.lock:
        raise TaskFailed(f"{_LABEL[guest.kind]} is locked ({guest.lock})")
