"""A guest's configuration file: as the API reads it back, changes it, and what follows from it.

Sources: pve-container `PVE/LXC/Config.pm`, `PVE/LXC.pm` (`vmstatus`); pve-common `print_property_string`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pvesim import schema
from pvesim.guest import Guest
from pvesim.model import digest
from pvesim.scene import GIB, MIB
from pvesim.verify import Param, find, split
from pvesim.volumes import Volume, disk_name

Conf = dict[str, str | int]

_UNITS = {"": 1, "K": 1024, "M": MIB, "G": GIB, "T": 1024 * GIB}
_DISK = re.compile(r"rootfs|mp\d+")
_DRIVE = re.compile(r"(?:scsi|virtio|sata|ide|efidisk|tpmstate)\d+")
_DEFAULT_DISK = 4 * GIB  # what vmstatus says of a root file system without a size


def parameters(kind: str = "lxc") -> Mapping[str, Param]:
    """The keys of a configuration, as the create call declares them."""
    found = schema.find("POST", f"/nodes/{{node}}/{kind}")
    assert found is not None
    return found.parameters


def hardware_address(guest: Guest) -> str:
    """A MAC address in Proxmox's own prefix."""
    return f"BC:24:11:{guest.vmid >> 16 & 0xFF:02X}:{guest.vmid >> 8 & 0xFF:02X}:{guest.vmid & 0xFF:02X}"


def volume(guest: Guest) -> str:
    """The volume id of the first disk of a guest that nobody has changed."""
    storage = guest.node.cluster.storages[guest.storage]
    return disk_name(storage, guest.vmid, 0, guest.kind, base=guest.template)


def size_text(size: int) -> str:
    """8G, or 512M, 4K where it is no whole number of the larger unit; 0T for nothing."""
    if not size:
        return "0T"
    for unit in ("T", "G", "M", "K"):
        if size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)


def bytes_of(text: str) -> int:
    """The bytes in a size such as 8G or 0.5T."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in "KMGT" else (text, "")
    return int(min(float(number) * _UNITS[unit], 2.0**63))


def config(guest: Guest) -> dict[str, object]:
    """What GET …/config returns, digest included."""
    content: dict[str, object] = dict(plain(guest))
    return {**content, "digest": digest_of(guest)}


def digest_of(guest: Guest) -> str:
    """Of the configuration file, with what waits in it."""
    written = repr(sorted(plain(guest).items()))
    return digest(written + repr(sorted(guest.pending.items())) if guest.pending else written)


def plain(guest: Guest) -> Conf:
    """The configuration itself."""
    if guest.conf is not None:
        return guest.conf
    if guest.lock == "create":
        return {"lock": "create"}
    return {**(_container(guest) if guest.kind == "lxc" else _machine(guest)), **guest.scene.config}


def edit(guest: Guest) -> Conf:
    """The configuration, to be changed; `adopt` afterwards. From now on it stands for itself."""
    if guest.conf is None:
        guest.conf = dict(plain(guest))
        guest.node.cluster.shared_disks = (0.0, {})  # its disks count as volumes from now on
        if guest.lock != "create":
            _own_disks(guest, guest.conf)
    return guest.conf


def _own_disks(guest: Guest, conf: Conf) -> None:
    volumes = guest.node.cluster.volumes
    for each in volumes_of(guest, conf):
        if volumes.find(guest.node.name, each.volid) is None:
            volumes.add(each)


def volumes_of(guest: Guest, conf: Conf) -> list[Volume]:
    """What the disks of a configuration are on their storages, as the guest's scene has them."""
    cluster = guest.node.cluster
    found = []
    for key, disk in disks(conf, guest.kind).items():
        storage = cluster.storages.get(disk["volume"].partition(":")[0])
        if storage is None:
            continue
        size = bytes_of(disk["size"]) if "size" in disk else guest.disk
        found.append(
            Volume(
                disk["volume"],
                "" if storage.shared else guest.node.name,
                "rootdir" if guest.kind == "lxc" else "images",
                "subvol" if "subvol" in disk["volume"] else "raw",
                size,
                int(guest.started),
                used=int(size * guest.pulse.appetite * 0.8) & ~4095 if key in ("rootfs", "scsi0") else 0,
                vmid=guest.vmid,
            )
        )
    return found


def adopt(guest: Guest) -> None:
    """Take over what the configuration says, after a change."""
    conf = plain(guest)
    lxc = guest.kind == "lxc"
    name = conf.get("hostname" if lxc else "name")
    guest.name = str(name) if name else f"{'CT' if lxc else 'VM'}{guest.vmid}"
    if lxc:
        guest.cores = int(conf.get("cores") or float(conf.get("cpulimit", 0)) or guest.node.cores)
    else:
        guest.cores = int(conf.get("sockets", 1)) * int(conf.get("cores", 1))
    guest.memory = int(str(conf.get("memory") or 512).removeprefix("current=")) * MIB
    guest.swap = int(conf.get("swap", 0)) * MIB
    guest.tags = str(conf.get("tags", ""))
    guest.template = bool(conf.get("template"))
    guest.lock = str(conf.get("lock", ""))
    first = next(iter(disks(conf, guest.kind).values()), None)
    usual = _DEFAULT_DISK if lxc else 0
    guest.disk = (bytes_of(first["size"]) if first and "size" in first else 0) or usual
    if first:
        guest.storage = first["volume"].partition(":")[0]
    guest.touch()


