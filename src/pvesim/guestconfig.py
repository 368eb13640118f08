"""A guest's configuration file as the API reads it back."""

from __future__ import annotations

from pvesim.model import Guest, digest

GIB = 1024**3
MIB = 1024**2


def hardware_address(guest: Guest) -> str:
    """A MAC address in Proxmox's own prefix."""
    return f"BC:24:11:{guest.vmid >> 16 & 0xFF:02X}:{guest.vmid >> 8 & 0xFF:02X}:{guest.vmid & 0xFF:02X}"


def volume(guest: Guest) -> str:
    """The volume id of the guest's first disk."""
    storage = guest.node.cluster.storages[guest.storage]
    if storage.type in ("zfspool", "lvmthin", "lvm", "rbd"):
        prefix = "subvol" if storage.type == "zfspool" and guest.kind == "lxc" else "vm"
        if guest.template:
            prefix = "base" if prefix == "vm" else "basevol"
        return f"{guest.storage}:{prefix}-{guest.vmid}-disk-0"
    prefix = "base" if guest.template else "vm"
    return f"{guest.storage}:{guest.vmid}/{prefix}-{guest.vmid}-disk-0.raw"


def size_text(size: int) -> str:
    """8G, or 512M where it is no whole number of GiB."""
    return f"{size // GIB}G" if size % GIB == 0 else f"{size // MIB}M"


def config(guest: Guest) -> dict[str, object]:
    """What GET …/config returns, digest included."""
    if guest.lock == "create":
        content: dict[str, object] = {"lock": "create"}
    else:
        content = _container(guest) if guest.kind == "lxc" else _machine(guest)
        content |= guest.scene.config
        content |= guest.config
    return {**content, "digest": digest(repr(content))}


def _common(guest: Guest) -> dict[str, object]:
    scene = guest.scene
    found: dict[str, object] = {"ostype": scene.ostype}
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


def _container(guest: Guest) -> dict[str, object]:
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


def _machine(guest: Guest) -> dict[str, object]:
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
