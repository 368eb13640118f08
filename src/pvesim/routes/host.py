"""What a node says of its system and does to it: services, logs, disks, figures of the past, power.

Sources: pve-manager `API2/Services.pm`, `API2/Nodes.pm`, `API2/Subscription.pm`; recorded from a genuine node.
"""

from __future__ import annotations

from functools import partial

from pvesim import rrd
from pvesim.api import Call, Routes, perm
from pvesim.errors import failed, invalid
from pvesim.nodelife import boot, power_cut
from pvesim.tasks import Task, Work
from pvesim.verify import BOOLEAN, TEXT, choice
from pvesim.wire import Reply

_SERVICES = (
    "chrony", "corosync", "cron", "ksmtuned", "lxcfs", "postfix", "proxmox-firewall", "pve-cluster",
    "pve-firewall", "pve-ha-crm", "pve-ha-lrm", "pve-lxc-syscalld", "pvedaemon", "pvefw-logger", "pveproxy",
    "pvescheduler", "pvestatd", "qmeventd", "spiceproxy", "sshd", "syslog", "systemd-journald",
    "systemd-timesyncd",
)  # fmt: skip
_NOTHING = "da39a3ee5e6b4b0d3255bfef95601890afd80709"  # SHA-1 of nothing
_SCANS = ("cifs", "iscsi", "lvm", "nfs", "pbs", "zfs")
_BOOTING = 45.0  # seconds until a rebooted node is back


def register(routes: Routes) -> None:
    node = "/nodes/{node}"
    audit = perm("/nodes/{node}", "Sys.Audit")
    routes.get(f"{node}/services")(_services)
    routes.get(f"{node}/services/{{service}}")(_service_index)
    routes.get(f"{node}/services/{{service}}/state")(_service)
    for verb in ("start", "stop", "restart", "reload"):
        routes.post(f"{node}/services/{{service}}/{verb}")(partial(_run, verb))
    routes.get(f"{node}/subscription")(_subscription)
    routes.get(f"{node}/netstat")(lambda call: [])
    routes.get(f"{node}/aplinfo")(lambda call: [])
    routes.get(f"{node}/syslog")(lambda call: Reply([{"n": 1, "t": "-- No entries --"}], beside={"total": 1}))
    routes.get(f"{node}/journal")(lambda call: ["-- No entries --"])
    routes.get(f"{node}/rrddata")(_node_figures)
    for kind in ("lxc", "qemu"):
        at = f"{node}/{kind}/{{vmid}}/rrddata"
        declared = {"timeframe": choice(*rrd.FRAMES_9).needed(), "cf": choice("AVERAGE", "MAX")}
        options = {} if kind == "lxc" else {"check": perm("/vms/{vmid}", "VM.Audit"), "params": declared}
        routes.get(at, **options)(partial(_guest_figures, kind))
    routes.post(f"{node}/status")(_power)
    routes.get(
        f"{node}/disks/list",
        check=audit,
        protected=True,
        params={"type": TEXT, "skipsmart": BOOLEAN, "include-partitions": BOOLEAN},
    )(lambda call: [])
    routes.get(f"{node}/firewall/options", check=audit)(lambda call: {"digest": _NOTHING})
    routes.get(f"{node}/hardware")(lambda call: [{"type": "pci"}, {"type": "usb"}])
    routes.get(f"{node}/scan")(lambda call: [{"method": name} for name in _SCANS])


def _known(call: Call) -> str:
    name = call.params["service"]
    if name not in _SERVICES:
        listed = ", ".join(_SERVICES)
        raise invalid(service=f"value '{name}' does not have a value in the enumeration '{listed}'")
    return name


def _state(call: Call, name: str) -> dict[str, object]:
    down = name in call.node.stopped_services
    return {
        "service": name,
        "name": name,
        "desc": name,
        "state": "dead" if down else "running",
        "active-state": "inactive" if down else "active",
        "unit-state": "enabled",
    }


def _services(call: Call) -> object:
    return [_state(call, name) for name in _SERVICES]


def _service_index(call: Call) -> object:
    _known(call)
    return [{"subdir": name} for name in ("state", "start", "stop", "restart", "reload")]


def _service(call: Call) -> object:
    return _state(call, _known(call))


def _run(verb: str, call: Call) -> object:
    name, node = _known(call), call.node
    if verb == "stop" and name in ("pve-cluster", "pvedaemon", "pveproxy", "sshd"):
        raise failed(f"invalid service cmd 'stop' for '{name}'")

    def work(task: Task) -> Work:
        yield 0.5
        (node.stopped_services.add if verb == "stop" else node.stopped_services.discard)(name)

    return call.start(f"srv{verb}", name, work)


def _subscription(call: Call) -> object:
    return {
        "status": "notfound",
        "message": "There is no subscription key",
        "serverid": call.cluster.uuid.replace("-", "").upper(),
        "url": "https://www.proxmox.com/en/proxmox-virtual-environment/pricing",
    }


def _node_figures(call: Call) -> object:
    node = call.node
    return rrd.rows(call.params["timeframe"], node, rrd.of_node(node), rrd.since(call.now), call.now)


def _guest_figures(kind: str, call: Call) -> object:
    guest = call.node.guests.get(int(call.params["vmid"]))
    if guest is None or guest.kind != kind:
        place = "pve-vm-9.0" if call.node.version.major >= 9 else "pve2-vm"
        raise failed(
            "RRD error: rrdcached@unix:/var/run/rrdcached.sock: rrd_fetch_r failed: opening"
            f" '/var/lib/rrdcached/db/{place}/{call.params['vmid']}': No such file or directory"
        )
    since = guest.started if guest.started > call.cluster.clock.started else rrd.since(call.now)
    return rrd.rows(call.params["timeframe"], call.node, rrd.of_guest(guest), since, call.now)


def _power(call: Call) -> object:
    """Reboot or shut down: the node answers, and is gone a moment later."""
    node = call.node
    node.cluster.agenda.at(call.now + 2, lambda now: power_cut(node))
    if call.params["command"] == "reboot":
        node.cluster.agenda.at(call.now + _BOOTING, lambda now: boot(node))
    return None
