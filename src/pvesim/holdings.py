"""Everything that lies on a storage, each thing once: volumes, and the disks of guests that nobody has
touched, which are Volumes only while somebody looks."""

from __future__ import annotations

from collections.abc import Iterator

from pvesim.guest import Guest
from pvesim.guestconfig import edit, plain, volume, volumes_of
from pvesim.model import Node
from pvesim.sampling import disk_used
from pvesim.scene import StorageScene
from pvesim.volumes import Volume, owner_of


def on(node: Node, storage: StorageScene) -> Iterator[Volume]:
    """What the node sees on the storage."""
    yield from node.cluster.volumes.on(node.name, storage.name)
    guests = node.cluster.guests if storage.shared else node.guests
    for guest in guests.values():
        if untouched(guest) and (guest.storage == storage.name or guest.scene.config):
            yield from (each for each in _of(guest, storage) if each.storage == storage.name)


def untouched(guest: Guest) -> bool:
    """Whether the guest's disks follow from its scene only."""
    return guest.conf is None and guest.lock != "create"


def _of(guest: Guest, storage: StorageScene) -> list[Volume]:
    if guest.scene.config:
        return volumes_of(guest, plain(guest))
    volid = volume(guest)
    return [
        Volume(
            volid,
            "" if storage.shared else guest.node.name,
            "rootdir" if guest.kind == "lxc" else "images",
            "subvol" if "subvol" in volid or "basevol" in volid else "raw",
            guest.disk,
            int(guest.started),
            used=disk_used(guest),
            vmid=guest.vmid,
        )
    ]


def find(node: Node, volid: str) -> Volume | None:
    """The volume as the node sees it."""
    found = node.cluster.volumes.find(node.name, volid)
    return found or next((each for each in _of_owner(node, volid) if each.volid == volid), None)


def own(node: Node, volid: str) -> Volume | None:
    """The volume, to be changed: from now on it stands for itself."""
    if any(each.volid == volid for each in _of_owner(node, volid)):
        edit(node.cluster.guests[owner_of(volid) or 0])
    return node.cluster.volumes.find(node.name, volid)


def _of_owner(node: Node, volid: str) -> list[Volume]:
    guest = node.cluster.guests.get(owner_of(volid) or 0)
    storage = node.cluster.storages.get(volid.partition(":")[0])
    if guest is None or storage is None or not untouched(guest):
        return []
    return _of(guest, storage) if storage.shared or guest.node is node else []
