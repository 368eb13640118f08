"""What lies on storages: /nodes/{node}/storage/{storage}/content and single volumes below it.

Sources: pve-storage `API2/Storage/Content.pm`, `Storage/Plugin.pm` (`list_volumes`, `alloc_image`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from pvesim import holdings, volnames
from pvesim.api import Call, Routes
from pvesim.config_rights import may_read_volume
from pvesim.errors import ApiError, failed, invalid
from pvesim.model import Node
from pvesim.pruning import protected_limit
from pvesim.routes.storage import active
from pvesim.scene import MIB, StorageScene
from pvesim.storages import kind_of
from pvesim.tasks import Task, TaskFailed, Work
from pvesim.volumes import Volume
from pvesim.works.disks import free_name, path_of
from pvesim.works.storing import remove

_SECTOR = 512
_BLOCK = 4096
_UNITS = {"": 1024, "M": MIB, "G": 1024 * MIB}
_DELAYED = 1.0  # how often the caller of a delete with `delay` looks


def register(routes: Routes) -> None:
    at = "/nodes/{node}/storage/{storage}/content"
    routes.get(at)(_list)
    routes.post(at)(_allocate)
    one = f"{at}/{{volume}}"
    routes.get(one, rest=True)(_attributes)
    routes.put(one, rest=True)(_update)
    routes.delete(one, rest=True)(_delete)
    routes.post(one, rest=True)(_copy)


def _list(call: Call) -> object:
    given = call.params
    storage = active(call, given["storage"])
    vmid = int(given["vmid"]) if given.get("vmid") else None
    rows = [
        row
        for volume, row in rows_on(call.node, storage, vmid, given.get("content", ""))
        if readable(call, volume.volid)
    ]
    return sorted(rows, key=lambda row: str(row["volid"]).lower())


def readable(call: Call, volid: str) -> bool:
    try:
        may_read_volume(call, volid, None)
    except ApiError:
        return False
    return True


def rows_on(
    node: Node, storage: StorageScene, vmid: int | None = None, content: str = ""
) -> Iterator[tuple[Volume, dict[str, object]]]:
    """Every volume that the storage may hold, with its row; only those of a guest, or of a kind."""
    for volume in list(holdings.on(node, storage)):
        kind = content_of(node, volume)
        if kind not in storage.content or content not in ("", kind):
            continue
        if vmid is not None and kind != "snippets" and volume.vmid != vmid:
            continue
        yield volume, row_of(volume, storage, kind)


def content_of(node: Node, volume: Volume) -> str:
    """A disk is a container's while a container of that id exists, otherwise a machine's."""
    if volume.content not in ("rootdir", "images"):
        return volume.content
    guest = node.cluster.guests.get(volume.vmid or 0)
    return "rootdir" if guest is not None and guest.kind == "lxc" else "images"


def row_of(volume: Volume, storage: StorageScene, kind: str) -> dict[str, object]:
    row: dict[str, object] = {"volid": volume.volid, "format": volume.format, "content": kind}
    if storage.type not in ("zfspool", "zfs", "rbd"):
        row["ctime"] = volume.ctime
    row["size"] = volume.size
    if kind in ("rootdir", "images"):
        row["vmid"] = volume.vmid
        if kind_of(storage).files:
            row |= {"used": volume.used, "parent": volume.parent}
        elif storage.type in ("zfspool", "zfs", "rbd"):
            row |= {"name": volume.name, "parent": volume.parent}
    if kind == "backup":
        if volume.vmid is not None:
            row["vmid"] = volume.vmid
        if subtype := subtype_of(volume):
            row["subtype"] = subtype
        if volume.notes:
            row["notes"] = volume.notes.split("\n", 1)[0]
        if volume.protected:
            row["protected"] = 1
    return row


def subtype_of(backup: Volume) -> str:
    """lxc or qemu, by the file's name."""
    known = volnames.dump(backup.name)
    return known.kind if known else ""


def _volid(call: Call) -> tuple[str, StorageScene, volnames.Named]:
    """The volume id that the path means, and what its name says. Raises 400, 500."""
    storage, volume = call.params.get("storage", ""), call.params["volume"]
    if ":" in volume:
        owner = volume.partition(":")[0]
        if storage and owner != storage:
            raise invalid(volume=f"storage ID mismatch ({owner} != {storage})\n")
        volid = volume
    else:
        volid = f"{storage}:{volume}"
    known = call.cluster.storages.get(volid.partition(":")[0])
    if known is None:
        raise failed(f"storage '{volid.partition(':')[0]}' does not exist")
    try:
        return volid, known, volnames.parse(known, volid.partition(":")[2])
    except volnames.BadName as error:
        raise failed(str(error)) from error


