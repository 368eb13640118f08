"""What any node says about its cluster from its own copy: /cluster/*, /nodes, /version."""

from __future__ import annotations

import msgspec

from pvesim.api import Call, Routes
from pvesim.figures import Sample
from pvesim.model import Node
from pvesim.sampling import guest_row, sample_of
from pvesim.scene import StorageScene
from pvesim.wire import Reply
from pvesim.works.hastack import node_state

_encode = msgspec.json.Encoder().encode

_INDEX = [
    "acme",
    "backup",
    "backup-info",
    "bulk-action",
    "ceph",
    "config",
    "firewall",
    "ha",
    "jobs",
    "log",
    "mapping",
    "metrics",
    "notifications",
    "nextid",
    "options",
    "qemu",
    "replication",
    "resources",
    "status",
    "tasks",
    "sdn",
]
_TOP = ("version", "cluster", "nodes", "storage", "access", "pools")


def register(routes: Routes) -> None:
    routes.get("/")(lambda call: [{"subdir": name} for name in _TOP])
    routes.get("/version")(lambda call: version(call.node))
    routes.get("/cluster")(_index)
    routes.get("/cluster/status")(_status)
    routes.get("/cluster/resources")(_resources)
    routes.get("/nodes")(_nodes)


def version(node: Node) -> dict[str, object]:
    version = node.version
    return {"version": version.text, "release": version.release, "repoid": version.repoid}


def _index(call: Call) -> object:
    older = {"bulk-action", "qemu"}
    return [{"name": name} for name in _INDEX if call.cluster.version.major >= 9 or name not in older]


def _status(call: Call) -> object:
    cluster = call.cluster
    rows: list[dict[str, object]] = []
    if cluster.clustered:
        rows.append(
            {
                "type": "cluster",
                "id": "cluster",
                "name": cluster.called,
                "nodes": len(cluster.nodes),
                "quorate": int(cluster.quorate),
                "version": len(cluster.nodes),
            }
        )
    for node in cluster.nodes.values():
        rows.append(
            {
                "type": "node",
                "id": f"node/{node.name}",
                "name": node.name,
                "nodeid": node.number if cluster.clustered else 0,
                "ip": node.address,
                "local": int(node is call.node),
                "online": int(node.online(call.now)),
                "level": "",
            }
        )
    return call.mixed(rows)


def node_entry(node: Node, call: Call) -> dict[str, object]:
    """What /nodes and /cluster/resources say of a node; figures only for those who may audit it."""
    online = node.online(call.now)
    entry: dict[str, object] = {"id": f"node/{node.name}", "node": node.name, "type": "node"}
    sample = sample_of(node)
    entry["status"] = "offline" if not online else "online" if sample else "unknown"
    if sample is None:
        return entry
    entry["level"] = ""
    if call.can(f"/nodes/{node.name}", "Sys.Audit"):
        figures = sample.node
        for key in ("maxcpu", "maxmem", "maxdisk"):
            entry[key] = figures[key]
        if online:
            for key in ("cpu", "mem", "disk", "uptime"):
                entry[key] = figures[key]
    return entry


def _nodes(call: Call) -> object:
    rows = [
        {**node_entry(node, call), "ssl_fingerprint": node.fingerprint}
        for node in call.cluster.nodes.values()
    ]
    return call.mixed(rows)


def _resources(call: Call) -> object:
    kind = call.params.get("type")
    cluster = call.cluster
    samples = {name: sample_of(node) for name, node in cluster.nodes.items()}
    rows: list[bytes] = []
    if kind is None:
        rows += [_encode(row) for row in _pool_rows(call)]
    if kind in (None, "vm"):
        rows += _guest_rows(call, samples)
    if kind in (None, "node"):
        for node in cluster.nodes.values():
            entry = node_entry(node, call)
            if samples[node.name] is not None:
                entry["cgroup-mode"] = 2
            if cluster.ha.master or node.name in cluster.ha.maintenance:
                entry["hastate"] = node_state(cluster, node)
            rows.append(_encode(entry))
    if kind in (None, "storage"):
        rows += _storage_rows(call, samples)
    if kind in (None, "sdn"):
        rows += [_encode(row) for row in _network_rows(call)]
    return Reply(raw=b"[%s]" % b",".join(rows))


def _guest_rows(call: Call, samples: dict[str, Sample | None]) -> list[bytes]:
    cluster = call.cluster
    everything = all_guests_visible(call)
    return [
        guest_row(guest, samples[guest.node.name])
        for guest in cluster.guests.values()
        if everything or call.can(f"/vms/{guest.vmid}", "VM.Audit")
    ]


def all_guests_visible(call: Call) -> bool:
    """Whether no entry below /vms or /pool can hide a guest, so that one check does for all."""
    deeper = any(path.startswith(("/vms/", "/pool")) for path in call.cluster.identity.acl)
    return not deeper and call.can("/vms", "VM.Audit")


def _storage_rows(call: Call, samples: dict[str, Sample | None]) -> list[bytes]:
    rows = []
    for storage in call.cluster.storages.values():
        if storage.disabled or not call.can(
            f"/storage/{storage.name}", "Datastore.Audit", "Datastore.AllocateSpace", any_of=True
        ):
            continue
        content = call.list_text(storage.content)
        for node in call.cluster.nodes.values():
            if node.has(storage):
                rows.append(_encode(storage_row(storage, node, content, samples[node.name])))
    return rows


def storage_row(storage: StorageScene, node: Node, content: str, sample: Sample | None) -> dict[str, object]:
    """A storage on a node as /cluster/resources has it."""
    row: dict[str, object] = {
        "id": f"storage/{node.name}/{storage.name}",
        "storage": storage.name,
        "node": node.name,
        "type": "storage",
        "plugintype": storage.type,
        "content": content,
        "shared": int(storage.shared),
        "status": "unknown",
    }
    if sample is not None and storage.name in sample.storages:
        row["disk"], row["maxdisk"] = sample.storages[storage.name]
        row["status"] = "available"
    return row


def _network_rows(call: Call) -> list[dict[str, object]]:
    if not call.can("/sdn/zones/localnetwork", "SDN.Audit"):
        return []
    if not call.cluster.version.network_rows:
        return [
            {
                "id": f"sdn/{node.name}/localnetwork",
                "sdn": "localnetwork",
                "node": node.name,
                "type": "sdn",
                "status": "ok",
            }
            for node in call.cluster.nodes.values()
        ]
    return [
        {
            "id": f"network/{node.name}/zone/localnetwork",
            "network": "localnetwork",
            "network-type": "zone",
            "node": node.name,
            "type": "network",
            "status": "ok",
        }
        for node in call.cluster.nodes.values()
    ]


def visible_pools(call: Call) -> list[str]:
    """The pools that the caller may know of."""
    return [pool for pool in call.cluster.pools if call.can(f"/pool/{pool}", "Pool.Audit")]


def _pool_rows(call: Call) -> list[dict[str, object]]:
    return [{"id": f"/pool/{pool}", "pool": pool, "type": "pool"} for pool in visible_pools(call)]
