"""Backups: /nodes/{node}/vzdump, and what becomes of a volume: /nodes/{node}/storage/{storage}/content/*.

Sources: pve-manager `API2/VZDump.pm`, pve-storage `API2/Storage/Content.pm`; rights as in the recordings'
PRIVILEGES (10, 12, 15).
"""

from __future__ import annotations

from pvesim.api import Call, Routes
from pvesim.config_rights import may_read_volume
from pvesim.errors import failed, invalid
from pvesim.formats import words
from pvesim.routes.containers import usable
from pvesim.scene import StorageScene
from pvesim.tasks import Task, Work
from pvesim.volumes import Volume
from pvesim.works.backing import Job, vzdump
from pvesim.works.disks import path_of

_DEFAULTS: dict[str, object] = {
    "all": 0,
    "bwlimit": 0,
    "compress": "0",
    "dumpdir": "/var/lib/vz/dump",
    "fleecing": {"enabled": 0},
    "ionice": 7,
    "lockwait": 180,
    "mailnotification": "always",
    "mode": "snapshot",
    "notification-mode": "auto",
    "performance": {"max-workers": 16, "pbs-entries-max": 1048576},
    "pigz": 0,
    "prune-backups": "keep-all=1",
    "quiet": 0,
    "remove": 1,
    "stdexcludes": 1,
    "stop": 0,
    "stopwait": 10,
    "zstd": 1,
}


def register(routes: Routes) -> None:
    routes.post("/nodes/{node}/vzdump")(_vzdump)
    routes.get("/nodes/{node}/vzdump/defaults")(_defaults)
    routes.get("/nodes/{node}/vzdump/extractconfig")(_extract)
    one = "/nodes/{node}/storage/{storage}/content/{volume}"
    routes.get(one, rest=True)(_read)
    routes.put(one, rest=True)(_change)
    routes.delete(one, rest=True)(_delete)


def _vzdump(call: Call) -> object:
    given, node = call.params, call.node
    vmids = [int(word) for word in words(given.get("vmid", ""))]
    if call.flag("all"):
        excluded = {int(word) for word in words(given.get("exclude", ""))}
        vmids = sorted(set(node.guests) - excluded)
    elif "pool" in given:
        vmids = sorted(vmid for vmid, guest in node.guests.items() if guest.pool == given["pool"])
    if not vmids and not call.flag("all"):
        raise invalid(vmid="property is missing and it is not optional")
    storage = _storage(call, given.get("storage", "local"))
    call.need(f"/storage/{storage.name}", "Datastore.AllocateSpace")
    if "prune-backups" in given:
        call.need(f"/storage/{storage.name}", "Datastore.Allocate")
    if given.keys() & {"bwlimit", "ionice", "performance"}:
        call.need("/", "Sys.Modify")
    denied = {
        vmid: f"403 Permission check failed (/vms/{vmid}, VM.Backup)"
        for vmid in vmids
        if not call.can(f"/vms/{vmid}", "VM.Backup")
    }
    shown = " ".join(
        [
            *map(str, vmids),
            *(f"--{name} {given[name]}" for name in ("storage", "compress") if name in given),
            f"--node {node.name}",
            f"--mode {given.get('mode', 'snapshot')}",
        ]
    )
    job = Job(
        vmids,
        storage,
        given.get("mode", "snapshot"),
        given.get("compress", "0"),
        given.get("notes-template", ""),
        call.flag("protected"),
        shown,
        denied,
    )
    subject = str(vmids[0]) if len(vmids) == 1 else ""

    def work(task: Task) -> Work:
        return vzdump(task, node, job)

    return call.start("vzdump", subject, work)


def _storage(call: Call, name: str) -> StorageScene:
    storage = usable(call.cluster, name, call.node.name)
    if "backup" not in storage.content:
        raise failed(
            f"could not get storage information for '{name}': storage '{name}' does not support vzdump backups"
        )
    return storage


def _defaults(call: Call) -> object:
    name = call.params.get("storage", "local")
    call.need(f"/storage/{name}", "Datastore.Audit", "Datastore.AllocateSpace", any_of=True)
    found: dict[str, object] = {**_DEFAULTS, "storage": name}
    if not call.can(f"/nodes/{call.node.name}", "Sys.Audit"):
        del found["ionice"], found["dumpdir"]
    return found


def _extract(call: Call) -> object:
    volid = call.params["volume"]
    may_read_volume(call, volid, None)
    volume = call.cluster.volumes.find(call.node.name, volid)
    if volume is None or volume.config is None:
        raise failed(f"volume '{volid}' does not exist")
    return "".join(f"{key}: {value}\n" for key, value in sorted(volume.config.items()))


def _named(call: Call) -> str:
    """The volume id of the path, with or without the storage in front."""
    storage, given = call.params["storage"], call.params["volume"]
    volid = given if ":" in given else f"{storage}:{given}"
    if volid.partition(":")[0] != storage:
        raise invalid(storage="storage ID mismatch")
    return volid


def _found(call: Call, volid: str) -> Volume | None:
    usable(call.cluster, call.params["storage"], call.node.name)
    may_read_volume(call, volid, None)
    return call.cluster.volumes.find(call.node.name, volid)


def _read(call: Call) -> object:
    volid = _named(call)
    volume = _found(call, volid)
    if volume is None:
        raise failed(f"volume_size_info on '{volid}' failed - no format")
    row: dict[str, object] = {
        "path": path_of(call.cluster.storages[volume.storage], volid),
        "size": volume.size,
        "used": volume.used or -(-volume.size // 4096) * 4096,
        "format": volume.format if volume.content in ("rootdir", "images") else "raw",
    }
    if volume.content == "backup":
        row |= {"notes": volume.notes, "protected": int(volume.protected)}
    return row


def _change(call: Call) -> object:
    volid = _named(call)
    volume = _found(call, volid)
    if volume is None:
        raise failed(f"volume '{volid}' does not exist")
    if volume.content != "backup":
        raise failed(
            f"attribute 'notes' is not supported for storage type '{call.cluster.storages[volume.storage].type}'"
        )
    if "notes" in call.params:
        volume.notes = call.params["notes"]
    if "protected" in call.params:
        volume.protected = call.flag("protected")
    return None


def _delete(call: Call) -> object:
    volid = _named(call)
    where = f"/storage/{call.params['storage']}"
    storage = usable(call.cluster, call.params["storage"], call.node.name)
    volume = call.cluster.volumes.find(call.node.name, volid)
    if volume is not None and volume.content == "backup":
        call.need(where, "Datastore.AllocateSpace")
        call.need(f"/vms/{volume.vmid}", "VM.Backup")
    else:
        call.need(where, "Datastore.Allocate")
    if volume is not None and volume.protected:
        raise failed(f"cannot remove protected volume '{volid}' on '{storage.name}'")
    cluster = call.cluster

    def work(task: Task) -> Work:
        yield 0.1
        if volume is None:
            task.say(f"disk image '{path_of(storage, volid)}' does not exist")
        else:
            cluster.volumes.remove(volume)
        task.say(f"Removed volume '{volid}'")

    owner = volume.vmid if volume is not None and volume.vmid else volid.partition("/")[2]
    return call.start("imgdel", f"{owner}@{storage.name}", work)