def _attributes(call: Call) -> object:
    volid, storage, named = _volid(call)
    may_read_volume(call, volid, None)
    volume = holdings.find(call.node, volid)
    if volume is None:
        raise failed(f"volume_size_info on '{volid}' failed - no format")
    file = named.content not in ("images", "rootdir")
    size = -(-volume.size // _SECTOR) * _SECTOR if file else volume.size
    row: dict[str, object] = {
        "path": path_of(storage, volid),
        "size": size,
        "used": -(-volume.size // _BLOCK) * _BLOCK if file else volume.used,
        "format": "raw" if file and storage.type != "pbs" else volume.format,
    }
    if named.content == "backup":
        row |= {"notes": volume.notes, "protected": int(volume.protected)}
    return row


def _update(call: Call) -> object:
    volid, storage, named = _volid(call)
    may_read_volume(call, volid, None)
    volume = holdings.find(call.node, volid)
    for attribute in ("notes", "protected"):
        if attribute not in call.params:
            continue
        if not kind_of(storage).files and storage.type != "pbs":
            raise failed(f"attribute '{attribute}' is not supported for storage type '{storage.type}'")
        if named.content != "backup":
            raise failed(f"only backups support attribute '{attribute}'")
        if volume is None:
            raise failed(f"volume '{volid}' does not exist")
        if attribute == "notes":
            volume.notes = call.params["notes"]
            continue
        wanted = call.flag("protected")
        if wanted and not volume.protected:
            protected_limit(call, storage, volume)
        volume.protected = wanted
    return None


def _delete(call: Call) -> object:
    volid, storage, named = _volid(call)
    where = f"/storage/{storage.name}"
    if named.content == "backup" and named.vmid is not None:
        call.need(where, "Datastore.AllocateSpace")
        call.need(f"/vms/{named.vmid}", "VM.Backup")
    else:
        call.need(where, "Datastore.Allocate")
    node, owner = call.node, f"{named.vmid}@" if named.vmid is not None else ""
    doomed = holdings.find(node, volid)
    upid = call.start("imgdel", f"{owner}{storage.name}", lambda task: remove(task, node, storage, volid))
    if not call.params.get("delay"):
        return upid
    call.delay += _DELAYED * call.cluster.settings.delay_scale
    if doomed is not None and doomed.protected:
        raise failed(f"cannot remove protected volume '{doomed.name}' on '{storage.name}'")
    return None


def _allocate(call: Call) -> object:
    given = call.params
    size, unit = given["size"].rstrip("MG"), given["size"].lstrip("0123456789")
    name, vmid = given["filename"], int(given["vmid"])
    ending = name.rpartition(".")[2] if name.endswith((".raw", ".qcow2", ".vmdk")) else ""
    chosen = given.get("format", "")
    if ending and chosen and chosen != ending:
        raise invalid(format=f"different storage formats ({chosen} != {ending})")
    storage = active(call, given["storage"])
    form = ending or chosen or "raw"
    guest = call.cluster.guests.get(vmid)
    if kind_of(storage).files:
        volid = f"{storage.name}:{vmid}/{name}" if name else ""
        if name and ending != form:
            raise failed(f"illegal name '{name}' - wrong extension for format ('{ending} != '{form}')")
    else:
        if form not in ("raw", "subvol"):
            raise failed(f"unsupported format '{form}'")
        if name and not name.startswith((f"vm-{vmid}-", f"subvol-{vmid}-")):
            raise failed(f"illegal name '{name}' - should be 'vm-{vmid}-*'")
        volid = f"{storage.name}:{name}" if name else ""
    volid = volid or free_name(call.cluster, call.node, storage, vmid, guest.kind if guest else "qemu")
    if holdings.find(call.node, volid):
        raise failed(f"disk image '{path_of(storage, volid)}' already exists")
    call.cluster.volumes.add(
        Volume(
            volid, "" if storage.shared else call.node.name, "images", form, int(size) * _UNITS[unit],
            int(call.now), vmid=vmid,
        )
    )  # fmt: skip
    return volid


def _copy(call: Call) -> object:
    """Experimental in Proxmox too, and for root@pam alone."""
    volid, storage, _ = _volid(call)
    target = call.params["target"]
    target = target if ":" in target else f"{storage.name}:{target}"
    node = call.node

    def work(task: Task) -> Work:
        task.say(f"DEBUG: starting worker {task.upid}")
        yield 0.2
        source = holdings.find(node, volid)
        if source is None:
            raise TaskFailed(f"volume '{volid}' does not exist")
        node.cluster.volumes.add(dataclasses.replace(source, volid=target))
        task.say(f"DEBUG: end worker {task.upid}")

    return call.start("imgcopy", "", work)
