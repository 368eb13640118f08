"""Virtual machines come, change and go: POST /nodes/{node}/qemu, …/config, DELETE.

The order of the checks is that of qemu-server `API2/Qemu.pm`.
"""

from __future__ import annotations

import re
from functools import partial

from pvesim.api import Call, Routes
from pvesim.config_rights import may_read_volume
from pvesim.errors import failed, forbidden, invalid
from pvesim.formats import words
from pvesim.guest import Guest
from pvesim.guestconfig import config, parameters
from pvesim.routes.containers import claim, protected, taken
from pvesim.routes.storage import usable
from pvesim.tasks import Task, TaskFailed
from pvesim.verify import find
from pvesim.works import machines, power
from pvesim.works.locking import holding, unlocked

_NOT_CONFIG = frozenset(
    (
        "node", "vmid", "archive", "storage", "force", "unique", "live-restore", "pool", "bwlimit", "start",
        "digest", "delete", "revert", "skiplock", "background_delay", "ha-managed", "import-working-storage",
    )
)  # fmt: skip
_RIGHTS = (
    (r"memory|balloon|shares|hugepages|keephugepages", "VM.Config.Memory"),
    (r"cores|sockets|cpu|cpulimit|cpuunits|smp|vcpus|numa\d*|affinity", "VM.Config.CPU"),
    (r"net\d+", "VM.Config.Network"),
    (r"cipassword|cicustom|ciuser|citype|ciupgrade|nameserver|searchdomain|sshkeys|ipconfig\d+", "VM.Config.Cloudinit"),
    (r"acpi|hotplug|kvm|machine|scsihw|smbios1|tablet|vga|watchdog|audio0|rng0|localtime|bios", "VM.Config.HWType"),
    (r"(?:ide|sata|scsi|virtio|efidisk|tpmstate|unused)\d+", "VM.Config.Disk"),
)  # fmt: skip


def register(routes: Routes) -> None:
    routes.post("/nodes/{node}/qemu")(_create)
    one = "/nodes/{node}/qemu/{vmid}"
    routes.delete(one)(_destroy)
    routes.put(f"{one}/config")(_configure)
    routes.post(f"{one}/config")(_configure_later)


def _wanted(call: Call) -> dict[str, str]:
    return {key: value for key, value in call.params.items() if key not in _NOT_CONFIG and value != ""}


def _create(call: Call) -> object:
    given, cluster, vmid = call.params, call.cluster, int(call.params["vmid"])
    pool, archive, storage = given.get("pool", ""), given.get("archive", ""), given.get("storage", "")
    call.quorum()
    if pool and pool not in cluster.pools:
        raise failed(f"pool '{pool}' does not exist")
    if storage:
        call.need(f"/storage/{storage}", "Datastore.AllocateSpace")
    if not call.can(f"/vms/{vmid}", "VM.Allocate") and not (
        pool and call.can(f"/pool/{pool}", "VM.Allocate")
    ):
        raise forbidden()
    wanted = _wanted(call)
    if archive:
        may_read_volume(call, archive, vmid, "backup")
    _storages(call, wanted)
    _may_configure(call, vmid, wanted, pool)
    known = cluster.guests.get(vmid)
    what = "restore" if archive else "create"
    if known is not None:
        raise failed(f"unable to {what} VM {vmid} - {taken(known, vmid)}")
    guest = claim(call, vmid, pool, "qemu")
    after = partial(_started, call, guest) if call.flag("start") else lambda: None
    if archive:
        return call.start(
            "qmrestore",
            vmid,
            lambda task: holding(task, guest, machines.restore(task, guest, archive, storage, wanted)),
        )
    return call.start(
        "qmcreate", vmid, lambda task: holding(task, guest, machines.create(task, guest, wanted, after))
    )


def _started(call: Call, guest: Guest) -> None:
    node = guest.node
    node.tasks.start(
        "qmstart",
        str(guest.vmid),
        call.authid,
        lambda task: holding(task, guest, power.start(task, node, guest.vmid)),
    )


