"""Lists that are empty on an estate like ours, and other small answers that clients look at."""

from __future__ import annotations

from pvesim.api import Call, Routes, perm
from pvesim.errors import ApiError, failed

_EMPTY_DIGEST = "da39a3ee5e6b4b0d3255bfef95601890afd80709"  # SHA-1 of nothing


def register(routes: Routes) -> None:
    audit = perm("/", "Sys.Audit")
    for path in ("/cluster/ha/resources", "/cluster/metrics/server"):
        routes.get(path, check=audit)(_nothing)
    routes.get("/cluster/ha/rules", check=audit, since="9.0")(_nothing)
    for path in ("/cluster/replication", "/cluster/sdn/vnets", "/cluster/sdn/zones", "/cluster/mapping/pci"):
        routes.get(path)(_nothing)
    routes.get("/cluster/log")(_nothing)
    routes.get("/cluster/firewall/options", check=audit)(lambda call: {"digest": _EMPTY_DIGEST})
    routes.get("/cluster/ha/status/current", check=audit)(_ha_status)
    routes.get("/cluster/ha/status/manager_status", check=audit)(_ha_manager)
    routes.get("/cluster/ha/groups", check=audit)(_ha_groups)
    routes.get("/cluster/config/nodes", check=audit)(_corosync_nodes)
    routes.get("/cluster/config/totem", check=audit)(_totem_of)
    routes.get("/cluster/config/qdevice", check=audit)(lambda call: {})
    routes.get("/cluster/config/join", check=audit)(_join)


def _nothing(call: Call) -> object:
    return []


def _ha_status(call: Call) -> object:
    cluster = call.cluster
    quorum = {
        "id": "quorum",
        "type": "quorum",
        "node": call.node.name,
        "quorate": int(cluster.quorate),
        "status": "OK" if cluster.quorate else f"No quorum on node '{call.node.name}'!",
    }
    if not cluster.version.ha_rules:
        return [quorum]
    fencing = {
        "id": "fencing",
        "type": "fencing",
        "node": call.node.name,
        "armed-state": "standby",
        "status": "standby (CRM watchdog standby)",
    }
    return [quorum, fencing]


def _ha_manager(call: Call) -> object:
    quorate = str(int(call.cluster.quorate))
    return {"manager_status": {"node_status": {}}, "quorum": {"quorate": quorate, "node": call.node.name}}


def _ha_groups(call: Call) -> object:
    if call.cluster.version.ha_rules:
        raise failed("cannot index groups: ha groups have been migrated to rules")
    return []


def _corosync_nodes(call: Call) -> object:
    if not call.cluster.clustered:
        return []
    return call.mixed(
        [
            {
                "node": node.name,
                "name": node.name,
                "nodeid": str(node.number),
                "quorum_votes": "1",
                "ring0_addr": node.address,
            }
            for node in call.cluster.nodes.values()
        ]
    )


def _totem(call: Call) -> dict[str, object]:
    return {
        "cluster_name": call.cluster.name,
        "config_version": str(len(call.cluster.nodes)),
        "interface": {"0": {"linknumber": "0"}},
        "ip_version": "ipv4-6",
        "link_mode": "passive",
        "secauth": "on",
        "version": "2",
    }


def _totem_of(call: Call) -> object:
    return _totem(call) if call.cluster.clustered else None


def _join(call: Call) -> object:
    cluster = call.cluster
    if not cluster.clustered:
        raise ApiError(424, "node is not in a cluster, no join info available!")
    return {
        "config_digest": _EMPTY_DIGEST,
        "preferred_node": call.node.name,
        "totem": _totem(call),
        "nodelist": [
            {
                "name": node.name,
                "nodeid": str(node.number),
                "quorum_votes": "1",
                "ring0_addr": node.address,
                "pve_addr": node.address,
                "pve_fp": node.leaf.fingerprint,
            }
            for node in cluster.nodes.values()
        ],
    }
