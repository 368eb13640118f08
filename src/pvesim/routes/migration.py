"""Moving containers to other nodes: /nodes/{node}/lxc/{vmid}/{migrate,remote_migrate}.

The order of the checks is that of pve-container `API2/LXC.pm` (`migrate_vm`, `remote_migrate_vm`).
"""

from __future__ import annotations

from pvesim.api import Call, Routes
from pvesim.errors import failed, invalid
from pvesim.formats import FORMATS, FormatError, words
from pvesim.guest import Guest
from pvesim.model import Node
from pvesim.routes.storage import usable
from pvesim.tasks import Task, Work
from pvesim.verify import properties, text
from pvesim.works import migrating
from pvesim.works.highavail import asked_to_move
from pvesim.works.locking import unlocked
from pvesim.works.placement import motion

_ENDPOINT = {
    "host": text(format="address").needed(),
    "port": text(),
    "apitoken": text().needed(),
    "fingerprint": text(),
}


def register(routes: Routes) -> None:
    at = "/nodes/{node}/lxc/{vmid}"
    routes.get(f"{at}/migrate")(_preconditions)
    routes.post(f"{at}/migrate")(_migrate)
    routes.post(f"{at}/remote_migrate")(_remote_migrate)


def _preconditions(call: Call) -> object:
    """What HA's affinity rules say; storages are not looked at."""
    call.quorum()
    guest = call.guest("lxc")
    unlocked(guest)
    answer: dict[str, object] = {"running": int(guest.running)}
    blocking: dict[str, list[dict[str, str]]] = {}
    if call.cluster.ha_managed(guest):
        answer["dependent-ha-resources"], blocking = motion(call.cluster, f"ct:{guest.vmid}")
    others = [name for name in call.cluster.nodes if name != call.node.name]
    answer["allowed-nodes"] = [name for name in others if name not in blocking]
    answer["not-allowed-nodes"] = {
        name: {"blocking-ha-resources": blocking[name]} for name in others if name in blocking
    }
    return answer


def known_node(call: Call, name: str) -> Node:
    """Raises 500 for a node that is not in the cluster (`check_node_exists`)."""
    node = call.cluster.nodes.get(name)
    if node is None:
        raise failed(f"no such cluster node '{name}'")
    return node


def _movable(guest: Guest, call: Call) -> None:
    if guest.running and not call.flag("online") and not call.flag("restart"):
        raise failed("can't migrate running container without --online or --restart")


def _migrate(call: Call) -> object:
    given = call.params
    if given["target"] == call.node.name:
        raise invalid(target="target is local node.")
    call.quorum()
    target = known_node(call, given["target"])
    guest = call.guest("lxc")
    _movable(guest, call)
    storages = _storage_map(call, target, guest.vmid)
    if call.cluster.ha_managed(guest):
        return asked_to_move(call, "ct", guest.vmid, target.name)
    options = migrating.Options(
        call.flag("online"), call.flag("restart"), call.number("timeout", 180), storages
    )
    return start(call, guest, target, options)


def start(call: Call, guest: Guest, target: Node, options: migrating.Options) -> str:
    """The task itself, by whoever calls."""

    def work(task: Task) -> Work:
        return migrating.migrate(task, guest, target, options)

    return guest.node.tasks.start("vzmigrate", str(guest.vmid), call.authid, work).upid


def _storage_map(call: Call, target: Node, vmid: int) -> dict[str, str]:
    """`target-storage`: old:new pairs, one name for all the rest, or 1 for each to its own name."""
    asked = call.params.get("target-storage", "")
    if not asked:
        return {}
    try:
        storages = _pairs(asked)
    except FormatError as error:
        raise invalid(**{"target-storage": f"failed to parse storage map: {error}\n"}) from None
    if "1" not in storages:
        call.need(f"/vms/{vmid}", "VM.Config.Disk")
    storages.pop("1", None)
    for name in storages.values():
        storage = usable(call, name, target.name)
        call.need(f"/storage/{name}", "Datastore.AllocateSpace")
        if "rootdir" not in storage.content:
            raise failed(f"storage '{name}' does not support CT rootdirs")
    return storages


def _pairs(text: str) -> dict[str, str]:
    """Source → target, "" for the default, "1" for identity (pve-common `parse_idmap`)."""
    found: dict[str, str] = {}
    for pair in words(text):
        source, colon, target = pair.partition(":")
        if pair == "1":
            found["1"] = "1"
            continue
        if not colon:
            source, target = "", pair
        for name in filter(None, (source, target)):
            FORMATS["pve-storage-id"](name)
        if source in found:
            what = (
                f"duplicate mapping for source '{source}'"
                if source
                else "default target ID can only be provided once"
            )
            raise FormatError(what)
        found[source] = target
    if "1" in found and len(found) > 1:
        raise FormatError("identity mapping cannot be combined with other mappings")
    return found


def _remote_migrate(call: Call) -> object:
    """The checks on this side; then the other cluster, which nobody plays here, does not answer."""
    call.quorum()
    guest = call.guest("lxc")
    unlocked(guest)
    _movable(guest, call)
    if call.cluster.ha_managed(guest):
        raise invalid(vmid="cannot migrate HA-managed CT to remote cluster")
    try:
        remote = properties(_ENDPOINT, call.params["target-endpoint"], "target-endpoint")
    except FormatError as error:
        raise invalid(**{"target-endpoint": f"invalid format - {error}\n"}) from None
    host, port = remote["host"], remote.get("port", "8006")
    raise failed(f"500 Can't connect to {host}:{port} (Connection refused)")
