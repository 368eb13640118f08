"""Making and freeing volumes, with what the tools print while they do it.

Sources: pve-storage `Storage/Plugin.pm` (`alloc_image`), e2fsprogs' mkfs as recorded.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from pvesim.model import Cluster, Node
from pvesim.scene import GIB, StorageScene
from pvesim.storages import directory
from pvesim.tasks import Task, TaskFailed, Work
from pvesim.volumes import Volume, disk_name

_BLOCK = 4096
_GROUP = 32768  # blocks in a group
_MOST = 2.0**33  # GiB; sizes are 64-bit numbers of bytes
FORMATTING = 0.12  # seconds for a file system


def inactive(storage: StorageScene) -> str:
    """What activating the storage dies of (pve-storage `Storage.pm`, `Storage/DirPlugin.pm`)."""
    if storage.type in ("dir", "btrfs"):
        return (
            f"unable to activate storage '{storage.name}' - directory is expected to be a mount point but is"
            f" not mounted: '{directory(storage)}'"
        )
    return f"storage '{storage.name}' is not online"


def path_of(storage: StorageScene, volid: str) -> str:
    """Where a volume is to be found on its node."""
    name = volid.partition(":")[2]
    kind, _, file = name.partition("/")
    folder = {
        "vztmpl": "template/cache",
        "iso": "template/iso",
        "backup": "dump",
        "snippets": "snippets",
        "import": "import",
    }.get(kind)
    if folder:
        return f"{directory(storage)}/{folder}/{file}"
    if storage.type == "zfspool":
        return f"/{storage.options.get('pool', storage.name)}/{name}"
    if storage.type in ("lvm", "lvmthin"):
        return f"/dev/{storage.options.get('vgname', 'pve')}/{name}"
    if storage.type == "rbd":
        return f"/dev/rbd-pve/{storage.options.get('pool', 'rbd')}/{name}"
    return f"{directory(storage)}/images/{name}"


def free_name(cluster: Cluster, node: Node, storage: StorageScene, vmid: int, kind: str = "lxc") -> str:
    """The first disk name of the guest that is not taken on the storage."""
    number = 0
    while cluster.volumes.find(node.name, disk_name(storage, vmid, number, kind)):
        number += 1
    return disk_name(storage, vmid, number, kind)


def allocate(
    task: Task,
    node: Node,
    storage: StorageScene,
    vmid: int,
    size: int,
    kind: str = "lxc",
    *,
    content: str = "",
) -> Volume:
    """Make a disk; logs as the storage does. Raises TaskFailed where the storage is full."""
    cluster = node.cluster
    if storage.name in node.trouble.inactive_storages:
        raise TaskFailed(inactive(storage))
    if kind == "lxc" and not content and "rootdir" not in storage.content and storage.type != "zfspool":
        raise TaskFailed(f"content type 'rootdir' is not available or configured on storage '{storage.name}'")
    subvol = kind == "lxc" and (size == 0 or storage.type in ("zfspool", "btrfs"))
    volid = free_name(cluster, node, storage, vmid, kind)
    if size == 0 and storage.type not in ("zfspool", "btrfs", "lvmthin", "lvm", "rbd"):
        volid = volid.replace("/vm-", "/subvol-").replace(".raw", ".subvol")
    elif storage.type not in ("zfspool", "lvmthin", "lvm", "rbd", "btrfs"):
        path = path_of(storage, volid)
        if storage.name in node.full_storages:
            raise TaskFailed(f"unable to create image: '{path}' - No space left on device")
        task.say(f"Formatting '{path}', fmt=raw size={size} preallocation=off")
    elif storage.name in node.full_storages:
        raise TaskFailed(_full(storage, volid))
    elif storage.type in ("lvmthin", "lvm"):
        task.say(f'  Logical volume "{volid.partition(":")[2]}" created.')
    volume = Volume(
        volid,
        "" if storage.shared else node.name,
        content or ("rootdir" if kind == "lxc" else "images"),
        "subvol" if subvol else "raw",
        size,
        int(cluster.clock.now()),
        vmid=vmid,
    )
    return cluster.volumes.add(volume)


def _full(storage: StorageScene, volid: str) -> str:
    name = volid.partition(":")[2]
    if storage.type == "zfspool":
        return f"zfs error: cannot create '{storage.options.get('pool', storage.name)}/{name}': out of space"
    vg, pool = storage.options.get("vgname", "pve"), storage.options.get("thinpool", "data")
    if storage.type == "lvmthin":
        return (
            f"lvcreate '{vg}/{name}' error:   Cannot create new thin volume, free space in thin pool"
            f" {vg}/{pool} reached threshold."
        )
    return f"lvcreate '{vg}/{name}' error: Volume group \"{vg}\" has insufficient free space"


def format_disk(task: Task, node: Node, volume: Volume) -> Work:
    """mkfs.ext4 on a new image; nothing to do for a directory or data set."""
    if volume.format == "subvol":
        return
    blocks = volume.size // _BLOCK
    task.say(
        f"Creating filesystem with {blocks} 4k blocks and {max(blocks // 4, 16)} inodes",
        f"Filesystem UUID: {uuid.UUID(int=node.cluster.chance.getrandbits(128), version=4)}",
        "Superblock backups stored on blocks: ",
        f"\t{', '.join(map(str, _superblocks(blocks)))}",
    )
    yield FORMATTING


def _superblocks(blocks: int) -> Sequence[int]:
    """ext4 keeps copies in groups 1 and the powers of 3, 5 and 7."""
    groups = sorted({1, *(base**n for base in (3, 5, 7) for n in range(1, 14))})
    return [group * _GROUP for group in groups if group * _GROUP < blocks]


def free(cluster: Cluster, node: Node, volid: str) -> bool:
    """Remove a volume; False where there is none."""
    volume = cluster.volumes.find(node.name, volid)
    if volume is None:
        return False
    cluster.volumes.remove(volume)
    return True


def refuse_base_in_use(cluster: Cluster, node: Node, volid: str) -> None:
    """Raises TaskFailed for a template's volume that linked clones stand on."""
    volume = cluster.volumes.find(node.name, volid)
    if volume is not None and any(
        each.parent == volid and each.node == volume.node for each in cluster.volumes.all()
    ):
        raise TaskFailed(f"base volume '{volid.partition(':')[2]}' is still in use by linked clones")


def thin(storage: StorageScene) -> bool:
    """Whether the storage can take snapshots of containers (its volumes, not as files)."""
    return storage.type in ("zfspool", "lvmthin", "rbd", "btrfs")


def gigabytes(size: str) -> int:
    """The bytes of a new disk's size, in GiB."""
    return int(min(float(size), _MOST) * GIB)
