"""Lists that are empty on an estate like ours, and other small answers that clients look at."""

from __future__ import annotations

from pvesim import clusterlog
from pvesim.api import Call, Routes, perm
from pvesim.errors import ApiError

_EMPTY_DIGEST = "da39a3ee5e6b4b0d3255bfef95601890afd80709"  # SHA-1 of nothing

_CONFIG = ("apiversion", "join", "nodes", "qdevice", "totem")


def register(routes: Routes) -> None:
    audit = perm("/", "Sys.Audit")
    routes.get("/cluster/config")(lambda call: [{"name": name} for name in _CONFIG])
    routes.get("/cluster/config/apiversion", check=audit)(lambda call: 1)
    for path in ("/cluster/sdn/vnets", "/cluster/sdn/zones", "/cluster/mapping/pci"):
        routes.get(path)(_nothing)
    routes.get("/cluster/log")(_log)
    routes.get("/cluster/config/nodes", check=audit)(_corosync_nodes)
    routes.get("/cluster/config/totem", check=audit)(_totem_of)
    routes.get("/cluster/config/qdevice", check=audit)(lambda call: {})
    routes.get("/cluster/config/join", check=audit)(_join)


def _log(call: Call) -> object:
    """Everything for who may see the system's log, else what one has done oneself."""
    everybody = call.is_root or call.can("/", "Sys.Syslog")
    return clusterlog.rows(call.cluster, "" if everybody else call.authid, call.number("max", 0) or None)


def _nothing(call: Call) -> object:
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
        "cluster_name": call.cluster.called,
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