def _storages(call: Call, wanted: dict[str, str]) -> None:
    """Disks are to be on storages that take them. Raises 400, 403, 500."""
    for key, value in wanted.items():
        if not machines.DISK.fullmatch(key):
            continue
        volume = value.partition(",")[0].removeprefix("file=")
        if volume in ("none", "cdrom"):
            continue
        new = machines.NEW.fullmatch(volume)
        if new is None:
            may_read_volume(call, volume, int(call.params["vmid"]))
            continue
        storage = usable(call, new[1])
        call.need(f"/storage/{storage.name}", "Datastore.AllocateSpace")
        if "images" not in storage.content:
            raise invalid(storage=f"storage '{storage.name}' does not support vm images")


def _may_configure(call: Call, vmid: int, keys: dict[str, str], pool: str = "") -> None:
    if call.is_root:
        return
    for key, value in keys.items():
        right = next((right for form, right in _RIGHTS if re.fullmatch(form, key)), "VM.Config.Options")
        if right == "VM.Config.Disk" and "media=cdrom" in value:
            right = "VM.Config.CDROM"
        if key in ("args", "lock", "hookscript") or re.fullmatch(r"(hostpci|usb|parallel|serial)\d+", key):
            raise failed(f"only root can set '{key}' config")
        if not (pool and call.can(f"/pool/{pool}", right)):
            call.need(f"/vms/{vmid}", right)
        bridge = re.search(r"(?:^|,)bridge=([^,]+)", value) if key.startswith("net") else None
        if bridge:
            call.need(f"/sdn/zones/localnetwork/{bridge[1]}", "SDN.Use")


def _change(call: Call) -> tuple[Guest, dict[str, str], list[str]]:
    given = call.params
    delete = words(given.get("delete", ""))
    wanted = _wanted(call)
    delete += [key for key, value in given.items() if value == "" and key not in _NOT_CONFIG]
    if call.flag("skiplock") and not call.is_root:
        raise invalid(skiplock="Only root may use this option.")
    if not wanted and not delete and not given.get("revert"):
        raise failed("no options specified")
    for key in delete:
        if find(parameters("qemu"), key) is None or key in _NOT_CONFIG:
            raise invalid(delete=f"unknown option '{key}'")
        if key in wanted:
            raise invalid(delete=f"you can't use '-{key}' and -delete {key}' at the same time")
    vmid = int(given["vmid"])
    _storages(call, wanted)
    _may_configure(call, vmid, {**wanted, **dict.fromkeys(delete, "")})
    guest = call.guest("qemu")
    digest = given.get("digest")
    if digest and digest != config(guest)["digest"]:
        raise failed("detected modified configuration - file changed by other user? Try again.")
    if not call.flag("skiplock"):
        unlocked(guest)
    if not call.cluster.quorate:
        where = f"/etc/pve/nodes/{call.node.name}/qemu-server/{guest.vmid}.conf.tmp.{call.node.worker}"
        raise failed(f"unable to open file '{where}' - Permission denied")
    return guest, wanted, delete


def _configure(call: Call) -> object:
    guest, wanted, delete = _change(call)
    scratch = Task(call.node.name, 1, 1, 0, "qmconfig", str(guest.vmid), call.authid)
    try:
        machines.change(scratch, guest, wanted, delete)
    except TaskFailed as failure:
        raise failed(str(failure)) from failure
    return None


def _configure_later(call: Call) -> object:
    guest, wanted, delete = _change(call)
    return call.start(
        "qmconfig",
        guest.vmid,
        lambda task: holding(task, guest, machines.configure(task, guest, wanted, delete)),
    )


def _destroy(call: Call) -> object:
    if call.flag("skiplock") and not call.is_root:
        raise invalid(skiplock="Only root may use this option.")
    guest = call.guest("qemu")
    protected(guest, f"can't remove VM {guest.vmid}")
    if not call.flag("purge") and call.cluster.ha_managed(guest):
        raise failed(f"unable to remove VM {guest.vmid} - used in HA resources and purge parameter not set.")
    return call.start(
        "qmdestroy",
        guest.vmid,
        lambda task: holding(
            task,
            guest,
            machines.destroy(
                task,
                guest,
                purge=call.flag("purge"),
                unreferenced=call.flag("destroy-unreferenced-disks"),
                skiplock=call.flag("skiplock"),
            ),
        ),
    )
