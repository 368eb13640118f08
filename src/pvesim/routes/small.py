"""Lists that are empty on an estate like ours, and other small answers that clients look at."""

from __future__ import annotations

from pvesim.api import Call, Routes, perm
from pvesim.errors import ApiError
from pvesim.model import digest
from pvesim.permissions import permitted

_EMPTY_DIGEST = "da39a3ee5e6b4b0d3255bfef95601890afd80709"  # SHA-1 of nothing


def register(routes: Routes) -> None:
    audit = perm("/", "Sys.Audit")
    for path in ("/cluster/backup", "/cluster/metrics/server"):
        routes.get(path, check=audit)(_nothing)
    for path in ("/cluster/sdn/vnets", "/cluster/sdn/zones", "/cluster/mapping/pci"):
        routes.get(path)(_nothing)
    routes.get("/cluster/log")(_nothing)
    routes.get("/cluster/firewall/options", check=audit)(lambda call: {"digest": _EMPTY_DIGEST})
    routes.get("/cluster/config/nodes", check=audit)(_corosync_nodes)
    routes.get("/cluster/config/totem", check=audit)(_totem_of)
    routes.get("/cluster/config/qdevice", check=audit)(lambda call: {})
    routes.get("/cluster/config/join", check=audit)(_join)
    routes.get("/cluster/backup-info", check=_root)(lambda call: [{"subdir": "not-backed-up"}])
    routes.get("/cluster/backup-info/not-backed-up", check=audit, protected=True)(_not_backed_up)
    routes.get("/nodes/{node}/subscription")(_subscription)


def _nothing(call: Call) -> object:
    return []


def _root(call: Call) -> None:
    """A method without permissions is root's alone, and not by token."""
    permitted(call, None)


def _not_backed_up(call: Call) -> object:
    """Guests that no backup job covers (pve-manager `API2/BackupInfo.pm`): there are no jobs, so all."""
    rows: list[dict[str, object]] = [
        {"vmid": guest.vmid, "name": guest.name, "type": guest.kind} for guest in call.cluster.guests.values()
    ]
    return call.mixed(rows)


def _subscription(call: Call) -> object:
    """A node without a key (pve-manager `API2/Subscription.pm`)."""
    return {
        "status": "notfound",
        "message": "There is no subscription key",
        "serverid": digest(call.node.name)[:32].upper(),
        "url": "https://www.proxmox.com/en/proxmox-virtual-environment/pricing",
    }


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
