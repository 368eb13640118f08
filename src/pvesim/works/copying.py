"""Copies of containers, templates, disks that grow or go to another storage: `vzclone`, `vztemplate`,
`resize`, `move_volume`.

Sources: pve-container `API2/LXC.pm`, `LXC.pm` (`copy_volume`, `template_create`); logs as recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pvesim.features import has_feature, is_base
from pvesim.guest import Guest
from pvesim.guestconfig import Conf, adopt, disks, edit, put_together, set_lock, size_text
from pvesim.model import Node
from pvesim.scene import MIB, StorageScene
from pvesim.tasks import Interrupted, Task, TaskFailed, Work
from pvesim.volumes import Volume
from pvesim.works.disks import allocate, format_disk, free_name, path_of

_RATE = 110 * MIB  # bytes that rsync copies in a second
_LINKING = 0.4


@dataclass(frozen=True, slots=True)
class Copy:
    """What a clone call comes to once it has been checked."""

    source: Guest
    new: Guest
    mounts: Mapping[str, Mapping[str, str]]  # key → properties, of the original or its snapshot
    full: bool
    storage: str  # where full copies go; empty: where the original is
    snapshot: str
    target: Node | None


def clone(task: Task, copy: Copy) -> Work:
    """`vzclone`. The original is locked meanwhile; what was made is taken away again where it fails."""
    source, new = copy.source, copy.new
    node = source.node
    cluster = node.cluster
    made: list[Volume] = []
    try:
        yield 0.1
        for key, mount in copy.mounts.items():
            old = mount["volume"]
            if copy.full:
                task.say(f"create full clone of mountpoint {key} ({old})")
                storage = cluster.storages[copy.storage or old.partition(":")[0]]
                yield from duplicate(task, node, old, storage, new.vmid, made)
            else:
                task.say(f"create linked clone of mount point {key} ({old})")
                made.append(_linked(task, node, old, new.vmid, copy.snapshot))
                yield _LINKING
            size = size_text(made[-1].size)
            edit(new)[key] = put_together(key, {**mount, "volume": made[-1].volid, "size": size})
            adopt(new)
    except (TaskFailed, Interrupted) as failure:
        _unlock(source)
        yield 1.0
        for volume in made:
            cluster.volumes.remove(volume)
        if cluster.guests.get(new.vmid) is new:
            cluster.remove(new.vmid)
        why = "interrupted by signal" if isinstance(failure, Interrupted) else str(failure)
        raise TaskFailed(f"clone failed: {why}") from None
    _unlock(source)
    set_lock(new, "")
    if copy.target is not None:
        cluster.move(new.vmid, copy.target.name)


def _unlock(guest: Guest) -> None:
    if guest.node.cluster.guests.get(guest.vmid) is guest:
        set_lock(guest, "")


def duplicate(
    task: Task, node: Node, volid: str, storage: StorageScene, vmid: int, made: list[Volume]
) -> Work:
    """A new file system with everything that is in the old one (`copy_volume`)."""
    old = node.cluster.volumes.find(node.name, volid)
    if old is None:
        raise TaskFailed(f"volume '{volid}' does not exist")
    new = allocate(task, node, storage, vmid, old.size)
    made.append(new)
    yield from format_disk(task, node, new)
    yield max(0.3, old.used / _RATE)
    new.used = old.used
    task.say(*_rsync(old.used))


def _rsync(size: int) -> list[str]:
    files = 300 + size // 40_000
    return [
        "",
        f"Number of files: {files:,} (reg: {files * 3 // 4:,}, dir: {files // 10:,}, link: {files // 8:,})",
        f"Number of created files: {files - 2:,}",
        "Number of deleted files: 0",
        f"Number of regular files transferred: {files * 3 // 4:,}",
        f"Total file size: {size:,} bytes",
        f"Total transferred file size: {size:,} bytes",
        f"Literal data: {size:,} bytes",
        "Matched data: 0 bytes",
        "File list size: 0",
        "File list generation time: 0.001 seconds",
        "File list transfer time: 0.000 seconds",
        f"Total bytes sent: {size + files * 20:,}",
        f"Total bytes received: {files * 4:,}",
        "",
        f"sent {size + files * 20:,} bytes  received {files * 4:,} bytes  {size / 2:,.2f} bytes/sec",
        f"total size is {size:,}  speedup is 1.00",
    ]


def _linked(task: Task, node: Node, volid: str, vmid: int, snapshot: str) -> Volume:
    cluster = node.cluster
    old = cluster.volumes.find(node.name, volid)
    if old is None:
        raise TaskFailed(f"volume '{volid}' does not exist")
    storage = cluster.storages[old.storage]
    name = free_name(cluster, node, storage, vmid)
    task.say(
        f"clone {volid.partition(':')[2]}: {name.partition(':')[2]}"
        + (f" snapname {snapshot}" if snapshot else "")
    )
    if storage.type == "lvmthin":
        task.say(f'  Logical volume "{name.partition(":")[2]}" created.')
    elif storage.type != "btrfs":  # the base is in the name
        name = f"{volid}/{name.partition(':')[2]}"
    return cluster.volumes.add(
        Volume(
            name, old.node, old.content, old.format, old.size, int(cluster.clock.now()), vmid=vmid,
            parent=volid,
        )
    )  # fmt: skip


def make_template(guest: Guest) -> list[str]:
    """Turn all volumes into bases. Raises TaskFailed where a storage cannot; gives the log."""
    cluster, node = guest.node.cluster, guest.node
    conf = edit(guest)
    log: list[str] = []
    for disk in disks(conf).values():
        if not has_feature(cluster, "template", disk["volume"]):
            raise TaskFailed(f"Template feature is not available for '{disk['volume']}'")
    for key, disk in disks(conf).items():
        volume = cluster.volumes.find(node.name, disk["volume"])
        if volume is None:
            raise TaskFailed(f"volume '{disk['volume']}' does not exist")
        log += to_base(node, volume)
        conf[key] = put_together(key, {**disk, "volume": volume.volid})
    conf["template"] = 1
    adopt(guest)
    return log


def to_base(node: Node, volume: Volume) -> list[str]:
    """Rename a volume as templates' are called (`vdisk_create_base`)."""
    cluster, old = node.cluster, volume.volid
    if is_base(old):
        return []
    head, slash, tail = old.rpartition("/") if "/" in old else (f"{volume.storage}:", "", volume.name)
    for prefix, base in (("vm-", "base-"), ("subvol-", "basevol-")):
        if tail.startswith(prefix):
            tail = base + tail.removeprefix(prefix)
    cluster.volumes.remove(volume)
    volume.volid = f"{head}{slash}{tail}"
    cluster.volumes.add(volume)
    if cluster.storages[volume.storage].type == "lvmthin":
        vg = cluster.storages[volume.storage].options.get("vgname", "pve")
        return [f'  Renamed "{old.partition(":")[2]}" to "{volume.name}" in volume group "{vg}"']
    return []


