"""Starting and stopping guests.

Sources: pve-container `API2/LXC/Status.pm`, `LXC.pm` (`vm_start`, `vm_stop`); times as on an idle host.
"""

from __future__ import annotations

from pvesim.guest import Guest
from pvesim.guestconfig import disks, plain, taken_apart
from pvesim.model import Node
from pvesim.tasks import Interrupted, Task, TaskFailed, Work, command
from pvesim.works.changing import take_over
from pvesim.works.disks import inactive
from pvesim.works.locking import refuse_lock

STARTING = 0.4  # until its init runs
SETTLING = 0.6  # until the task has seen that it does
STOPPING = 0.6
SHUTTING_DOWN = 2.0  # until an idle container's init has ended


def start(task: Task, node: Node, vmid: int, *, skiplock: bool = False) -> Work:
    """`vzstart`, `qmstart`; also of a guest that does not exist, which only the task tells."""
    guest = _of(node, vmid, task)
    if guest.template:
        raise TaskFailed("you can't start a CT if it's a template")
    if not skiplock:
        refuse_lock(guest)
    if guest.running:
        if guest.kind == "lxc":
            return
        raise TaskFailed(f"VM {vmid} already running")
    take_over(guest)
    _prepare(guest)
    yield from command(
        f"systemctl start pve-container@{vmid}" if guest.kind == "lxc" else f"/usr/bin/kvm -id {vmid}",
        STARTING,
    )
    node.cluster.set_status(vmid, "running")
    yield SETTLING


def _of(node: Node, vmid: int, task: Task) -> Guest:
    guest = node.guests.get(vmid)
    if guest is None:
        folder = "lxc" if task.type.startswith("vz") else "qemu-server"
        raise TaskFailed(f"Configuration file 'nodes/{node.name}/{folder}/{vmid}.conf' does not exist")
    return guest


def _prepare(guest: Guest) -> None:
    """What the pre-start hook looks at: volumes and bridges."""
    node = guest.node
    storage = node.cluster.storages.get(guest.storage)
    if storage is not None and storage.name in node.trouble.inactive_storages:
        raise TaskFailed(inactive(storage))
    if guest.conf is not None:
        for disk in disks(guest.conf, guest.kind).values():
            if node.cluster.volumes.find(node.name, disk["volume"]) is None:
                raise TaskFailed(f"volume '{disk['volume']}' does not exist")
    for key, value in plain(guest).items():
        if guest.kind == "lxc" and key.startswith("net"):
            bridge = taken_apart(key, str(value)).get("bridge")
            if bridge and bridge not in node.bridges():
                raise TaskFailed(f"bridge '{bridge}' does not exist")


def kill(guest: Guest) -> Work:
    """Stop at once."""
    try:
        yield STOPPING
    except Interrupted:
        raise TaskFailed(f"command 'lxc-stop -n {guest.vmid} --kill' failed: received interrupt") from None
    if guest.vmid in guest.node.cluster.guests:
        guest.node.cluster.set_status(guest.vmid, "stopped")


def stop(task: Task, guest: Guest, *, skiplock: bool = False) -> Work:
    """`vzstop`, `qmstop`."""
    if not skiplock:
        refuse_lock(guest)
    if not guest.active:
        if guest.kind == "qemu":
            return
        raise TaskFailed(f"CT {guest.vmid} not running")
    yield from kill(guest)


def shutdown(task: Task, guest: Guest, *, timeout: float = 60, force: bool = False) -> Work:
    """`vzshutdown`, `qmshutdown`: asked nicely, then, if wanted, killed."""
    refuse_lock(guest)
    if guest.active or guest.kind == "lxc":
        yield from go_down(guest, timeout=timeout, force=force)


def go_down(guest: Guest, *, timeout: float, force: bool) -> Work:
    """Let init end; raises TaskFailed where that takes longer than `timeout` seconds and nothing is forced."""
    needed = SHUTTING_DOWN * (20 if guest.stubborn else 1)
    try:
        yield min(needed, timeout)
    except Interrupted:
        raise TaskFailed("received interrupt") from None
    if timeout < needed and not force:
        if guest.kind == "qemu":
            raise TaskFailed("VM quit/powerdown failed - got timeout")
        raise TaskFailed("container did not stop")
    if guest.vmid in guest.node.cluster.guests:
        guest.node.cluster.set_status(guest.vmid, "stopped")


def reboot(task: Task, guest: Guest, *, timeout: float = 60) -> Work:
    """`vzreboot`: down and up again on the same configuration."""
    refuse_lock(guest)
    yield from go_down(guest, timeout=timeout, force=True)
    take_over(guest)
    _prepare(guest)
    yield STARTING
    guest.node.cluster.set_status(guest.vmid, "running")


def suspend(task: Task, guest: Guest) -> Work:
    """`vzsuspend`: needs CRIU, which Proxmox does not ship; fails as there. A VM does suspend."""
    refuse_lock(guest)
    yield 0.2
    if guest.kind == "qemu":
        guest.node.cluster.set_status(guest.vmid, "paused")
        return
    line = f"lxc-checkpoint -n {guest.vmid} -s -D /var/lib/vz/dump"
    task.say(
        f"lxc-checkpoint: {guest.vmid}: ../src/lxc/criu.c: criu_version_ok: 767 No such file or directory"
        " - execing criu failed, is it installed?",
        f"lxc-checkpoint: {guest.vmid}: ../src/lxc/tools/lxc_checkpoint.c: checkpoint: 182"
        f" Checkpointing {guest.vmid} failed",
    )
    raise TaskFailed(f"command '{line}' failed: exit code 1")


def resume(task: Task, guest: Guest) -> Work:
    """`vzresume`, `qmresume`."""
    refuse_lock(guest)
    yield 0.2
    if guest.kind == "qemu":
        guest.node.cluster.set_status(guest.vmid, "running")
        return
    raise TaskFailed(f"command 'lxc-checkpoint -n {guest.vmid} -r --foreground' failed: exit code 1")
