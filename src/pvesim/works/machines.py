"""Virtual machines made, changed and destroyed: `qmcreate`, `qmconfig`, `qmdestroy`, `qmrestore`.

Source: qemu-server `API2/Qemu.pm` (`create_vm`, `destroy_vm`), `QemuServer.pm`; logs as recorded.
"""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable, Mapping

from pvesim.guest import Guest
from pvesim.guestconfig import Conf, adopt, disks, edit, size_text, taken_apart, typed
from pvesim.scene import GIB, MIB
from pvesim.tasks import INTERRUPT, Interrupted, Task, TaskFailed, Work
from pvesim.volumes import Volume
from pvesim.works.creating import remove_unreferenced
from pvesim.works.disks import allocate, free, gigabytes
from pvesim.works.locking import refuse_lock

DISK = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate)\d+")
NEW = re.compile(r"([^:\s,]+):(\d+(?:\.\d+)?)")
_RESTORED = 150 * MIB  # bytes in a second
_QEMU = "10.1.2"


def create(task: Task, guest: Guest, wanted: Mapping[str, str], after: Callable[[], None]) -> Work:
    """Disks, then the configuration at once."""
    made: list[Volume] = []
    cluster = guest.node.cluster
    try:
        now = yield 0.15
        conf: Conf = {}
        for key in sorted(wanted):
            put(task, guest, conf, key, wanted[key], made)
        conf.setdefault("boot", "order=" + ";".join(_bootable(conf)))
        conf |= {
            "meta": f"creation-qemu={_QEMU},ctime={int(now)}",
            "smbios1": f"uuid={_uuid(cluster.chance)}",
            "vmgenid": _uuid(cluster.chance),
        }
        guest.conf = {key: value for key, value in conf.items() if value != "order="}
        adopt(guest)
        yield 0.05
    except (TaskFailed, Interrupted) as failure:
        for volume in made:
            cluster.volumes.remove(volume)
        if guest.vmid in cluster.guests:
            cluster.remove(guest.vmid)
        why = INTERRUPT if isinstance(failure, Interrupted) else str(failure)
        raise TaskFailed(f"unable to create VM {guest.vmid} - {why}") from None
    after()


def put(task: Task, guest: Guest, conf: Conf, key: str, value: str, made: list[Volume]) -> None:
    """One key as it reads back; a new disk is made. Raises TaskFailed."""
    if DISK.fullmatch(key):
        conf[key] = _disk(task, guest, key, value, made)
    elif re.fullmatch(r"net\d+", key):
        conf[key] = _card(value, guest.node.cluster.chance)
    elif key == "description":
        conf[key] = value if value.endswith("\n") else f"{value}\n"
    else:
        conf[key] = typed(key, value, "qemu")


def _disk(task: Task, guest: Guest, key: str, value: str, made: list[Volume]) -> str:
    volume, _, options = value.partition(",")
    volume = volume.removeprefix("file=")
    new = NEW.fullmatch(volume)
    cluster, node = guest.node.cluster, guest.node
    if new is None:
        found = cluster.volumes.find(node.name, volume) if ":" in volume else None
        if ":" in volume and found is None:
            raise TaskFailed(f"volume '{volume}' does not exist")
        size = f",size={size_text(found.size)}" if found is not None and "size=" not in options else ""
        return f"{volume}{',' if options else ''}{options}{size}"
    length = gigabytes(new[2])
    if key.startswith(("efidisk", "tpmstate")):
        length = 4 * MIB
    volume_made = allocate(task, node, cluster.storages[new[1]], guest.vmid, length, "qemu")
    made.append(volume_made)
    rest = ",".join(part for part in options.split(",") if part and not part.startswith(("size=", "format=")))
    text = f"{volume_made.volid}{',' if rest else ''}{rest},size={size_text(length)}"
    task.say(f"{key}: successfully created disk '{text}'")
    return text


def _card(value: str, chance: random.Random) -> str:
    """model=MAC first, the rest as given."""
    model, _, rest = value.partition(",")
    name, _, address = model.removeprefix("model=").partition("=")
    given = re.search(r"(?:^|,)macaddr=([0-9A-Fa-f:]+)", rest)
    rest = re.sub(r"(?:^|,)macaddr=[0-9A-Fa-f:]+", "", rest).strip(",")
    address = address or (given[1] if given else "") or _hardware_address(chance)
    return f"{name}={address.upper()}{',' if rest else ''}{rest}"


