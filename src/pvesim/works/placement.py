"""Where HA puts a guest: node affinity, resource affinity, groups, maintenance.

Sources: ha-manager `HA/Manager.pm` (`select_service_node`), `HA/Rules/{Node,Resource}Affinity.pm`,
`HA/Groups.pm`.
"""

from __future__ import annotations

from collections.abc import Iterable

from pvesim.highavail import HighAvailability, Resource
from pvesim.model import Cluster


def usable(cluster: Cluster, name: str) -> bool:
    """Online and not in maintenance."""
    node = cluster.nodes.get(name)
    return node is not None and node.online(cluster.clock.now()) and name not in cluster.ha.maintenance


def names(text: object) -> list[str]:
    return [word for word in str(text).split(",") if word]


def priorities(cluster: Cluster, resource: Resource) -> tuple[dict[str, int], bool] | None:
    """Node → priority, and whether only those nodes may be used; None where nothing is said."""
    ha = cluster.ha
    for rule in ha.rules.values():
        if (
            rule["type"] == "node-affinity"
            and not rule.get("disable")
            and resource.sid in names(rule["resources"])
        ):
            return parsed(rule["nodes"]), bool(rule.get("strict"))
    group = ha.groups.get(str(resource.options.get("group", "")))
    if group is None:
        return None
    return parsed(group["nodes"]), bool(group.get("restricted"))


def parsed(nodes: object) -> dict[str, int]:
    """ "pve1:2,pve2" → priorities, 0 where none is given."""
    found: dict[str, int] = {}
    for word in names(nodes):
        name, _, priority = word.partition(":")
        found[name] = int(priority or 0)
    return found


def sticks(cluster: Cluster, resource: Resource) -> bool:
    """Whether the guest stays where it is though a better node is there."""
    group = cluster.ha.groups.get(str(resource.options.get("group", "")))
    return not resource.number("failback") or bool(group and group.get("nofailback"))


def partners(ha: HighAvailability, sid: str, affinity: str) -> list[str]:
    """Other resources in the same rules of that affinity."""
    found = {
        other
        for rule in ha.rules.values()
        if rule["type"] == "resource-affinity" and rule["affinity"] == affinity and not rule.get("disable")
        if sid in names(rule["resources"])
        for other in names(rule["resources"])
    }
    return sorted(found - {sid})


def chosen(cluster: Cluster, resource: Resource, *, without: Iterable[str] = ()) -> str | None:
    """The node that the guest should be on; None if there is none."""
    ha = cluster.ha
    excluded = set(without)
    candidates = [name for name in cluster.nodes if usable(cluster, name) and name not in excluded]
    together = [ha.resources[sid] for sid in partners(ha, resource.sid, "positive") if sid in ha.resources]
    apart = [ha.resources[sid] for sid in partners(ha, resource.sid, "negative") if sid in ha.resources]
    taken = {node for other in apart for node in (other.node, other.target) if other.state and node}
    candidates = [name for name in candidates if name not in taken]
    if resource.home in candidates:
        return resource.home
    wanted = priorities(cluster, resource)
    if wanted is not None:
        known, strict = wanted
        preferred = [name for name in candidates if name in known]
        if preferred:
            best = max(known[name] for name in preferred)
            top = [name for name in preferred if known[name] == best]
        else:
            top = [] if strict else candidates
        if (
            resource.node in candidates
            and sticks(cluster, resource)
            and (resource.node in known or not strict)
        ):
            top = [resource.node]
        candidates = top
    company = [other.node for other in together if other.state and other.node in candidates]
    if company and resource.node not in company:
        return company[0]
    if resource.node in candidates:
        return resource.node
    load = {name: sum(other.node == name for other in ha.resources.values()) for name in candidates}
    return min(candidates, key=lambda name: (load[name], name), default=None)


def motion(cluster: Cluster, sid: str) -> tuple[list[str], dict[str, list[dict[str, str]]]]:
    """Who moves along, and per node who is in the way (`get_resource_motion_info`)."""
    ha = cluster.ha
    along = [other for other in partners(ha, sid, "positive") if other in ha.resources]
    blocking: dict[str, list[dict[str, str]]] = {}
    for mine in (sid, *along):
        for other in partners(ha, mine, "negative"):
            known = ha.resources.get(other)
            if known is None or other in along or other == sid:
                continue
            for name in {known.node or cluster.guests[known.vmid].node.name, known.target} - {""}:
                entry = {"sid": other, "cause": "resource-affinity"}
                if entry not in blocking.setdefault(name, []):
                    blocking[name].append(entry)
    return along, blocking
