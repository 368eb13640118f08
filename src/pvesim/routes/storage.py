"""Storages as a node sees them: /nodes/{node}/storage, …/{storage}, …/{storage}/status."""

from __future__ import annotations

from pvesim.api import Call, Routes
from pvesim.errors import failed, invalid
from pvesim.model import Node
from pvesim.sampling import storage_now
from pvesim.scene import StorageScene
from pvesim.storages import kind_of
from pvesim.works.disks import inactive

_INDEX = (
    "content", "download-url", "file-restore", "import-metadata", "identity", "oci-registry-pull",
    "prunebackups", "rrd", "rrddata", "status", "upload",
)  # fmt: skip
_LATER = {"oci-registry-pull": (9, 1), "identity": (9, 2)}
SEEN_BY = ("Datastore.Audit", "Datastore.AllocateSpace")


def register(routes: Routes) -> None:
    top = "/nodes/{node}/storage"
    routes.get(top)(_list)
    routes.get(f"{top}/{{storage}}")(_index)
    routes.get(f"{top}/{{storage}}/status")(_status)


def _index(call: Call) -> object:
    version = (call.node.version.major, call.node.version.minor)
    return [{"subdir": name} for name in _INDEX if _LATER.get(name, (8, 0)) <= version]


def visible(call: Call) -> list[StorageScene]:
    """The storages that the caller may know of."""
    return [
        storage
        for storage in call.cluster.storages.values()
        if call.can(f"/storage/{storage.name}", *SEEN_BY, any_of=True)
    ]


def enabled(storage: StorageScene, node: Node) -> bool:
    return not storage.disabled and node.has(storage)


def usable(call: Call, name: str, node: str = "") -> StorageScene:
    """A storage that is there, enabled, and on the node. Raises 500 (`storage_check_enabled`)."""
    storage = call.cluster.storages.get(name)
    if storage is None:
        raise failed(f"storage '{name}' does not exist")
    if storage.disabled:
        raise failed(f"storage '{name}' is disabled")
    node = node or call.node.name
    if storage.nodes and node not in storage.nodes:
        raise failed(f"storage '{name}' is not available on node '{node}'")
    return storage


def active(call: Call, name: str) -> StorageScene:
    """One that can be used and is there. Raises 500 (`activate_storage`)."""
    storage = usable(call, name)
    if name in call.node.trouble.inactive_storages:
        raise failed(inactive(storage))
    return storage


def _figures(storage: StorageScene, call: Call) -> dict[str, object]:
    row: dict[str, object] = {
        "type": storage.type,
        "content": call.list_text(storage.content),
        "shared": int(storage.shared),
        "enabled": int(enabled(storage, call.node)),
        "active": 0,
        "total": 0,
        "used": 0,
        "avail": 0,
    }
    if row["enabled"] and storage.name not in call.node.trouble.inactive_storages:
        used, total = storage_now(storage, call.node)
        row |= {"active": 1, "total": total, "used": used, "avail": total - used}
    return row


def _list(call: Call) -> object:
    """Everything that is configured; with `content` only what is enabled here and may hold that."""
    given = call.params
    wanted = set(given["content"].split(",")) if given.get("content") else None
    target = call.cluster.nodes.get(given["target"]) if given.get("target") else None
    rows = []
    for storage in visible(call):
        if wanted is not None and not (wanted & set(storage.content) and enabled(storage, call.node)):
            continue
        if given.get("storage") not in (None, storage.name):
            continue
        if given.get("target") and not _for_target(call, storage, target):
            continue
        row = {"storage": storage.name, **_figures(storage, call)}
        if call.flag("enabled") and not row["enabled"]:
            continue
        total = row["total"]
        if isinstance(total, int) and total:
            row["used_fraction"] = int(str(row["used"])) / total
        if call.flag("format") and row["enabled"]:
            row |= _formats(storage)
        rows.append(row)
    return call.mixed(rows)


def _for_target(call: Call, storage: StorageScene, target: Node | None) -> bool:
    """Only what the target node has too, and only shared ones unless it is this node."""
    if target is None:
        return not storage.nodes
    return storage.shared and target.has(storage) if target is not call.node else target.has(storage)


def _formats(storage: StorageScene) -> dict[str, object]:
    names = {"dir": ("raw", "qcow2", "vmdk", "subvol")} if kind_of(storage).files else {}
    known = names.get("dir", ("raw", "subvol") if storage.type in ("zfspool", "btrfs") else ("raw",))
    chosen = storage.options.get("format", "raw")
    return {"format": [dict.fromkeys(known, 1), chosen]}


def _status(call: Call) -> object:
    storage = call.cluster.storages.get(call.params["storage"])
    if storage is None:
        raise invalid(storage="No such storage.")
    return _figures(storage, call)
