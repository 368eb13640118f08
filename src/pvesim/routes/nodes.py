"""What a node says about itself: /nodes/{node}/*."""

from __future__ import annotations

from pvesim.api import Call, Routes
from pvesim.routes.cluster import version
from pvesim.sampling import figures_of
from pvesim.scene import GIB

_INDEX = [
    "aplinfo",
    "apt",
    "capabilities",
    "ceph",
    "certificates",
    "config",
    "disks",
    "dns",
    "firewall",
    "hardware",
    "hosts",
    "journal",
    "lxc",
    "migrateall",
    "netstat",
    "network",
    "qemu",
    "query-oci-repo-tags",
    "query-url-metadata",
    "replication",
    "report",
    "rrd",
    "rrddata",
    "scan",
    "sdn",
    "services",
    "spiceshell",
    "startall",
    "status",
    "stopall",
    "storage",
    "subscription",
    "suspendall",
    "syslog",
    "tasks",
    "termproxy",
    "time",
    "version",
    "vncshell",
    "vzdump",
    "wakeonlan",
]
_CPU_FLAGS = (
    "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2"
)


def register(routes: Routes) -> None:
    node = "/nodes/{node}"
    routes.get(node)(_index)
    routes.get(f"{node}/status")(_status)
    routes.get(f"{node}/version")(lambda call: version(call.node))


def _index(call: Call) -> object:
    older = {"query-oci-repo-tags"}
    return [{"name": name} for name in _INDEX if call.cluster.version.major >= 9 or name not in older]


def _status(call: Call) -> object:
    node = call.node
    sample = figures_of(node)
    figures = sample.node
    cpu = float(figures["cpu"])
    used, total = int(figures["mem"]), node.memory
    disk, root = int(figures["disk"]), node.rootfs
    load = cpu * node.cores
    kernel = node.version.kernel
    build = "#1 SMP PREEMPT_DYNAMIC"
    memory = {"total": total, "used": used, "free": total - used - GIB // 4, "available": total - used}
    if node.version.major < 9:
        del memory["available"]
    return {
        "uptime": figures["uptime"],
        "cpu": cpu,
        "wait": cpu / 40,
        "idle": 0,
        "loadavg": [f"{load:.2f}", f"{load * 0.95:.2f}", f"{load * 0.9:.2f}"],
        "memory": memory,
        "swap": {"total": 8 * GIB, "used": 0, "free": 8 * GIB},
        "rootfs": {"total": root, "used": disk, "free": root - disk, "avail": root - disk - root // 20},
        "ksm": {"shared": 0},
        "cpuinfo": {
            "cpus": node.cores,
            "cores": max(1, node.cores // 2),
            "sockets": 1,
            "model": "AMD EPYC 7313P 16-Core Processor",
            "mhz": "2994.372",
            "user_hz": 100,
            "hvm": "1",
            "vendor": "AuthenticAMD",
            "family": "25",
            "flags": _CPU_FLAGS,
        },
        "boot-info": {"mode": "legacy-bios"},
        "current-kernel": {
            "sysname": "Linux",
            "release": kernel,
            "version": build,
            "machine": "x86_64",
        },
        "kversion": f"Linux {kernel} {build}",
        "pveversion": f"pve-manager/{node.version.text}/{node.version.repoid}",
    }
