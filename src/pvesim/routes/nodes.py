"""What a node says about itself: /nodes/{node}/*."""

from __future__ import annotations

import ipaddress

from pvesim.api import Call, Routes
from pvesim.certificates import describe
from pvesim.errors import failed, invalid
from pvesim.model import Node, digest
from pvesim.routes.cluster import version
from pvesim.sampling import figures_of
from pvesim.scene import GIB
from pvesim.wire import Reply

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
    routes.get(f"{node}/network")(_network)
    routes.get(f"{node}/network/{{iface}}")(_interface)
    routes.get(f"{node}/dns")(_dns)
    routes.get(f"{node}/time")(_time)
    routes.get(f"{node}/hosts")(_hosts)
    routes.get(f"{node}/config")(_config)
    routes.put(f"{node}/config")(_change_config)
    routes.get(f"{node}/certificates")(lambda call: [{"name": "acme"}, {"name": "custom"}, {"name": "info"}])
    routes.get(f"{node}/certificates/info")(_certificates)


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


def _interfaces(node: Node) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    for number, bridge in enumerate(node.scene.bridges):
        port = f"eth{number}"
        found[port] = {
            "type": "eth",
            "method": "manual",
            "method6": "manual",
            "families": ["inet"],
            "active": 1,
            "priority": 3 + 2 * number,
        }
        found[bridge] = {
            "type": "bridge",
            "method": "static" if number == 0 else "manual",
            "method6": "manual",
            "families": ["inet"],
            "active": 1,
            "autostart": 1,
            "bridge_ports": port,
            "bridge_stp": "off",
            "bridge_fd": "0",
            "priority": 4 + 2 * number,
        }
        if number == 0:
            network = ipaddress.ip_interface(f"{node.address}/24").network
            found[bridge] |= {
                "address": node.address,
                "netmask": "24",
                "cidr": f"{node.address}/24",
                "gateway": str(next(network.hosts())),
            }
    return found


def _network(call: Call) -> object:
    kind = call.params.get("type")
    rows: list[dict[str, object]] = []
    for name, each in _interfaces(call.node).items():
        bridge = each["type"] == "bridge"
        if (
            kind
            and kind != "include_sdn"
            and not (kind.startswith("any_") and bridge)
            and each["type"] != kind
        ):
            continue
        where = f"/sdn/zones/localnetwork/{name}"
        if bridge and not call.can(where, "SDN.Audit", "SDN.Use", any_of=True):
            continue
        rows.append({"iface": name, **each})
    return call.mixed(rows)


def _interface(call: Call) -> object:
    found = _interfaces(call.node).get(call.params["iface"])
    if found is None:
        raise invalid(iface="interface does not exist")
    return found


def _dns(call: Call) -> object:
    scene = call.cluster.scene
    servers = {f"dns{n + 1}": server for n, server in enumerate(scene.dns[:3])}
    return {"search": scene.domain, **servers}


def _time(call: Call) -> object:
    now = int(call.node.now())
    return {"time": now, "localtime": now, "timezone": "Etc/UTC"}


def _hosts(call: Call) -> object:
    lines = ["127.0.0.1 localhost.localdomain localhost"]
    lines += [f"{node.address} {node.fqdn} {node.name}" for node in call.cluster.nodes.values()]
    content = "\n".join(lines) + "\n"
    return {"data": content, "digest": digest(content)}


def _config(call: Call) -> object:
    description = call.node.description
    return {"description": description, "digest": digest(description)} if description else {}


def _change_config(call: Call) -> object:
    if not call.cluster.quorate:
        where = f"/etc/pve/nodes/{call.node.name}/config.tmp.{call.node.worker}"
        raise failed(f"unable to open file '{where}' - Permission denied")
    given = call.params.get("description")
    if given is not None:
        call.node.description = f"{given}\n" if given else ""
    if "description" in call.params.get("delete", "").split(","):
        call.node.description = ""
    return None


def _certificates(call: Call) -> object:
    node = call.node
    rows = [
        describe("pve-root-ca.pem", call.cluster.authority.certificate),
        describe("pve-ssl.pem", node.leaf),
    ]
    if node.custom is not None:
        rows.append(describe("pveproxy-ssl.pem", node.custom))
    return Reply(rows)
