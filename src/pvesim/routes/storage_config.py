"""storage.cfg: GET, POST /storage; GET, PUT, DELETE /storage/{storage}.

The order of the checks is that of pve-storage `API2/Storage/Config.pm`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pvesim import schema
from pvesim.api import Call, Routes
from pvesim.errors import failed
from pvesim.formats import words
from pvesim.guestconfig import edit
from pvesim.holdings import untouched
from pvesim.model import Cluster, digest
from pvesim.permissions import LOCK_TIMEOUT
from pvesim.routes.storage import enabled, visible
from pvesim.scene import GIB, StorageScene
from pvesim.storages import (
    KINDS,
    SECRET,
    Unfit,
    check_content,
    check_deletion,
    check_options,
    directory,
    kind_of,
    usual_local,
)

_APART = frozenset(("storage", "type", "digest", "delete"))  # no options
_OWN_FIELDS = frozenset(("content", "nodes", "disable", "shared"))  # of StorageScene


def register(routes: Routes) -> None:
    routes.get("/storage")(_configured)
    routes.post("/storage")(_create)
    routes.get("/storage/{storage}")(_definition)
    routes.put("/storage/{storage}")(_change)
    routes.delete("/storage/{storage}")(_delete)


def row_of(storage: StorageScene, call: Call) -> dict[str, object]:
    """A storage as storage.cfg has it."""
    known = schema.methods()["POST /storage"].parameters
    row: dict[str, object] = {
        "storage": storage.name,
        "type": storage.type,
        "content": call.list_text(storage.content) or "none",
    }
    for key, value in storage.options.items():
        param = known.get(key)
        numeric = param is not None and param.type in ("integer", "boolean") and value.lstrip("-").isdigit()
        if key not in SECRET:
            row[key] = int(value) if numeric else value
    if storage.shared:
        row["shared"] = 1
    if storage.nodes:
        row["nodes"] = call.list_text(storage.nodes)
    if storage.disabled:
        row["disable"] = 1
    if kind_of(storage).files:
        row.setdefault("path", directory(storage))
    row["digest"] = file_digest(call.cluster)
    return row


def file_digest(cluster: Cluster) -> str:
    return digest(repr([(name, each) for name, each in sorted(cluster.storages.items())]))


def _configured(call: Call) -> object:
    kind = call.params.get("type")
    return call.mixed([row_of(each, call) for each in visible(call) if kind in (None, each.type)])


def _definition(call: Call) -> object:
    return row_of(_existing(call), call)


def _existing(call: Call, failure: str = "") -> StorageScene:
    storage = call.cluster.storages.get(call.params["storage"])
    if storage is None:
        raise failed(f"{failure}storage '{call.params['storage']}' does not exist")
    return storage


def _writable(call: Call, failure: str) -> None:
    if not call.cluster.quorate:
        delay = LOCK_TIMEOUT * call.cluster.settings.delay_scale
        raise failed(f"{failure} failed: cfs-lock 'file-storage_cfg' error: no quorum!", delay=delay)


def _create(call: Call) -> object:
    given = {key: value for key, value in call.params.items() if value != "" or key != "nodes"}
    name, kind = given["storage"], KINDS[given["type"]]
    options = _options(given)
    if kind.files and kind.shared:
        options.setdefault("path", f"/mnt/pve/{name}")
    try:
        check_options(kind, options, create=True)
    except Unfit as error:
        raise failed(str(error)) from error
    _writable(call, "create storage")
    if name in call.cluster.storages:
        raise failed(f"create storage failed: storage ID '{name}' already defined")
    node = next(iter(call.cluster.nodes.values()))
    usual = StorageScene(
        name=name, type=given["type"], content=list(kind.usual), shared=kind.shared,
        size=node.rootfs / GIB if kind.files and not kind.shared else 100.0,
    )  # fmt: skip
    storage = _with(usual, options)
    if enabled(storage, call.node):
        _activate(storage)
    _put(call, storage)
    return {"storage": name, "type": storage.type}


def _options(given: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in given.items() if key not in _APART}


def _activate(storage: StorageScene) -> None:
    """A directory that has to be a mount point is none, as nothing has been mounted. Raises 500."""
    wanted = storage.options.get("is_mountpoint", "no")
    if wanted not in ("no", "0", "off", "false"):
        path = wanted if wanted.startswith("/") else directory(storage)
        raise failed(
            f"create storage failed: unable to activate storage '{storage.name}' - directory is expected to"
            f" be a mount point but is not mounted: '{path}'"
        )


def _with(storage: StorageScene, options: Mapping[str, str]) -> StorageScene:
    """The storage with these options on top of its own."""
    changes: dict[str, object] = {
        "options": {
            **storage.options,
            **{key: value for key, value in options.items() if key not in _OWN_FIELDS},
        }
    }
    if "content" in options:
        changes["content"] = [each for each in words(options["content"]) if each != "none"]
    if "nodes" in options:
        changes["nodes"] = words(options["nodes"])
    if "disable" in options:
        changes["disabled"] = options["disable"] == "1"
    if "shared" in options:
        changes["shared"] = options["shared"] == "1" or kind_of(storage).shared
    return msgspec.structs.replace(storage, **changes)


def _put(call: Call, storage: StorageScene) -> None:
    call.cluster.storages[storage.name] = storage
    for node in call.cluster.nodes.values():
        node.changed()


def _change(call: Call) -> object:
    given = dict(call.params)
    _writable(call, "update storage")
    wanted = given.get("digest")
    if wanted and wanted != file_digest(call.cluster):
        raise failed(
            "update storage failed: detected modified configuration - file changed by other user? Try again."
        )
    storage = _existing(call, "update storage failed: ")
    kind, options = kind_of(storage), _options(given)
    delete = words(given.get("delete", ""))
    try:
        check_options(kind, options, create=False)
        for key in delete:
            check_deletion(kind, key, options)
        if "content" in delete:
            check_content(kind, kind.usual)
    except Unfit as error:
        raise failed(f"update storage failed: {error}") from error
    storage = _with(storage, options)
    if delete:
        storage = _without(storage, delete)
    _put(call, storage)
    return {"storage": storage.name, "type": storage.type}


def _without(storage: StorageScene, delete: list[str]) -> StorageScene:
    usual = {
        "content": list(kind_of(storage).usual),
        "nodes": [],
        "disabled": False,
        "shared": kind_of(storage).shared,
    }
    fields = {"disable": "disabled"}
    changes = {fields.get(key, key): usual[fields.get(key, key)] for key in delete if key in _OWN_FIELDS}
    changes["options"] = {key: value for key, value in storage.options.items() if key not in delete}
    return msgspec.structs.replace(storage, **changes)


def _delete(call: Call) -> object:
    _writable(call, "delete storage")
    storage = _existing(call, "delete storage failed: ")
    for other in call.cluster.storages.values():
        if other.options.get("base", "").partition(":")[0] == storage.name:
            raise failed(
                "delete storage failed: can't remove storage - storage is used as base of another storage"
            )
    for guest in call.cluster.guests.values():
        if untouched(guest) and guest.storage == storage.name:
            edit(guest)  # its configuration no longer follows from a storage that is there
    identity = call.cluster.identity
    del call.cluster.storages[storage.name]
    if storage.name == "local":
        call.cluster.storages["local"] = msgspec.structs.replace(
            usual_local(), size=storage.size, used=storage.used
        )
    for node in call.cluster.nodes.values():
        node.changed()
    identity.acl.pop(f"/storage/{storage.name}", None)
    identity.storage_pools.pop(f"/storage/{storage.name}", None)
    identity.changed()
    return None
