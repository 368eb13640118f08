"""Figures of the past, of nodes, storages and guests."""

from __future__ import annotations

from functools import partial

from pvesim import rrd
from pvesim.api import Call, Routes, perm
from pvesim.errors import failed, invalid
from pvesim.sampling import figures_of
from pvesim.verify import choice


def register(routes: Routes) -> None:
    node = "/nodes/{node}"
    routes.get(f"{node}/rrddata")(_node_figures)
    routes.get(f"{node}/storage/{{storage}}/rrddata")(_storage_figures)
    for kind in ("lxc", "qemu"):
        at = f"{node}/{kind}/{{vmid}}/rrddata"
        declared = {"timeframe": choice(*rrd.FRAMES_9).needed(), "cf": choice("AVERAGE", "MAX")}
        options = {} if kind == "lxc" else {"check": perm("/vms/{vmid}", "VM.Audit"), "params": declared}
        routes.get(at, **options)(partial(_guest_figures, kind))


def _frame(call: Call) -> str:
    """8.x has no decade."""
    frame, known = call.params["timeframe"], rrd.frames(call.node)
    if frame not in known:
        raise invalid(
            timeframe=f"value '{frame}' does not have a value in the enumeration '{', '.join(known)}'"
        )
    return frame


def _node_figures(call: Call) -> object:
    node = call.node
    return rrd.rows(_frame(call), node, rrd.of_node(node), rrd.since(call.now), call.now)


def _storage_figures(call: Call) -> object:
    name = call.params["storage"]
    used, total = figures_of(call.node).storages.get(name, (0, 0))

    def figures(at: float) -> rrd.Row:
        return {"used": float(used), "total": float(total)} if total else {}

    return rrd.rows(_frame(call), call.node, figures, rrd.since(call.now), call.now)


def _guest_figures(kind: str, call: Call) -> object:
    guest = call.node.guests.get(int(call.params["vmid"]))
    if guest is None or guest.kind != kind:
        place = "pve-vm-9.0" if call.node.version.major >= 9 else "pve2-vm"
        raise failed(
            "RRD error: rrdcached@unix:/var/run/rrdcached.sock: rrd_fetch_r failed: opening"
            f" '/var/lib/rrdcached/db/{place}/{call.params['vmid']}': No such file or directory"
        )
    since = guest.started if guest.started > call.cluster.clock.started else rrd.since(call.now)
    return rrd.rows(_frame(call), call.node, rrd.of_guest(guest), since, call.now)