def _hardware_address(chance: random.Random) -> str:
    return "BC:24:11:" + ":".join(f"{chance.randrange(256):02X}" for _ in range(3))


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _bootable(conf: Conf) -> list[str]:
    """The first disk, the first CD drive, the first card."""
    drives = [key for key in sorted(conf) if re.fullmatch(r"(ide|sata|scsi|virtio)\d+", key)]
    hard = [key for key in drives if "media=cdrom" not in str(conf[key])]
    optical = [key for key in drives if key not in hard]
    return [*hard[:1], *optical[:1], *[key for key in sorted(conf) if key.startswith("net")][:1]]


def change(task: Task, guest: Guest, wanted: Mapping[str, str], delete: list[str]) -> None:
    """What PUT does at once and POST in a task. Raises TaskFailed."""
    conf = edit(guest)
    for key in delete:
        if DISK.fullmatch(key) and ":" in str(conf.get(key, "")) and "media=cdrom" not in str(conf[key]):
            number = next(n for n in range(256) if f"unused{n}" not in conf)
            conf[f"unused{number}"] = str(conf[key]).partition(",")[0]
        elif re.fullmatch(r"unused\d+", key) and key in conf:
            free(guest.node.cluster, guest.node, str(conf[key]))
        conf.pop(key, None)
    made: list[Volume] = []
    for key, value in wanted.items():
        put(task, guest, conf, key, value, made)
        volume = str(conf[key]).partition(",")[0]
        for unused in [name for name in conf if name.startswith("unused") and conf[name] == volume]:
            del conf[unused]
    adopt(guest)


def configure(task: Task, guest: Guest, wanted: Mapping[str, str], delete: list[str]) -> Work:
    """`qmconfig`."""
    refuse_lock(guest)
    yield 0.2
    change(task, guest, wanted, delete)


def destroy(task: Task, guest: Guest, *, purge: bool, unreferenced: bool, skiplock: bool) -> Work:
    """`qmdestroy`."""
    node, cluster = guest.node, guest.node.cluster
    yield 0.05
    if guest.active:
        raise TaskFailed(f"VM {guest.vmid} is running - destroy failed")
    if not skiplock:
        refuse_lock(guest)
    conf = edit(guest)
    for disk in disks(conf, "qemu").values():
        free(cluster, node, disk["volume"])
    for key in [key for key in conf if key.startswith("unused")]:
        free(cluster, node, str(conf[key]).partition(",")[0])
    if unreferenced:
        remove_unreferenced(cluster, node, guest.vmid)
    yield 0.2
    if not cluster.quorate:
        path = f"/etc/pve/nodes/{node.name}/qemu-server/{guest.vmid}.conf.tmp.{task.pid}"
        raise TaskFailed(f"unable to open file '{path}' - Permission denied")
    if purge:
        task.say(f"purging VM {guest.vmid} from related configurations..")
        task.say(*cluster.purge(guest.vmid))
    cluster.remove(guest.vmid)


def restore(task: Task, guest: Guest, archive: str, storage: str, wanted: Mapping[str, str]) -> Work:
    """`qmrestore`: the machine as it was, on another storage if one is given."""
    node, cluster = guest.node, guest.node.cluster
    made: list[Volume] = []
    try:
        yield 0.15
        backup = cluster.volumes.find(node.name, archive)
        if backup is None or backup.config is None:
            raise TaskFailed(f"volume '{archive}' does not exist")
        conf: Conf = {key: value for key, value in backup.config.items() if not key.startswith("unused")}
        task.say(f"restore vma archive: {archive}")
        for key, disk in disks(conf, "qemu").items():
            name = storage or disk["volume"].partition(":")[0]
            if name not in cluster.storages:
                raise TaskFailed(f"storage '{name}' does not exist")
            found = taken_apart(key, str(conf[key]).replace("file=", ""))
            size = found.get("size", "4G")
            volume = allocate(task, node, cluster.storages[name], guest.vmid, _bytes(size), "qemu")
            made.append(volume)
            old = str(conf[key]).partition(",")
            conf[key] = f"{volume.volid}{old[1]}{old[2]}"
        yield max(0.5, backup.size / _RESTORED)
        for key, value in wanted.items():
            put(task, guest, conf, key, value, made)
        guest.conf = conf
        adopt(guest)
        task.say("rescan volumes...")
    except (TaskFailed, Interrupted) as failure:
        for volume in made:
            cluster.volumes.remove(volume)
        if guest.vmid in cluster.guests:
            cluster.remove(guest.vmid)
        why = INTERRUPT if isinstance(failure, Interrupted) else str(failure)
        raise TaskFailed(f"unable to restore VM {guest.vmid} - {why}") from None


def _bytes(size: str) -> int:
    unit = {"K": 1024, "M": MIB, "G": GIB, "T": 1024 * GIB}.get(size[-1:], 1)
    return int(float(size.rstrip("KMGT")) * unit)
