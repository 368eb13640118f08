"""The living estate as a scene that can be played on: what is kept, and how it comes back.

A scene says how an estate begins; beside it, each cluster, node and guest of a kept scene has a `state`:
what has become of it. Everything that is kept is in one of the tables below, by attribute and type; a test
sees to it that each attribute of a cluster, node, guest and the identities is in one of them, or said to be
derived or dropped. Guests that nobody has touched are kept as their scene alone.

What a task was doing cannot be kept: tasks under way are lost, as when their node loses its power. Faults
end with the process; what they have changed by `Target.put` is kept as it was before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from pvesim.chance import chance
from pvesim.guest import Guest
from pvesim.highavail import Resource
from pvesim.hostconfig import HostConfig
from pvesim.identity import Entries, Group, Realm, User
from pvesim.interfaces import Kept
from pvesim.model import Cluster, Node
from pvesim.scene import ClusterScene, EstateScene, GuestScene, SceneError, StorageScene
from pvesim.tasks import Task
from pvesim.volumes import Volume
from pvesim.works.hastack import wake, watch

if TYPE_CHECKING:
    from pvesim.estate import Estate

Options = dict[str, str | int]

CLUSTER: Mapping[str, Any] = {
    "began": float,
    "starts": int,
    "called": str,
    "clustered": bool,
    "uuid": str,
    "root_password": str,
    "jobs": dict[str, Options],
    "backup_jobs": dict[str, dict[str, str]],
    "labels": dict[str, str],
    "storages": dict[str, StorageScene],
    "pools": dict[str, str],
    "options": Options,
}
NODE: Mapping[str, Any] = {
    "number": int,
    "description": str,
    "booted": float,
    "_down_since": float | None,
    "down_silently": bool,
    "silent_until": float,
    "host": HostConfig,
    "passwords": dict[str, str],
}
GUEST: Mapping[str, Any] = {
    "status": Literal["running", "stopped", "paused"],
    "name": str,
    "cores": int,
    "memory": int,
    "swap": int,
    "disk": int,
    "storage": str,
    "tags": str,
    "template": bool,
    "pool": str,
    "lock": str,
    "conf": Options | None,
    "pending": Options | None,
    "snapshots": dict[str, Options] | None,
    "stubborn": bool,
    "started": float,
}
IDENTITY: Mapping[str, Any] = {
    "users": dict[str, User],
    "groups": dict[str, Group],
    "realms": dict[str, Realm],
    "custom_roles": dict[str, frozenset[str]],
    "acl": dict[str, Entries],
    "pool_of": dict[str, str],
    "storage_pools": dict[str, tuple[str, ...]],
}
HIGH_AVAILABILITY: Mapping[str, Any] = {
    "rules": dict[str, Options],
    "groups": dict[str, Options],
    "maintenance": set[str],
    "master": str,
    "seen": float,
    "disarmed": str,
}
RESOURCE: Mapping[str, Any] = {
    "sid": str,
    "vmid": int,
    "options": Options,
    "state": str,
    "node": str,
    "running": bool,
    "target": str,
    "home": str,
    "command": tuple[str, str] | None,
    "timeout": int,
    "failures": int,
    "failed_nodes": list[str],
}

#: What is kept in a part of its own, by owner.
PARTS: Mapping[type, frozenset[str]] = {
    Cluster: frozenset(("nodes", "guests", "identity", "ha", "volumes", "tickets", "seed")),
    Node: frozenset(("tasks", "guests", "name", "_network")),
    Guest: frozenset(("node", "vmid", "kind", "scene")),
}
#: What follows from the rest.
DERIVED: Mapping[type, frozenset[str]] = {
    Cluster: frozenset(
        ("scene", "name", "version", "settings", "clock", "chance", "watchers", "on_power", "shared_disks")
    ),
    Node: frozenset(
        ("scene", "cluster", "version", "cores", "memory", "rootfs", "pulse", "revision", "worker", "sample",
         "address", "port")
    ),
    Guest: frozenset(("pulse", "row", "touched")),
}  # fmt: skip
#: What does not survive: trouble and work under way. Certificates are kept as files (`statedir`).
DROPPED: Mapping[type, frozenset[str]] = {
    Cluster: frozenset(("agenda", "altered", "log", "no_quorum", "_authority")),
    Node: frozenset(
        ("trouble", "full_storages", "proxy_down", "backend_down", "hung", "slowness", "presented", "still_shown", "issue",
         "_leaves", "_custom")
    ),
    Guest: frozenset(("busy",)),
}  # fmt: skip


# -- keep ----------------------------------------------------------------------------------------------


def living_scene(estate: Estate) -> EstateScene:
    """The estate as it is now. Holds its living parts: to be encoded before anything goes on."""
    return EstateScene(clusters=[_cluster(each) for each in estate.clusters.values() if each.nodes])


def encoded(estate: Estate) -> bytes:
    """The living scene as JSON, the same bytes where nothing has changed."""
    altered = [cluster.altered for cluster in estate.clusters.values()]
    try:
        for each in altered:
            each.lift()
        return msgspec.json.encode(living_scene(estate))
    finally:
        for each in altered:
            each.lay()


def _values(thing: object, table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in table}


def _cluster(cluster: Cluster) -> ClusterScene:
    ha = _values(cluster.ha, HIGH_AVAILABILITY)
    state = {
        **_values(cluster, CLUSTER),
        "ahead": cluster.clock.skipped,
        "seed": cluster.seed,
        "tickets": cluster.tickets.key,
        "identity": _values(cluster.identity, IDENTITY),
        "ha": {**ha, "resources": [_values(each, RESOURCE) for each in cluster.ha.resources.values()]},
        "volumes": list(cluster.volumes.all()),
    }
    nodes = [
        msgspec.structs.replace(
            node.scene,
            name=node.name,
            state={**_values(node, NODE), "tasks": _tasks(node), "network": node.changed_network},
        )
        for node in cluster.nodes.values()
    ]
    return msgspec.structs.replace(
        cluster.scene,
        nodes=nodes,
        guests=[_guest(guest) for guest in cluster.guests.values()],
        storages=list(cluster.storages.values()),
        state=state,
    )


def _tasks(node: Node) -> dict[str, Any]:
    now = int(node.now())
    finished = [*node.tasks.finished]
    for worker in node.tasks.active.values():
        lost = replace(worker.task)
        lost.lose(now)
        finished.append(lost)
    return {"pid": node.tasks.pid, "finished": finished}


def _guest(guest: Guest) -> GuestScene:
    if not guest.touched and guest.conf is None and guest.snapshots is None:
        return guest.scene
    known = guest.node.cluster.storages
    storage = guest.storage if guest.storage in known else next(iter(known), guest.storage)
    return msgspec.structs.replace(
        guest.scene, node=guest.node.name, storage=storage, state=_values(guest, GUEST)
    )


# -- play on -------------------------------------------------------------------------------------------


def play_on(estate: Estate) -> None:
    """Let an estate that has just been made from kept scenes be what it was. Raises SceneError."""
    states = {name: each.scene.state for name, each in estate.clusters.items() if each.scene.state}
    ahead = max((float(state.get("ahead", 0.0)) for state in states.values()), default=0.0)
    estate.clock.advance(max(0.0, ahead - estate.clock.skipped))
    for name, state in states.items():
        try:
            _revive(estate.clusters[name], state)
        except (msgspec.ValidationError, KeyError, TypeError, ValueError) as error:
            raise SceneError(f"the kept state of cluster {name!r} cannot be read: {error}.") from error


def _take(thing: object, table: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    for name, kind in table.items():
        if name in values:
            setattr(thing, name, msgspec.convert(values[name], kind))


def _revive(cluster: Cluster, state: Mapping[str, Any]) -> None:
    _take(cluster, CLUSTER, state)
    cluster.starts += 1
    cluster.chance = chance(cluster.seed, cluster.name, cluster.starts)
    if "tickets" in state:
        cluster.tickets = type(cluster.tickets)(msgspec.convert(state["tickets"], bytes))
    _take(cluster.identity, IDENTITY, state.get("identity", {}))
    cluster.identity.changed()
    if "volumes" in state:
        for volume in list(cluster.volumes.all()):
            cluster.volumes.remove(volume)
        for volume in msgspec.convert(state["volumes"], list[Volume]):
            cluster.volumes.add(volume)
    for node in cluster.nodes.values():
        _revive_node(node, node.scene.state or {})
    for guest in cluster.guests.values():
        if guest.scene.state is not None:
            _take(guest, GUEST, guest.scene.state)
            guest.touch()
    ha = state.get("ha", {})
    _take(cluster.ha, HIGH_AVAILABILITY, ha)
    for each in ha.get("resources", []):
        values = {name: msgspec.convert(each[name], kind) for name, kind in RESOURCE.items() if name in each}
        cluster.ha.resources[values["sid"]] = Resource(**values)
    if cluster.ha.resources:
        watch(cluster)
        wake(cluster)


def _revive_node(node: Node, state: Mapping[str, Any]) -> None:
    _take(node, NODE, state)
    node.host.returning = False
    kept = state.get("network")
    node.changed_network = msgspec.convert(kept, Kept) if kept else None
    tasks = state.get("tasks", {})
    if tasks:
        node.tasks.remember(
            msgspec.convert(tasks["finished"], list[Task]), msgspec.convert(tasks["pid"], int)
        )
