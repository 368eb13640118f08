"""Backups: `vzdump`, with the log of a container's backup as recorded.

Source: pve-manager `VZDump.pm`, pve-container `VZDump/LXC.pm`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pvesim.guest import Guest
from pvesim.guestconfig import disks, plain, set_lock
from pvesim.model import Node
from pvesim.scene import MIB, StorageScene
from pvesim.tasks import Interrupted, Task, TaskFailed, Work
from pvesim.volumes import Volume
from pvesim.works.disks import path_of

_RATE = 200 * MIB
_ENDINGS = {"zstd": ".zst", "gzip": ".gz", "1": ".gz", "lzo": ".lzo", "0": ""}


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be backed up, and how."""

    vmids: Sequence[int]
    storage: StorageScene
    mode: str
    compress: str
    notes: str
    protected: bool
    command: str  # as the log shows it
    denied: Mapping[int, str]  # vmid → why this caller may not


def vzdump(task: Task, node: Node, job: Job) -> Work:
    """One guest after the other; a failed one does not keep the others from being backed up."""
    if job.denied:
        raise TaskFailed(next(iter(job.denied.values())))
    task.say(f"INFO: starting new backup job: vzdump {job.command}")
    failed = 0
    for vmid in job.vmids:
        guest = node.guests.get(vmid)
        if guest is None:
            task.say(f"ERROR: Backup of VM {vmid} failed - unable to find VM '{vmid}'")
            failed += 1
            continue
        try:
            yield from _one(task, node, guest, job)
        except TaskFailed as failure:
            task.say(f"ERROR: Backup of VM {vmid} failed - {failure}", f"INFO: Failed at {_time(node)}")
            failed += 1
    if failed:
        task.say("INFO: Backup job finished with errors")
        raise TaskFailed("job errors")
    task.say("INFO: Backup job finished successfully")


def _one(task: Task, node: Node, guest: Guest, job: Job) -> Work:
    kind = "lxc" if guest.kind == "lxc" else "qemu"
    if guest.lock:
        raise TaskFailed(f"{'CT' if kind == 'lxc' else 'VM'} is locked ({guest.lock})")
    if job.storage.name in node.full_storages:
        raise TaskFailed("write error: No space left on device")
    began = _time(node)
    task.say(
        f"INFO: Starting Backup of VM {guest.vmid} ({kind})",
        f"INFO: Backup started at {began}",
        f"INFO: status = {guest.status}",
        f"INFO: backup mode: {job.mode if guest.running else 'stop'}",
        "INFO: ionice priority: 7",
        f"INFO: CT Name: {guest.name}" if kind == "lxc" else f"INFO: VM Name: {guest.name}",
        "INFO: including mount point rootfs ('/') in backup",
    )
    config = dict(plain(guest))
    set_lock(guest, "backup")
    used = sum(
        found.used
        for disk in disks(config, guest.kind).values()
        if (found := node.cluster.volumes.find(node.name, disk["volume"])) is not None
    )
    size = max(used // 2, MIB)
    try:
        stamp = datetime.fromtimestamp(node.cluster.clock.now(), UTC).strftime("%Y_%m_%d-%H_%M_%S")
        form = f"tar{_ENDINGS[job.compress]}" if kind == "lxc" else f"vma{_ENDINGS[job.compress]}"
        volid = f"{job.storage.name}:backup/vzdump-{kind}-{guest.vmid}-{stamp}.{form}"
        task.say(f"INFO: creating vzdump archive '{path_of(job.storage, volid)}'")
        yield max(0.5, used / _RATE)
    except Interrupted:
        raise TaskFailed("interrupted by signal") from None
    finally:
        if guest.vmid in node.cluster.guests:
            set_lock(guest, "")
    shared = "" if job.storage.shared else node.name
    node.cluster.volumes.add(
        Volume(
            volid, shared, "backup", form, size, int(node.cluster.clock.now()), used=size, vmid=guest.vmid,
            notes=job.notes, protected=job.protected, config=config,
        )
    )  # fmt: skip
    task.say(
        f"INFO: Total bytes written: {used} ({used / MIB:.1f}MiB, 206MiB/s)",
        f"INFO: archive file size: {size // MIB}MB",
        f"INFO: Finished Backup of VM {guest.vmid} (00:00:0{min(9, int(used / _RATE))})",
        f"INFO: Backup finished at {_time(node)}",
    )


def _time(node: Node) -> str:
    return datetime.fromtimestamp(node.cluster.clock.now(), UTC).strftime("%Y-%m-%d %H:%M:%S")
