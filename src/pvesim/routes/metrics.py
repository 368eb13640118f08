"""Figures to be pulled: `/cluster/metrics/export`.

Sources: pve-manager `API2/Cluster/MetricsServer.pm`, `PVE/PullMetric.pm`. Each node keeps the last half
hour, one generation every ten seconds; the node that is asked collects from the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from pvesim.api import Call, Routes, perm
from pvesim.errors import invalid
from pvesim.formats import words
from pvesim.model import Node
from pvesim.rrd import of_guest, of_node
from pvesim.sampling import figures_of

ROUND, ROUNDS = 10, 180  # seconds; generations
_GAUGE, _DERIVE = "gauge", "derive"


class Metric(msgspec.Struct):
    id: str
    metric: str
    timestamp: int
    type: str
    value: float | int


def register(routes: Routes) -> None:
    routes.get("/cluster/metrics")(lambda call: [{"name": "export"}, {"name": "server"}])
    routes.get("/cluster/metrics/server", check=perm("/", "Sys.Audit"))(lambda call: [])
    routes.get("/cluster/metrics/export")(_export)


def _export(call: Call) -> object:
    now, since = int(call.now), call.number("start-time", 0)
    if since > now:
        raise invalid(**{"start-time": "start-time is in the future"})
    last = now // ROUND * ROUND
    rounds = [last - n * ROUND for n in range(ROUNDS)] if call.flag("history") else [last]
    found = [metric for at in rounds if at > since for node in _asked(call) for metric in _of_node(node, at)]
    return {"data": [msgspec.to_builtins(metric) for metric in found]}


def _asked(call: Call) -> list[Node]:
    """The node itself, and those of the others that answer."""
    if call.flag("local-only"):
        return [call.node]
    chosen = words(call.params.get("node-list", ""))
    nodes = call.cluster.nodes
    if unknown := next((name for name in chosen if name not in nodes), ""):
        raise invalid(**{"node-list": f"no such node '{unknown}'"})
    return [node for node in nodes.values() if node.online(call.now) and (not chosen or node.name in chosen)]


def _of_node(node: Node, at: int) -> Iterator[Metric]:
    if at < node.booted:
        return
    row = of_node(node)(at)
    yield from _all(f"node/{node.name}", at, _GAUGE, {
        "uptime": int(at - node.booted), "cpu_avg1": row["loadavg"], "cpu_avg5": row["loadavg"],
        "cpu_avg15": row["loadavg"], "cpu_max": row["maxcpu"], "cpu_current": row["cpu"],
        "cpu_iowait": row["iowait"], "mem_used": row["memused"], "mem_total": row["memtotal"],
        "swap_used": row["swapused"], "swap_total": row["swaptotal"], "disk_used": row["rootused"],
        "disk_total": row["roottotal"],
    })  # fmt: skip
    for name, (used, total) in figures_of(node).storages.items():
        yield from _all(f"storage/{node.name}/{name}", at, _GAUGE, {"disk_used": used, "disk_total": total})
    for guest in node.guests.values():
        row, up = of_guest(guest)(at), guest.uptime(at)
        id = f"{guest.kind}/{guest.vmid}"
        yield from _all(id, at, _GAUGE, {
            "uptime": up, "cpu_max": row["maxcpu"], "cpu_current": row["cpu"], "mem_used": row["mem"],
            "mem_total": row["maxmem"], "disk_used": row["disk"], "disk_total": row["maxdisk"],
        })  # fmt: skip
        if up:
            received, sent = guest.pulse.received(up), guest.pulse.sent(up)
            counts = {
                "net_in": received,
                "net_out": sent,
                "disk_read": received // 3,
                "disk_write": sent // 2,
            }
            yield from _all(id, at, _DERIVE, counts)


def _all(id: str, at: int, kind: str, values: Mapping[str, object]) -> Iterator[Metric]:
    for name, value in values.items():
        assert isinstance(value, (float, int))
        yield Metric(id, name, at, kind, value)
