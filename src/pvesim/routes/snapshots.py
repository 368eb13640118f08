"""Snapshots of containers: /nodes/{node}/lxc/{vmid}/snapshot/*.

Source: pve-container `API2/LXC/Snapshot.pm`. Whatever depends on the snapshot only the task tells.
"""

from __future__ import annotations

from pvesim.api import Call, Routes
from pvesim.errors import failed
from pvesim.guest import Guest
from pvesim.guestconfig import config
from pvesim.works import power, snapshots
from pvesim.works.locking import holding, unlocked

_RESERVED = ("current", "vzdump")


def register(routes: Routes) -> None:
    at = "/nodes/{node}/lxc/{vmid}/snapshot"
    routes.get(at)(_list)
    routes.post(at)(_take)
    routes.get(f"{at}/{{snapname}}")(lambda call: [{"cmd": "rollback"}, {"cmd": "config"}])
    routes.delete(f"{at}/{{snapname}}")(_delete)
    routes.post(f"{at}/{{snapname}}/rollback")(_roll_back)
    routes.get(f"{at}/{{snapname}}/config")(_read)
    routes.put(f"{at}/{{snapname}}/config")(_change)


def _list(call: Call) -> object:
    guest = call.guest("lxc")
    rows = call.mixed(snapshots.listed(guest))
    current: dict[str, object] = {
        "name": "current",
        "description": "You are here!",
        "digest": config(guest)["digest"],
        "running": int(guest.running),
    }
    if parent := snapshots.parent_of(guest):
        current["parent"] = parent
    return [*rows, current]


def snapshot_of(call: Call, guest: Guest, name: str) -> dict[str, str | int]:
    """Raises 500 where there is none of that name."""
    found = (guest.snapshots or {}).get(name)
    if found is None:
        raise failed(f"snapshot '{name}' does not exist")
    return found


def _take(call: Call) -> object:
    name = call.params["snapname"]
    if name in _RESERVED:
        raise failed(f"unable to use snapshot name '{name}' (reserved name)")
    guest = call.guest("lxc")
    comment = call.params.get("description", "")
    return call.start(
        "vzsnapshot",
        guest.vmid,
        lambda task: holding(task, guest, snapshots.take(task, guest, name, comment)),
    )


def _delete(call: Call) -> object:
    guest, name, force = call.guest("lxc"), call.params["snapname"], call.flag("force")
    return call.start(
        "vzdelsnapshot",
        guest.vmid,
        lambda task: holding(task, guest, snapshots.delete(task, guest, name, force=force)),
    )


def _roll_back(call: Call) -> object:
    guest, name = call.guest("lxc"), call.params["snapname"]
    node, authid = call.node, call.authid
    wanted = call.flag("start")

    def then() -> None:
        if wanted and task.status == "OK":
            node.tasks.start(
                "vzstart",
                str(guest.vmid),
                authid,
                lambda started: holding(started, guest, power.start(started, node, guest.vmid)),
            )

    task = node.tasks.start(
        "vzrollback",
        str(guest.vmid),
        authid,
        lambda task: holding(task, guest, snapshots.roll_back(task, guest, name)),
        then,
    )
    return task.upid


def _read(call: Call) -> object:
    return dict(snapshot_of(call, call.guest("lxc"), call.params["snapname"]))


def _change(call: Call) -> object:
    if "description" not in call.params:
        return None
    guest = call.guest("lxc")
    unlocked(guest)
    snapshot = snapshot_of(call, guest, call.params["snapname"])
    call.quorum()
    if text := call.params["description"]:
        snapshot["description"] = text
    else:
        snapshot.pop("description", None)
    guest.touch()
    return None