def set_lock(guest: Guest, lock: str) -> None:
    """Put a lock into the configuration, or take it away."""
    conf = edit(guest)
    if lock:
        conf["lock"] = lock
    else:
        conf.pop("lock", None)
    adopt(guest)


def disks(conf: Mapping[str, object], kind: str = "lxc") -> dict[str, dict[str, str]]:
    """The volumes of a configuration by key, the first disk first; unused ones and CDs not."""
    known = parameters(kind)
    found: dict[str, dict[str, str]] = {}
    for key in sorted(conf, key=lambda key: (key != "rootfs", key)):
        if not _DISK.fullmatch(key) and not _DRIVE.fullmatch(key):
            continue
        disk = taken_apart(key, str(conf[key]), known)
        disk.setdefault("volume", disk.pop("file", ""))
        if ":" in disk["volume"] and disk.get("media") != "cdrom":
            found[key] = disk
    return found


def taken_apart(key: str, value: str, known: Mapping[str, Param] | None = None) -> dict[str, str]:
    """A property string of the configuration as a dict."""
    param = find(known if known is not None else parameters(), key)
    if param is not None and isinstance(param.format, dict):
        return split(param.format, value)
    parts = (part.partition("=") for part in value.split(","))
    return {name if equals else "volume": text if equals else name for name, equals, text in parts}


def put_together(key: str, values: Mapping[str, str], known: Mapping[str, Param] | None = None) -> str:
    """A property string in Proxmox's order: the default key bare, what must be there, the rest by name."""
    param = find(known if known is not None else parameters(), key)
    assert param is not None
    assert isinstance(param.format, dict)
    form = param.format
    first = [name for name in form if form[name].default_key and name in values]
    needed = sorted(name for name in form if not form[name].optional and name in values and name not in first)
    rest = sorted(name for name in values if name not in first and name not in needed)
    return ",".join(
        [*(values[name] for name in first), *(f"{name}={values[name]}" for name in (*needed, *rest))]
    )


def typed(key: str, value: str, kind: str = "lxc") -> str | int:
    """The value as the API reads it back: whole numbers and flags as numbers."""
    param = find(parameters(kind), key)
    return int(value) if param is not None and param.type in ("integer", "boolean") else value


def sorted_tags(words: Iterable[str]) -> str:
    return ";".join(sorted({word.lower() for word in words}))


def _common(guest: Guest) -> Conf:
    scene = guest.scene
    found: Conf = {"ostype": scene.ostype}
    if scene.description:
        found["description"] = f"{scene.description}\n"
    if guest.tags:
        found["tags"] = guest.tags
    if scene.onboot:
        found["onboot"] = 1
    if guest.template:
        found["template"] = 1
    if guest.lock:
        found["lock"] = guest.lock
    return found


def _container(guest: Guest) -> Conf:
    scene = guest.scene
    found = _common(guest) | {
        "arch": "amd64",
        "cores": guest.cores,
        "hostname": guest.name,
        "memory": guest.memory // MIB,
        "swap": guest.swap // MIB,
        "rootfs": f"{volume(guest)},size={size_text(guest.disk)}",
    }
    if scene.unprivileged:
        found["unprivileged"] = 1
    if scene.bridge and scene.ip:
        parts = [f"name=eth0,bridge={scene.bridge}"]
        if scene.gateway and scene.ip != "dhcp":
            parts.append(f"gw={scene.gateway}")
        parts.append(f"hwaddr={hardware_address(guest)},ip={scene.ip},type=veth")
        found["net0"] = ",".join(parts)
    return found


def _machine(guest: Guest) -> Conf:
    return _common(guest) | {
        "name": guest.name,
        "cores": guest.cores,
        "sockets": 1,
        "memory": str(guest.memory // MIB),
        "boot": "order=scsi0;net0",
        "scsihw": "virtio-scsi-single",
        "scsi0": f"{volume(guest)},size={size_text(guest.disk)}",
        "net0": f"virtio={hardware_address(guest)},bridge={guest.scene.bridge}",
        "meta": "creation-qemu=10.1.2,ctime=1767000000",
        "smbios1": f"uuid=00000000-0000-4000-8000-{guest.vmid:012d}",
        "vmgenid": f"00000000-0000-4000-9000-{guest.vmid:012d}",
    }