def resize(task: Task, guest: Guest, key: str, size: int) -> Work:
    """`resize`: the volume, then the configuration, then the file system in it."""
    cluster, conf = guest.node.cluster, edit(guest)
    disk = disks(conf)[key]
    volume = cluster.volumes.find(guest.node.name, disk["volume"])
    if volume is None:
        raise TaskFailed(f"volume '{disk['volume']}' does not exist")
    storage = cluster.storages[volume.storage]
    path = path_of(storage, volume.volid)
    yield 0.2
    if storage.name in guest.node.full_storages and storage.type not in ("dir", "nfs", "cifs"):
        raise TaskFailed(f"error resizing volume '{volume.volid}': insufficient free space")
    if storage.type in ("lvm", "lvmthin"):
        vg = storage.options.get("vgname", "pve")
        task.say(
            f"  Size of logical volume {vg}/{volume.name} changed from {_gib(volume.size)} to {_gib(size)}.",
            f"  Logical volume {vg}/{volume.name} successfully resized.",
        )
    elif storage.type not in ("zfspool", "btrfs", "rbd"):
        task.say("Image resized.")
    cluster.volumes.resize(volume, size)
    conf[key] = put_together(key, {**disk, "size": size_text(size)})
    adopt(guest)
    if volume.format == "raw":
        task.say(*_grown(path, size, online=guest.running))
        yield 0.5


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB ({size // 2**22} extents)"


def _grown(path: str, size: int, *, online: bool) -> list[str]:
    blocks = size // 4096
    if online:
        return [
            "resize2fs 1.47.2 (1-Jan-2025)",
            f"Filesystem at {path} is mounted on /tmp; on-line resizing required",
            f"old_desc_blocks = 1, new_desc_blocks = {max(1, size // 2**33)}",
            f"The filesystem on {path} is now {blocks} (4k) blocks long.",
        ]
    return [
        "e2fsck 1.47.2 (1-Jan-2025)",
        "Pass 1: Checking inodes, blocks, and sizes",
        "Pass 2: Checking directory structure",
        "Pass 3: Checking directory connectivity",
        "Pass 4: Checking reference counts",
        "Pass 5: Checking group summary information",
        "resize2fs 1.47.2 (1-Jan-2025)",
        f"Resizing the filesystem on {path} to {blocks} (4k) blocks.",
        f"The filesystem on {path} is now {blocks} (4k) blocks long.",
    ]


def move_volume(task: Task, guest: Guest, key: str, storage: StorageScene, *, delete: bool) -> Work:
    """`move_volume` to another storage; the configuration is locked (disk) until it has ended."""
    cluster, node = guest.node.cluster, guest.node
    made: list[Volume] = []
    try:
        conf = edit(guest)
        disk = disks(conf)[key]
        old = disk["volume"]
        yield from duplicate(task, node, old, storage, guest.vmid, made)
        if guest.template:
            task.say(*to_base(node, made[0]))
        conf[key] = put_together(key, {**disk, "volume": made[0].volid})
        known = cluster.volumes.find(node.name, old)
        if delete and known is not None:
            cluster.volumes.remove(known)
        else:
            unused(conf, old)
    except (TaskFailed, Interrupted) as failure:
        for volume in made:
            cluster.volumes.remove(volume)
        _unlock(guest)
        raise TaskFailed("received interrupt" if isinstance(failure, Interrupted) else str(failure)) from None
    adopt(guest)
    _unlock(guest)


def unused(conf: Conf, volid: str) -> None:
    """Keep a volume as unusedN."""
    number = next(n for n in range(256) if f"unused{n}" not in conf)
    conf[f"unused{number}"] = volid


def reassign(task: Task, guest: Guest, key: str, other: Guest, other_key: str) -> Work:
    """`move_volume` to another container on the same node: the volume gets a name of that one's."""
    cluster, node = guest.node.cluster, guest.node
    yield 0.1
    conf, goal = edit(guest), edit(other)
    value = str(conf[key])
    disk = {"volume": value} if key.startswith("unused") else disks(conf)[key]
    volume = cluster.volumes.find(node.name, disk["volume"])
    if volume is None:
        raise TaskFailed(f"volume '{disk['volume']}' does not exist")
    task.say(f"moving volume '{key}' from container '{guest.vmid}' to '{other.vmid}'")
    cluster.volumes.remove(volume)
    volume.volid = free_name(cluster, node, cluster.storages[volume.storage], other.vmid)
    volume.vmid = other.vmid
    cluster.volumes.add(volume)
    task.say(f"removing volume '{key}' from container '{guest.vmid}' config")
    del conf[key]
    adopt(guest)
    new = {**disk, "volume": volume.volid}
    goal[other_key] = volume.volid if other_key.startswith("unused") else put_together(other_key, new)
    adopt(other)
    task.say(f"target container '{other.vmid}' updated with '{other_key}'")
