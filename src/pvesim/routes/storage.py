"""Storages: /storage and /nodes/{node}/storage/*."""

from __future__ import annotations

from pvesim.api import Call, Routes
from pvesim.errors import failed, invalid
from pvesim.guestconfig import volume
from pvesim.model import digest
from pvesim.sampling import disk_used, figures_of
from pvesim.scene import StorageScene
from pvesim.volumes import Volume
from pvesim.works.disks import inactive

_INDEX = [
    "content",
    "download-url",
    "file-restore",
    "import-metadata",
    "identity",
    "oci-registry-pull",
    "prunebackups",
    "rrd",
    "rrddata",
    "status",
    "upload",
]
_SEEN_BY = ("Datastore.Audit", "Datastore.AllocateSpace")


def register(routes: Routes) -> None:
    routes.get("/storage")(_configured)
    routes.get("/storage/{storage}")(_definition)
    routes.post("/storage")(_create)
    top = "/nodes/{node}/storage"
    routes.get(top)(_list)
    routes.get(f"{top}/{{storage}}")(lambda call: [{"subdir": name} for name in _INDEX])
    routes.get(f"{top}/{{storage}}/status")(_status)
    routes.get(f"{top}/{{storage}}/content")(_content)


def _row(storage: StorageScene, call: Call) -> dict[str, object]:
    row: dict[str, object] = {
        "storage": storage.name,
        "type": storage.type,
        "content": call.list_text(storage.content),
        **storage.options,
    }
    if storage.shared and storage.type in ("dir", "lvm"):
        row["shared"] = 1
    if storage.nodes:
        row["nodes"] = ",".join(storage.nodes)
    if storage.disabled:
        row["disable"] = 1
    if storage.type == "dir":
        row.setdefault("path", "/var/lib/vz" if storage.name == "local" else f"/mnt/{storage.name}")
    row["digest"] = digest(repr(sorted(call.cluster.storages)))
    return row


def _visible(call: Call) -> list[StorageScene]:
    return [
        storage
        for storage in call.cluster.storages.values()
        if call.can(f"/storage/{storage.name}", *_SEEN_BY, any_of=True)
    ]


def _configured(call: Call) -> object:
    kind = call.params.get("type")
    return call.mixed([_row(each, call) for each in _visible(call) if kind in (None, each.type)])


def _definition(call: Call) -> object:
    name = call.params["storage"]
    if name not in call.cluster.storages:
        raise failed(f"storage '{name}' does not exist")
    return _row(call.cluster.storages[name], call)


def _create(call: Call) -> object:
    given = call.params
    name = given["storage"]
    if name in call.cluster.storages:
        raise failed(f"create storage failed: storage ID '{name}' already defined")
    storage = StorageScene(
        name=name,
        type=given["type"],
        content=given.get("content", "rootdir,images").split(","),
        shared=call.flag("shared"),
        disabled=call.flag("disable"),
        nodes=[node for node in given.get("nodes", "").split(",") if node],
        options={key: given[key] for key in ("path",) if key in given},
    )
    call.cluster.storages[name] = storage
    for node in call.cluster.nodes.values():
        node.changed()
    return {"storage": name, "type": storage.type}


def _figures(storage: StorageScene, call: Call) -> dict[str, object]:
    row: dict[str, object] = {
        "type": storage.type,
        "content": call.list_text(storage.content),
        "shared": int(storage.shared),
        "enabled": 0,
        "active": 0,
        "total": 0,
        "used": 0,
        "avail": 0,
    }
    if storage.name in call.node.trouble.inactive_storages and call.node.has(storage):
        return row | {"enabled": int(not storage.disabled)}
    sample = figures_of(call.node)
    if not storage.disabled and call.node.has(storage) and storage.name in sample.storages:
        used, total = sample.storages[storage.name]
        row |= {"enabled": 1, "active": 1, "total": total, "used": used, "avail": total - used}
    return row


def _list(call: Call) -> object:
    given = call.params
    wanted = set(given["content"].split(",")) if "content" in given else None
    rows = []
    for storage in _visible(call):
        if wanted and not wanted & set(storage.content):
            continue
        if "storage" in given and given["storage"] != storage.name:
            continue
        row = {"storage": storage.name, **_figures(storage, call)}
        if call.flag("enabled") and not row["enabled"]:
            continue
        total = row["total"]
        if isinstance(total, int) and total:
            row["used_fraction"] = int(str(row["used"])) / total
        rows.append(row)
    return call.mixed(rows)


def _known(call: Call) -> StorageScene:
    storage = call.cluster.storages.get(call.params["storage"])
    if storage is None:
        raise invalid(storage="No such storage.")
    return storage


def _status(call: Call) -> object:
    return _figures(_known(call), call)


def _content(call: Call) -> object:
    name = call.params["storage"]
    storage = call.cluster.storages.get(name)
    if storage is None:
        raise failed(f"storage '{name}' does not exist")
    if storage.disabled:
        raise failed(f"storage '{name}' is disabled")
    if not call.node.has(storage):
        raise failed(f"storage '{name}' is not available on node '{call.node.name}'")
    if name in call.node.trouble.inactive_storages:
        raise failed(inactive(storage))
    wanted = call.params.get("content")
    rows = [
        _row_of(volume) for volume in call.cluster.volumes.on(call.node.name, name) if _may_see(call, volume)
    ]
    if call.can(f"/storage/{name}", "Datastore.Allocate") or call.can("/vms", "VM.Config.Disk"):
        rows += _disks(storage, call)
    if "vmid" in call.params:
        rows = [row for row in rows if row.get("vmid") == int(call.params["vmid"])]
    return call.mixed([row for row in rows if wanted is None or row["content"] == wanted])


def _may_see(call: Call, volume: Volume) -> bool:
    """What PVE::Storage `check_volume_access` lets through, one by one."""
    where = f"/storage/{volume.storage}"
    if call.can(where, "Datastore.Allocate"):
        return True
    if volume.content in ("vztmpl", "iso"):
        return True
    if volume.content == "backup":
        return call.can(where, "Datastore.AllocateSpace") and call.can(f"/vms/{volume.vmid}", "VM.Backup")
    return call.can(f"/vms/{volume.vmid}", "VM.Config.Disk")


def _row_of(volume: Volume) -> dict[str, object]:
    row: dict[str, object] = {
        "volid": volume.volid,
        "content": volume.content,
        "format": volume.format,
        "size": volume.size,
        "ctime": volume.ctime,
    }
    if volume.content in ("rootdir", "images"):
        row |= {"used": volume.used, "vmid": volume.vmid, "parent": volume.parent}
    elif volume.content == "backup":
        row |= {"vmid": volume.vmid, "subtype": "lxc" if "-lxc-" in volume.volid else "qemu"}
        if volume.notes:
            row["notes"] = volume.notes
        if volume.protected:
            row["protected"] = 1
    return row


def _disks(storage: StorageScene, call: Call) -> list[dict[str, object]]:
    guests = call.cluster.guests if storage.shared else call.node.guests
    return [
        {
            "volid": volume(guest),
            "content": "rootdir" if guest.kind == "lxc" else "images",
            "format": "subvol" if storage.type == "zfspool" and guest.kind == "lxc" else "raw",
            "size": guest.disk,
            "used": disk_used(guest),
            "vmid": guest.vmid,
            "parent": None,
            "ctime": int(guest.started),
        }
        for guest in guests.values()
        if guest.storage == storage.name and guest.conf is None and guest.lock != "create"
    ]
