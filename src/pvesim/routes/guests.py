"""Containers and virtual machines, read: /nodes/{node}/lxc/* and /nodes/{node}/qemu/*."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from pvesim.api import Call, Routes, perm
from pvesim.errors import failed, invalid
from pvesim.guest import Guest
from pvesim.guestconfig import config, digest_of, hardware_address, plain, taken_apart
from pvesim.routes.cluster import all_guests_visible
from pvesim.sampling import disk_used
from pvesim.verify import TEXT, choice
from pvesim.works.changing import effective, rows

# what the real indexes name, which is not everything that there is
_LXC_INDEX = (
    *("config", "pending", "status", "vncproxy", "termproxy", "vncwebsocket", "spiceproxy", "migrate"),
    *("clone", "rrd", "rrddata", "firewall", "snapshot", "resize", "interfaces"),
)
_QEMU_INDEX = [
    "agent",
    "clone",
    "cloudinit",
    "config",
    "feature",
    "firewall",
    "migrate",
    "monitor",
    "move_disk",
    "pending",
    "resize",
    "rrd",
    "rrddata",
    "snapshot",
    "status",
    "template",
    "unlink",
    "vncproxy",
]
_LXC_STATUS = ("current", "start", "stop", "shutdown", "reboot", "migrate")
_QEMU_STATUS = ("current", "start", "stop", "reset", "shutdown", "suspend", "reboot")
_PRESSURE = ("cpusome", "cpufull", "iosome", "iofull", "memorysome", "memoryfull")


def register(routes: Routes) -> None:
    for kind, index, power in (
        ("lxc", _LXC_INDEX, _LXC_STATUS),
        ("qemu", _QEMU_INDEX, _QEMU_STATUS),
    ):
        top = f"/nodes/{{node}}/{kind}"
        at = f"{top}/{{vmid}}"
        audit = perm("/vms/{vmid}", "VM.Audit")
        routes.get(top, protected=True)(partial(_list, kind))
        routes.get(at)(partial(_subdirs, kind, index))
        routes.get(f"{at}/config")(partial(_config, kind))
        routes.get(f"{at}/pending", check=audit)(partial(_pending, kind))
        routes.get(f"{at}/status")(partial(_subdirs, kind, power))
        routes.get(f"{at}/status/current")(partial(_current, kind))
    qemu = "/nodes/{node}/qemu/{vmid}"
    routes.get(f"{qemu}/snapshot", check=audit, protected=True)(_snapshots)
    routes.get(
        f"{qemu}/feature",
        check=audit,
        protected=True,
        params={"feature": choice("snapshot", "clone", "copy").needed(), "snapname": TEXT},
    )(_feature)
    routes.get("/nodes/{node}/lxc/{vmid}/interfaces")(_interfaces)


def _subdirs(kind: str, names: Sequence[str], call: Call) -> object:
    call.guest(kind)
    return [{"subdir": name} for name in names]


def _list(kind: str, call: Call) -> object:
    everything = all_guests_visible(call)
    return call.mixed(
        [
            current(guest, call.now)
            for guest in call.node.guests.values()
            if guest.kind == kind and (everything or call.can(f"/vms/{guest.vmid}", "VM.Audit"))
        ]
    )


def current(guest: Guest, now: float) -> dict[str, object]:
    """The figures of this moment, as pct and qm see them on the node."""
    running = guest.running
    uptime = guest.uptime(now)
    lxc = guest.kind == "lxc"
    host_figures = guest.node.version.host_figures
    received, sent = guest.pulse.received(uptime), guest.pulse.sent(uptime)
    used = guest.pulse.memory(now, guest.memory) if running else 0
    row: dict[str, object] = {
        "vmid": guest.vmid,
        "name": guest.name,
        "status": guest.status,
        "cpus": guest.cores,
        "cpu": guest.pulse.cpu(now) if running else 0,
        "mem": used,
        "maxmem": guest.memory,
        "disk": disk_used(guest) if running and lxc else 0,
        "maxdisk": guest.disk,
        "netin": received,
        "netout": sent,
        "uptime": uptime,
    }
    if lxc:
        row |= {"type": "lxc", "swap": 0, "maxswap": guest.swap}
    elif host_figures:
        row["memhost"] = used + used // 16
    if lxc or running:
        row |= {"diskread": received // 3, "diskwrite": sent // 2}
    if running:
        row["pid"] = 2000 + guest.vmid
        if host_figures:
            row |= {f"pressure{name}": "0.00" if lxc else 0 for name in _PRESSURE}
    if guest.tags:
        row["tags"] = guest.tags
    if guest.lock:
        row["lock"] = guest.lock
    if guest.template:
        row["template"] = 1
    return row


def _config(kind: str, call: Call) -> object:
    guest, snapshot = call.guest(kind), call.params.get("snapshot")
    if not snapshot:
        return config(guest) if call.flag("current") else {**effective(guest), "digest": digest_of(guest)}
    if call.flag("current"):
        wrong = "cannot use 'snapshot' parameter with 'current'"
        raise invalid(snapshot=wrong, current=wrong)
    found = (guest.snapshots or {}).get(snapshot)
    if found is None:
        raise failed(f"snapshot '{snapshot}' does not exist")
    return {**found, "digest": config(guest)["digest"]}


def _pending(kind: str, call: Call) -> object:
    guest = call.guest(kind)
    return call.mixed(rows(guest, config(guest)))


def _current(kind: str, call: Call) -> object:
    guest = call.guest(kind)
    row = {**current(guest, call.now), "ha": _ha(guest)}
    row.pop("template", None)
    if kind == "qemu":
        row["qmpstatus"] = guest.status
    return row


def _ha(guest: Guest) -> dict[str, object]:
    """What the HA stack has got to with it (`get_service_status`)."""
    cluster = guest.node.cluster
    resource = cluster.ha.of(guest.vmid)
    if resource is None or not cluster.ha_managed(guest):
        return {"managed": 0}
    row: dict[str, object] = {"managed": 1, "state": resource.state or None}
    if not cluster.version.ha_rules:
        row["group"] = resource.options.get("group")
    return row


def _snapshots(call: Call) -> object:
    guest = call.guest("qemu")
    return [
        {
            "name": "current",
            "description": "You are here!",
            "digest": config(guest)["digest"],
            "running": int(guest.running),
        }
    ]


def _feature(call: Call) -> object:
    guest = call.guest("qemu")
    storage = call.cluster.storages[guest.storage]
    capable = storage.type in ("zfspool", "lvmthin", "rbd", "btrfs")
    return {"hasFeature": int(capable or call.params["feature"] == "copy")}


def _interfaces(call: Call) -> object:
    guest = call.node.guests.get(int(call.params["vmid"]))
    if guest is None or guest.kind != "lxc" or not guest.running:
        return None  # also for a container that does not exist
    rows = [_interface("lo", "00:00:00:00:00:00", "127.0.0.1/8", "::1/128")]
    conf = plain(guest)
    for key in sorted(key for key in conf if re.fullmatch(r"net\d+", key)):
        card = taken_apart(key, str(conf[key]))
        hardware = card.get("hwaddr", hardware_address(guest)).lower()
        inet, inet6 = card.get("ip", ""), card.get("ip6", "")
        inet = leased_address(guest) if inet == "dhcp" else "" if inet == "manual" else inet
        rows.append(_interface(card["name"], hardware, inet, inet6 if "/" in inet6 else ""))
    return rows


def leased_address(guest: Guest) -> str:
    """What the network's DHCP server gave a container."""
    return f"10.250.{guest.vmid >> 8 & 0xFF}.{guest.vmid & 0xFF}/16"


def _interface(name: str, hardware: str, inet: str, inet6: str) -> dict[str, object]:
    addresses = []
    for kind, value in (("inet", inet), ("inet6", inet6)):
        if value:
            address, _, prefix = value.partition("/")
            addresses.append({"ip-address": address, "ip-address-type": kind, "prefix": prefix})
    row: dict[str, object] = {
        "name": name,
        "hwaddr": hardware,
        "hardware-address": hardware,
        "ip-addresses": addresses,
    }
    if inet:
        row["inet"] = inet
    if inet6:
        row["inet6"] = inet6
    return row
