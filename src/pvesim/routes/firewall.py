"""Firewalls that are off and have no rules: of the cluster, of nodes and of containers.

Source: pve-firewall `API2/Firewall/*.pm`. Reading only.
"""

from __future__ import annotations

from pvesim.api import Call, Routes, perm
from pvesim.errors import failed, invalid

EMPTY_DIGEST = "da39a3ee5e6b4b0d3255bfef95601890afd80709"  # SHA-1 of nothing


def register(routes: Routes) -> None:
    cluster, node, guest = "/cluster/firewall", "/nodes/{node}/firewall", "/nodes/{node}/lxc/{vmid}/firewall"
    _lists(routes, cluster, "/", "aliases", "groups", "ipset", "rules", audit="Sys.Audit")
    _lists(routes, node, "/nodes/{node}", "rules", audit="Sys.Audit")
    _lists(routes, guest, "/vms/{vmid}", "aliases", "ipset", "rules", audit="VM.Audit")
    of_cluster = ("aliases", "groups", "ipset", "macros", "options", "refs", "rules")
    routes.get(cluster)(lambda call: [{"name": name} for name in of_cluster])
    routes.get(node)(lambda call: [{"name": name} for name in ("log", "options", "rules")])
    of_guest = ("aliases", "ipset", "log", "options", "refs", "rules")
    routes.get(guest)(lambda call: [{"name": name} for name in of_guest])
    routes.get(f"{cluster}/refs", check=perm("/", "Sys.Audit"))(lambda call: [])
    routes.get(f"{guest}/refs")(lambda call: [])
    for path, syslog in ((node, "/nodes/{node}"), (guest, "/vms/{vmid}")):
        check = perm(syslog, "Sys.Syslog" if path == node else "VM.Console")
        routes.get(f"{path}/log", check=check)(lambda call: [{"n": 1, "t": "no content"}])


def _lists(routes: Routes, path: str, where: str, *names: str, audit: str) -> None:
    check = perm(where, audit)
    routes.get(f"{path}/options", check=check)(_options)
    for name in names:
        routes.get(f"{path}/{name}", check=check)(_nothing)
    routes.get(f"{path}/rules/{{pos}}", check=check)(_no_rule)


def _options(call: Call) -> object:
    return {"digest": EMPTY_DIGEST}


def _nothing(call: Call) -> object:
    return []


def _no_rule(call: Call) -> object:
    position = call.params["pos"]
    if not position.isdigit():
        raise invalid(pos=f"type check ('integer') failed - got '{position}'")
    raise failed(f"no rule at position {position}")
