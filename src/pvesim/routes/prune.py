"""Backups that a retention does not keep: …/storage/{storage}/prunebackups; and files in backups.

Source: pve-storage `API2/Storage/PruneBackups.pm`, `API2/Storage/FileRestore.pm`.
"""

from __future__ import annotations

from pvesim import schema
from pvesim.api import Call, Routes, perm
from pvesim.config_rights import may_read_volume
from pvesim.errors import failed
from pvesim.pruning import marked, retention
from pvesim.routes.storage import SEEN_BY, usable
from pvesim.scene import StorageScene
from pvesim.verify import TEXT, VMID, Param, choice
from pvesim.works.storing import prune


def register(routes: Routes) -> None:
    at = "/nodes/{node}/storage/{storage}"
    audit = perm("/storage/{storage}", *SEEN_BY, any_of=True)
    keep = schema.methods()["POST /nodes/{node}/vzdump"].parameters["prune-backups"]
    params: dict[str, Param] = {"type": choice("qemu", "lxc"), "vmid": VMID}
    routes.get(f"{at}/prunebackups", check=audit, protected=True, params={**params, "prune-backups": keep})(
        _preview
    )
    routes.delete(f"{at}/prunebackups", protected=True, params={**params, "prune-backups": keep.needed()})(
        _prune
    )
    routes.get(f"{at}/identity", check=audit, protected=True, since="9.2")(_identity)
    wanted = {"volume": TEXT.needed(), "filepath": TEXT.needed()}
    routes.get(f"{at}/file-restore", check=audit)(lambda call: [{"subdir": "list"}, {"subdir": "download"}])
    routes.get(f"{at}/file-restore/list", protected=True, params=wanted)(_files)
    routes.get(f"{at}/file-restore/download", protected=True, params={**wanted, "tar": choice("0", "1")})(
        _files
    )
    routes.get(f"{at}/import-metadata", protected=True, params={"volume": TEXT.needed()})(_import)


def _storage(call: Call) -> StorageScene:
    storage = call.cluster.storages.get(call.params["storage"])
    if storage is None:
        raise failed(f"storage '{call.params['storage']}' does not exist")
    return storage


def _keep(call: Call, storage: StorageScene) -> dict[str, int]:
    if "backup" not in storage.content:
        raise failed(f"storage '{storage.name}' does not support backups")
    text = call.params.get("prune-backups") or storage.options.get("prune-backups")
    if text is None:
        raise failed(f"no prune-backups options configured for storage '{storage.name}'")
    return retention(text)


def _preview(call: Call) -> object:
    storage = _storage(call)
    keep = _keep(call, storage)
    usable(call, storage.name)
    vmid = int(call.params["vmid"]) if call.params.get("vmid") else None
    return [entry.row() for entry in marked(call.node, storage, keep, vmid, call.params.get("type", ""))]


def _prune(call: Call) -> object:
    given, node = call.params, call.node
    name, vmid = given["storage"], int(given["vmid"]) if given.get("vmid") else None
    if vmid is not None:
        call.need(f"/storage/{name}", "Datastore.AllocateSpace")
        call.need(f"/vms/{vmid}", "VM.Backup")
    else:
        call.need(f"/storage/{name}", "Datastore.Allocate")
    storage, keep = _storage(call), retention(given["prune-backups"])
    owner = f"{vmid}@" if vmid is not None else ""
    return call.start(
        "prunebackups",
        f"{owner}{name}",
        lambda task: prune(task, node, storage, keep, vmid, given.get("type", "")),
    )


def _identity(call: Call) -> object:
    storage = usable(call, call.params["storage"])
    raise failed(f"storage type '{storage.type}' does not support identities")


def _files(call: Call) -> object:
    volume = call.params["volume"]
    volid = volume if ":" in volume else f"{call.params['storage']}:{volume}"
    may_read_volume(call, volid, None, "backup")
    storage = usable(call, call.params["storage"])
    if storage.type != "pbs":
        raise failed("Only PBS storages supported for file-restore.")
    return []


def _import(call: Call) -> object:
    volume = call.params["volume"]
    volid = volume if ":" in volume else f"{call.params['storage']}:{volume}"
    may_read_volume(call, volid, None)
    raise failed("storage does not support the importer API")
