"""What the control port can do: everything that the Python API can do to a served estate.

Each action takes what was given, by name, and returns what is answered as JSON. Raises ValueError with a
sentence for what cannot be done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from pvesim import deeds
from pvesim.faults import FAULTS, Active, Fault
from pvesim.keeping import living_scene
from pvesim.model import Cluster
from pvesim.running import Running

Given = dict[str, object]
Action = Callable[[Running, Given], object]


def _cluster(running: Running, given: Given) -> Cluster:
    name = str(given.pop("cluster", "") or "")
    clusters = running.estate.clusters
    if not name and len(clusters) == 1:
        return next(iter(clusters.values()))
    if name not in clusters:
        raise ValueError(f"which cluster? {name!r} is not one of {', '.join(clusters)}.")
    return clusters[name]


def _number(given: Given, name: str) -> int:
    value = str(given.get(name, ""))
    if not value.isdigit():
        raise ValueError(f"{name} must be a number, not {value!r}.")
    return int(value)


def _text(given: Given, name: str) -> str:
    if name not in given:
        raise ValueError(f"{name} is missing.")
    return str(given[name])


def _flag(given: Given, name: str, default: bool) -> bool:
    value = str(given.get(name, default)).lower()
    if value not in ("true", "false", "1", "0"):
        raise ValueError(f"{name} must be true or false, not {value!r}.")
    return value in ("true", "1")


# -- faults --------------------------------------------------------------------------------------------


def shown(active: Active) -> dict[str, object]:
    return {
        "id": active.id,
        "name": active.fault.name,
        "cluster": active.target.cluster.name,
        "node": active.target.node.name if active.target.node else "",
        "parameters": dict(active.parameters),
        "hits": active.hits,
    }


def described(fault: Fault) -> dict[str, object]:
    return {
        "name": fault.name,
        "group": fault.group,
        "scope": fault.scope,
        "parameters": dict(fault.parameters),
        "reversible": fault.reversible,
        "description": " ".join(fault.description.split()),
    }


def _list(running: Running, given: Given) -> object:
    return {"faults": [shown(each) for each in running.faults]}


def _catalogue(running: Running, given: Given) -> object:
    return {"faults": [described(fault) for fault in FAULTS.values()]}


def _cause(running: Running, given: Given) -> object:
    name, cluster, node = (str(given.pop(key, "")) for key in ("name", "cluster", "node"))
    return {"fault": shown(running.fault(name, cluster=cluster, node=node, **given))}


def _clear(running: Running, given: Given) -> object:
    name = str(given.get("name", "")) or None
    if name is not None and name not in FAULTS:
        raise ValueError(f"there is no fault {name!r}: choose one of {', '.join(FAULTS)}.")
    cluster, node = str(given.get("cluster", "")), str(given.get("node", ""))
    return {"cleared": running.clear(name, cluster=cluster, node=node)}


# -- the estate ----------------------------------------------------------------------------------------


def _estate(running: Running, given: Given) -> object:
    return running.summary()


def _scene(running: Running, given: Given) -> object:
    return living_scene(running.estate)


def _status(running: Running, given: Given) -> object:
    running.estate.live()
    now = running.estate.clock.now()
    received = running.per_node()
    return {
        "now": now,
        "ahead": running.estate.clock.skipped,
        "speed": running.estate.settings.speed,
        "requests": len(running.requests),
        "faults": len(running.faults),
        "clusters": [
            {
                "name": cluster.name,
                "version": cluster.state.version.text,
                "quorate": cluster.state.quorate,
                "guests": len(cluster.state.guests),
                "running": sum(guest.running for guest in cluster.state.guests.values()),
                "nodes": [
                    {
                        "name": node.name,
                        "url": node.url,
                        "online": not node.state.down,
                        "guests": len(node.state.guests),
                        "tasks": len(node.state.tasks.active),
                        "requests": received[cluster.name, node.name],
                    }
                    for node in cluster.nodes.values()
                ],
            }
            for cluster in running
        ],
    }


def _requests(running: Running, given: Given) -> object:
    counts = {f"{cluster}/{node}": count for (cluster, node), count in running.per_node().items()}
    calls: dict[str, Counter[str]] = {}
    for each in running.requests:
        calls.setdefault(f"{each.cluster}/{each.node}", Counter())[f"{each.method} {each.path}"] += 1
    return {"received": len(running.requests), "per_node": counts, "calls": calls}


def _advance(running: Running, given: Given) -> object:
    seconds = float(str(given.get("seconds", 0)))
    if not 0 <= seconds <= 3e9:
        raise ValueError(f"seconds must not be negative, nor a century: {seconds:g}.")
    running.advance(seconds)
    return {"now": running.estate.clock.now()}


# -- guests --------------------------------------------------------------------------------------------


def _row(cluster: Cluster, vmid: int) -> dict[str, object]:
    guest = deeds.find(cluster, vmid)
    return {
        "cluster": cluster.name,
        "vmid": guest.vmid,
        "kind": guest.kind,
        "name": guest.name,
        "node": guest.node.name,
        "status": guest.status,
        "lock": guest.lock,
    }


def _guests(running: Running, given: Given) -> object:
    running.estate.live()
    wanted = str(given.get("cluster", ""))
    if wanted:
        _cluster(running, dict(given))
    return {
        "guests": [
            _row(cluster, vmid)
            for cluster in running.estate.clusters.values()
            if wanted in ("", cluster.name)
            for vmid in sorted(cluster.guests)
        ]
    }


def _create(running: Running, given: Given) -> object:
    cluster = _cluster(running, given)
    return {"guest": _row(cluster, deeds.create(cluster, given).vmid)}


def _destroy(running: Running, given: Given) -> object:
    cluster, vmid = _cluster(running, given), _number(given, "vmid")
    deeds.destroy(cluster, vmid)
    return {"destroyed": vmid}


def _changing(change: Callable[[Cluster, int, Given], None]) -> Action:
    """An action on one guest, which is answered with it."""

    def action(running: Running, given: Given) -> object:
        cluster, vmid = _cluster(running, given), _number(given, "vmid")
        change(cluster, vmid, given)
        return {"guest": _row(cluster, vmid)}

    return action


def _maintenance(running: Running, given: Given) -> object:
    cluster = _cluster(running, given)
    deeds.maintenance(cluster, _text(given, "node"), _flag(given, "enable", True))
    return {"maintenance": sorted(cluster.ha.maintenance)}


#: What there is, by method and path.
ACTIONS: Mapping[tuple[str, str], Action] = {
    ("GET", "/estate"): _estate,
    ("GET", "/scene"): _scene,
    ("GET", "/status"): _status,
    ("GET", "/requests"): _requests,
    ("POST", "/advance"): _advance,
    ("GET", "/faults"): _list,
    ("POST", "/faults"): _cause,
    ("DELETE", "/faults"): _clear,
    ("GET", "/catalogue"): _catalogue,
    ("GET", "/guests"): _guests,
    ("POST", "/guests"): _create,
    ("DELETE", "/guests"): _destroy,
    ("POST", "/guests/move"): _changing(
        lambda cluster, vmid, given: deeds.move(cluster, vmid, _text(given, "node"))
    ),
    ("POST", "/guests/status"): _changing(
        lambda cluster, vmid, given: deeds.set_status(cluster, vmid, _text(given, "status"))
    ),
    ("POST", "/guests/rename"): _changing(
        lambda cluster, vmid, given: deeds.rename(cluster, vmid, _text(given, "name"))
    ),
    ("POST", "/guests/lock"): _changing(
        lambda cluster, vmid, given: deeds.lock(cluster, vmid, _text(given, "lock"))
    ),
    ("POST", "/maintenance"): _maintenance,
}
