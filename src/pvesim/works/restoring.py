"""Restoring a container from a backup: `vzrestore`.

Source: pve-container `LXC/Create.pm` (`restore_archive`, `recover_config`); the log as recorded.
"""

from __future__ import annotations

from pvesim.guest import Guest
from pvesim.guestconfig import Conf, bytes_of, disks
from pvesim.scene import MIB
from pvesim.tasks import INTERRUPT, Interrupted, Task, TaskFailed, Work
from pvesim.volumes import Volume
from pvesim.works.creating import NewDisk, Plan, finish, mounted
from pvesim.works.disks import allocate, format_disk, free, path_of

_RATE = 180 * MIB


def restore(task: Task, guest: Guest, plan: Plan, unprivileged: bool | None, *, over: bool) -> Work:
    """Disks as in the backup, or as given; the backed-up configuration with what was given on top."""
    node, cluster = guest.node, guest.node.cluster
    made: list[Volume] = []
    try:
        yield 0.15
        archive = cluster.volumes.find(node.name, plan.archive)
        if archive is None or archive.config is None:
            raise TaskFailed(f"volume '{plan.archive}' does not exist")
        saved = archive.config
        task.say(f"recovering backed-up configuration from '{plan.archive}'")
        if over and guest.conf is not None:
            for disk in disks(guest.conf).values():
                free(cluster, node, disk["volume"])
        mounts: Conf = {}
        for new in _wanted(plan, saved):
            made.append(allocate(task, node, cluster.storages[new.storage], guest.vmid, new.size))
            yield from format_disk(task, node, made[-1])
            mounts[new.key] = mounted(new, made[-1])
        task.say(f"restoring '{plan.archive}' now..")
        task.say(f"extracting archive '{path_of(cluster.storages[archive.storage], archive.volid)}'")
        yield max(0.3, archive.size * 2 / _RATE)
        task.say(f"Total bytes read: {archive.size * 2} ({archive.size * 2 / MIB:.1f}MiB, 179MiB/s)")
        task.say("merging backed-up and given configuration..")
        made[0].used = min(archive.size * 2, made[0].size)
        kept: Conf = {
            key: value
            for key, value in saved.items()
            if key not in disks(saved) and key not in ("lock", "template")
        }
        was = str(kept.pop("unprivileged", 0)) == "1"
        finish(guest, {**kept, **plan.conf, **mounts}, was if unprivileged is None else unprivileged)
    except (TaskFailed, Interrupted) as failure:
        for volume in made:
            cluster.volumes.remove(volume)
        if not over and guest.vmid in cluster.guests:
            cluster.remove(guest.vmid)
        why = INTERRUPT if isinstance(failure, Interrupted) else str(failure)
        raise TaskFailed(f"unable to restore CT {guest.vmid} - {why}") from None
    plan.after()


def _wanted(plan: Plan, saved: Conf) -> tuple[NewDisk, ...]:
    """The disks that were given; with a storage alone, those of the backup on it."""
    given = plan.disks
    if len(given) != 1 or given[0].options or not plan.storage_only:
        return given
    return tuple(
        NewDisk(
            key,
            given[0].storage,
            bytes_of(disk.get("size", "4G")),
            {name: value for name, value in disk.items() if name not in ("volume", "size")},
        )
        for key, disk in disks(saved).items()
    )
