"""What lies on storages: guests' disks, templates, images, backups.

A guest that nobody has touched has its disk by its scene alone (`storages.disk_of`); everything else is a
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
    content: str  # rootdir, images, vztmpl, iso, backup
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

    __slots__ = ("_by_place", "_used")

    def __init__(self) -> None:
        self._by_place: dict[tuple[str, str], Volume] = {}  # (node or "", volid) →
        self._used: dict[tuple[str, str], int] = {}  # (node or "", storage) → bytes

    def add(self, volume: Volume) -> Volume:
        self._by_place[volume.node, volume.volid] = volume
        self._count(volume, volume.used)
        return volume

    def remove(self, volume: Volume) -> None:
        if self._by_place.pop((volume.node, volume.volid), None) is not None:
            self._count(volume, -volume.used)

    def resize(self, volume: Volume, size: int) -> None:
        volume.size = size

    def find(self, node: str, volid: str) -> Volume | None:
        """The volume as that node sees it."""
        return self._by_place.get(("", volid)) or self._by_place.get((node, volid))

    def on(self, node: str, storage: str) -> Iterator[Volume]:
        """What that node sees on the storage."""
        start = f"{storage}:"
        return (
            volume
            for (where, volid), volume in self._by_place.items()
            if where in ("", node) and volid.startswith(start)
        )

    def used(self, node: str, storage: str) -> int:
        """Bytes taken on the storage, as the node sees it."""
        return self._used.get((node, storage), 0) + self._used.get(("", storage), 0)

    def all(self) -> Iterator[Volume]:
        return iter(self._by_place.values())

    def _count(self, volume: Volume, size: int) -> None:
        place = (volume.node, volume.storage)
        self._used[place] = self._used.get(place, 0) + size


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


_ARCHIVES = {".tar.gz": "tgz", ".tar.zst": "tzst", ".tar.xz": "txz", ".iso": "iso", ".tar": "tar"}


def archive_format(file: str) -> str:
    """What a file's ending says, as content lists have it."""
    return next((name for ending, name in _ARCHIVES.items() if file.endswith(ending)), "raw")
