"""What lies on storages: guests' disks, templates, images, backups.

A guest that nobody has touched has its disk by its scene alone (`holdings.untouched`); everything else is a
Volume here. A local volume is on one node, a shared one on all that have the storage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pvesim.scene import StorageScene

_OWNED = re.compile(r"(?:vm|base|subvol|basevol)-(\d+)-")


@dataclass(slots=True)
class Volume:
    """One volume; sizes in bytes, `ctime` in seconds since the epoch."""

    volid: str
    node: str  # empty where the storage is shared
    content: str  # rootdir, images, vztmpl, iso, backup, import, snippets
    format: str
    size: int
    ctime: int
    used: int = 0
    vmid: int | None = None
    damaged: bool = False  # an archive that cannot be unpacked
    notes: str = ""
    protected: bool = False
    config: dict[str, str | int] | None = None  # of a backup: the guest's configuration
    parent: str | None = None  # the volume that a linked clone builds on

    @property
    def storage(self) -> str:
        return self.volid.partition(":")[0]

    @property
    def name(self) -> str:
        return self.volid.partition(":")[2]


class Volumes:
    """The volumes of a cluster by node and volume id."""

    __slots__ = ("_by_place",)

    def __init__(self) -> None:
        self._by_place: dict[tuple[str, str], dict[str, Volume]] = {}  # (node or "", storage) → by volid

    def add(self, volume: Volume) -> Volume:
        self._by_place.setdefault((volume.node, volume.storage), {})[volume.volid] = volume
        return volume

    def remove(self, volume: Volume) -> None:
        self._by_place.get((volume.node, volume.storage), {}).pop(volume.volid, None)

    def resize(self, volume: Volume, size: int) -> None:
        volume.size = size

    def find(self, node: str, volid: str) -> Volume | None:
        """The volume as that node sees it."""
        storage = volid.partition(":")[0]
        for where in ("", node):
            found = self._by_place.get((where, storage), {}).get(volid)
            if found is not None:
                return found
        return None

    def on(self, node: str, storage: str) -> Iterator[Volume]:
        """What that node sees on the storage."""
        for where in ("", node):
            yield from self._by_place.get((where, storage), {}).values()

    def used(self, node: str, storage: str) -> int:
        """Bytes taken on the storage, as the node sees it."""
        return sum(volume.used for volume in self.on(node, storage))

    def all(self) -> Iterator[Volume]:
        for volumes in self._by_place.values():
            yield from volumes.values()


def disk_name(storage: StorageScene, vmid: int, number: int, kind: str = "lxc", *, base: bool = False) -> str:
    """The volume id of a guest's n-th disk, in the storage's own manner."""
    if storage.type in ("zfspool", "btrfs") and kind == "lxc":
        prefix = "basevol" if base else "subvol"
    else:
        prefix = "base" if base else "vm"
    name = f"{prefix}-{vmid}-disk-{number}"
    if storage.type in ("zfspool", "lvmthin", "lvm", "rbd"):
        return f"{storage.name}:{name}"
    return f"{storage.name}:{vmid}/{name}.raw"


def owner_of(volid: str) -> int | None:
    """The vmid in a disk's name."""
    found = _OWNED.search(volid)
    return int(found[1]) if found else None


_ARCHIVES = {
    ".tar.gz": "tgz", ".tar.zst": "tzst", ".tar.xz": "txz", ".tar.bz2": "tbz2", ".iso": "iso", ".img": "iso",
    ".tar": "tar",
}  # fmt: skip


def archive_format(file: str) -> str:
    """What a file's ending says, as content lists have it."""
    return next((name for ending, name in _ARCHIVES.items() if file.endswith(ending)), "raw")
