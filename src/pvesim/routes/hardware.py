"""What a node is made of, and its power: /nodes/{node}/{disks,hardware,scan,capabilities,wakeonlan,status}.

Sources: pve-manager `API2/Disks.pm`, `API2/Hardware.pm`, `API2/Scan.pm`, `API2/Capabilities.pm`,
`API2/Nodes.pm`. A simulated node has one disk.
"""

from __future__ import annotations

import zlib
from functools import partial

from pvesim.api import Call, Routes, perm
from pvesim.errors import failed
from pvesim.verify import BOOLEAN, TEXT, choice, properties, text
from pvesim.works import nodepower

_WAKE = {"mac": text(default_key=1), "bind-interface": TEXT, "broadcast-address": TEXT}
_MACHINES = ("10.1", "10.0+pve1", "9.2+pve1", "9.0", "8.2+pve1")


def register(routes: Routes) -> None:
    node = "/nodes/{node}"
    audit = perm(node, "Sys.Audit")
    names = ("directory", "initgpt", "list", "lvm", "lvmthin", "smart", "wipedisk", "zfs")
    routes.get(f"{node}/disks", check=audit)(lambda call: [{"name": name} for name in names])
    options = {
        "include-partitions": BOOLEAN,
        "skipsmart": BOOLEAN,
        "type": choice("unused", "journal_disks"),
    }
    routes.get(f"{node}/disks/list", check=audit, protected=True, params=options)(_disks)
    smart = {"disk": text(pattern=r"/dev/[a-zA-Z0-9/]+").needed(), "healthonly": BOOLEAN}
    routes.get(f"{node}/disks/smart", check=audit, protected=True, params=smart)(_smart)
    for name in ("directory", "lvmthin", "zfs"):
        routes.get(f"{node}/disks/{name}", check=audit, protected=True)(lambda call: [])
    routes.get(f"{node}/disks/lvm", check=audit, protected=True)(lambda call: {"leaf": 0, "children": []})
    routes.get(f"{node}/hardware")(lambda call: [{"type": "pci"}, {"type": "usb"}])
    pci = {"pci-class-blacklist": TEXT, "verbose": BOOLEAN}
    routes.get(f"{node}/hardware/pci", check=audit, protected=True, params=pci)(_pci)
    modify = perm(node, "Sys.Modify")
    routes.get(f"{node}/hardware/usb", check=modify, protected=True)(lambda call: [])
    routes.get(f"{node}/scan")(_scans)
    allocate = perm("/storage", "Datastore.Allocate")
    for name in ("lvm", "zfs"):
        routes.get(f"{node}/scan/{name}", check=allocate, protected=True)(lambda call: [])
    server = {"server": text(format="pve-storage-server").needed()}
    more = {"username": TEXT, "password": TEXT, "domain": TEXT}
    for name in ("nfs", "cifs"):
        params = server if name == "nfs" else {**server, **more}
        routes.get(f"{node}/scan/{name}", check=allocate, protected=True, params=params)(
            partial(_no_server, name)
        )
    routes.get(f"{node}/capabilities")(lambda call: [{"name": "qemu"}])
    qemu = ("cpu", "machines", "migration")
    routes.get(f"{node}/capabilities/qemu")(lambda call: [{"name": name} for name in qemu])
    routes.get(f"{node}/capabilities/qemu/machines")(_machines)
    routes.get(f"{node}/capabilities/qemu/cpu")(
        lambda call: [
            {"name": n, "custom": 0, "vendor": "default"} for n in ("host", "kvm64", "x86-64-v2-AES")
        ]
    )
    routes.get(f"{node}/capabilities/qemu/migration", since="9.0")(lambda call: {"has-dbus-vmstate": 1})
    routes.post(f"{node}/status")(_power)
    routes.post(f"{node}/wakeonlan")(_wake)


def _disks(call: Call) -> object:
    if "type" in call.params:
        return []
    node = call.node
    key = zlib.crc32(f"{node.cluster.name}/{node.name}".encode())
    disk: dict[str, object] = {
        "devpath": "/dev/sda",
        "by_id_link": f"/dev/disk/by-id/ata-SAMSUNG_MZ7L3960HCJR_S{key:010d}",
        "type": "ssd",
        "model": "SAMSUNG_MZ7L3960HCJR",
        "vendor": "ATA",
        "serial": f"S{key:010d}",
        "wwn": f"0x5002538f{key:08x}",
        "size": node.rootfs + 2**30,
        "used": "LVM",
        "gpt": 1,
        "health": "UNKNOWN" if call.flag("skipsmart") else "PASSED",
        "wearout": 97,
        "rpm": 0,
        "osdid": -1,
        "osdid-list": None,
    }
    return [disk]


def _smart(call: Call) -> object:
    if call.params["disk"] != "/dev/sda":
        raise failed(f"disk '{call.params['disk']}' is not a valid disk")
    answer: dict[str, object] = {"health": "PASSED"}
    if call.flag("healthonly"):
        return answer
    return {**answer, "type": "text", "text": "\nSMART overall-health self-assessment test result: PASSED\n"}


def _pci(call: Call) -> object:
    return [
        {
            "id": "0000:00:1f.2",
            "class": "0x010601",
            "vendor": "0x8086",
            "device": "0x2922",
            "iommugroup": -1,
            "vendor_name": "Intel Corporation",
            "device_name": "82801IR/IO/IH (ICH9R/DO/DH) 6 port SATA Controller [AHCI mode]",
        }
    ]


def _scans(call: Call) -> object:
    names = ["cifs", "iscsi", "lvm", "nfs", "pbs", "zfs"]
    if call.node.version.major < 9:
        names.insert(1, "glusterfs")
    return [{"method": name} for name in names]


def _no_server(kind: str, call: Call) -> object:
    """There are no file servers beside a simulated node."""
    server = call.params["server"]
    if kind == "nfs":
        raise failed(f"command '/sbin/showmount --no-headers --exports {server}' failed: exit code 1")
    raise failed(f"error listing shares of server '{server}'")


def _machines(call: Call) -> object:
    if not call.node.scene.qemu:
        missing = "can't open '/usr/share/kvm/machine-versions-x86_64.json' - No such file or directory"
        raise failed(f"could not load supported machine versions - {missing}\n")
    return [
        {"id": f"pc-{kind}-{version}", "type": short, "version": version}
        for kind, short in (("q35", "q35"), ("i440fx", "i440fx"))
        for version in _MACHINES
    ]


def _power(call: Call) -> object:
    nodepower.go_down(call.node, reboot=call.params["command"] == "reboot")
    return None


def _wake(call: Call) -> object:
    """The named node, by a packet of the asked one."""
    name = call.params["node"]
    if name in ("localhost", call.asked.name):
        raise failed(f"'{name}' is local node, cannot wake my self!")
    node = call.cluster.nodes.get(name)
    if node is None:
        raise failed(f"no such cluster node '{name}'")
    option = node.host.options.get("wakeonlan")
    if not option:
        raise failed(f"No wake on LAN MAC address defined for '{name}'!")
    nodepower.wake(node)
    return properties(_WAKE, option)["mac"]
