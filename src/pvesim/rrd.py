"""Figures of the past: /nodes/N/rrddata and those of guests, as smooth as the live ones.

Resolutions and columns: pve-manager `PVE/RRD.pm`, pmxcfs `status.c`; Proxmox VE 9 keeps more than 8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pvesim.guest import Guest
from pvesim.model import Node
from pvesim.sampling import disk_used
from pvesim.scene import GIB

Row = dict[str, object]

#: timeframe → (seconds between two points, how many points)
FRAMES_9: Mapping[str, tuple[int, int]] = {
    "hour": (60, 60), "day": (60, 1440), "week": (1800, 336), "month": (1800, 1440), "year": (21600, 1440),
    "decade": (604800, 570),
}  # fmt: skip
FRAMES_8: Mapping[str, tuple[int, int]] = {
    "hour": (60, 70), "day": (1800, 70), "week": (10800, 70), "month": (43200, 70), "year": (604800, 70),
}  # fmt: skip
_PRESSURE = (
    "pressurecpusome",
    "pressureiosome",
    "pressureiofull",
    "pressurememorysome",
    "pressurememoryfull",
)
_KEPT = 86400 * 400  # seconds for which there is a past at all


def frames(node: Node) -> Mapping[str, tuple[int, int]]:
    return FRAMES_9 if node.version.major >= 9 else FRAMES_8


def rows(frame: str, node: Node, figures: Callable[[float], Row], since: float, now: float) -> list[Row]:
    """One row a point; before `since`, and while the node was dead, nothing but the time."""
    step, count = frames(node)[frame]
    last = int(now) // step * step
    found: list[Row] = []
    for number in range(count):
        at = last - (count - 1 - number) * step
        alive = at >= since and (node.down_since is None or at < node.down_since)
        found.append({"time": at, **figures(at)} if alive else {"time": at})
    return found


def of_node(node: Node) -> Callable[[float], Row]:
    """A node's figures at a time: load from its guests, as `sampling` counts them."""

    def figures(at: float) -> Row:
        running = [guest for guest in node.guests.values() if guest.running]
        cpu = min(sum(g.pulse.cpu(at) * g.cores for g in running) / node.cores + 0.01, 0.98)
        used = sum(g.pulse.memory(at, g.memory) for g in running) + int(1.6 * GIB)
        memory = min(used, node.memory - GIB // 2)
        row: Row = {
            "maxcpu": node.cores, "cpu": cpu, "iowait": cpu / 40, "loadavg": cpu * node.cores,
            "memtotal": node.memory, "memused": memory, "swaptotal": 8 * GIB, "swapused": 0,
            "roottotal": node.rootfs, "rootused": int(4.5 * GIB),
            "netin": sum(g.pulse.traffic for g in running), "netout": sum(g.pulse.traffic for g in running) * 0.6,
        }  # fmt: skip
        if node.version.major >= 9:
            row |= {"memavailable": node.memory - memory, "arcsize": 0, **dict.fromkeys(_PRESSURE, 0.0)}
        return row

    return figures


def of_guest(guest: Guest) -> Callable[[float], Row]:
    def figures(at: float) -> Row:
        running = guest.running
        used = guest.pulse.memory(at, guest.memory) if running else 0
        traffic = guest.pulse.traffic if running else 0.0
        row: Row = {
            "maxcpu": guest.cores, "cpu": guest.pulse.cpu(at) if running else 0.0, "maxmem": guest.memory,
            "mem": used, "maxdisk": guest.disk, "disk": disk_used(guest) if running else 0,
            "netin": traffic, "netout": traffic * 0.6, "diskread": traffic / 3, "diskwrite": traffic / 2,
        }  # fmt: skip
        if guest.node.version.host_figures:
            row |= {"memhost": 0, **dict.fromkeys((*_PRESSURE, "pressurecpufull"), 0.0)}
        return row

    return figures


def since(now: float) -> float:
    """When the past begins."""
    return now - _KEPT
