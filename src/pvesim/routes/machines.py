"""Virtual machines come, change and go, as far as somebody who manages containers meets them.

Source: qemu-server `API2/Qemu.pm` (`create_vm`, `update_vm`, `destroy_vm`); logs as recorded.
"""

from __future__ import annotations

import re
import uuid
from functools import partial

from pvesim.api import Call, Routes
from pvesim.config_rights import NEW_DISK
from pvesim.errors import failed, forbidden
from pvesim.formats import words
from pvesim.guest import Guest
from pvesim.guestconfig import Conf, adopt, config, disks, edit, parameters, size_text, typed
from pvesim.routes.containers import claim, protected, taken, usable
from pvesim.scene import GIB
from pvesim.tasks import Task, TaskFailed, Work
from pvesim.verify import find
from pvesim.works.disks import allocate, free
from pvesim.works.locking import holding, refuse_lock, unlocked

_NOT_CONFIG = frozenset(
    ("node", "vmid", "pool", "start", "storage", "force", "unique", "archive", "live-restore", "ha-managed", "bwlimit")
)  # fmt: skip
_DISK = re.compile(r"(scsi|virtio|sata|ide)\d+")
_CARD = re.compile(r"net\d+")


def register(routes: Routes) -> None:
    at = "/nodes/{node}/qemu"
    routes.post(at)(_create)
    routes.delete(f"{at}/{{vmid}}")(_destroy)
    routes.put(f"{at}/{{vmid}}/config")(partial(_change, tasked=False))
    routes.post(f"{at}/{{vmid}}/config")(partial(_change, tasked=True))


def _create(call: Call) -> object:
    given, cluster = call.params, call.cluster
    vmid, pool = int(given["vmid"]), given.get("pool", "")
    if (known := cluster.guests.get(vmid)) is not None:
        raise failed(taken(known, vmid))
    if pool and pool not in cluster.pools:
        raise failed(f"pool '{pool}' does not exist")
    if not call.can(f"/vms/{vmid}", "VM.Allocate") and not (
        pool and call.can(f"/pool/{pool}", "VM.Allocate")
    ):
        raise forbidden()
    new = {key: value for key, value in given.items() if key not in _NOT_CONFIG and value != ""}
    for key, value in new.items():
        if _DISK.fullmatch(key) and (disk := NEW_DISK.fullmatch(value.partition(",")[0])):
            usable(cluster, disk[1], call.node.name)
            call.need(f"/storage/{disk[1]}", "Datastore.AllocateSpace")
    call.quorum()
    guest = claim(call, vmid, pool, kind="qemu")
    return call.start("qmcreate", vmid, lambda task: holding(task, guest, _made(task, guest, new)))


def _made(task: Task, guest: Guest, wanted: dict[str, str]) -> Work:
    yield 0.3
    chance = guest.node.cluster.chance
    conf: Conf = {
        "boot": f"order={';'.join(sorted(key for key in wanted if _DISK.fullmatch(key) or _CARD.fullmatch(key))[::-1])}",
        "meta": f"creation-qemu=10.1.2,ctime={int(guest.started)}",
        "smbios1": f"uuid={uuid.UUID(int=chance.getrandbits(128), version=4)}",
        "vmgenid": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
    }
    made: list[str] = []
    try:
        for key, value in wanted.items():
            conf[key] = _value(task, guest, key, value, made)
    except TaskFailed as failure:
        for volid in made:
            free(guest.node.cluster, guest.node, volid)
        guest.node.cluster.remove(guest.vmid)
        raise TaskFailed(f"unable to create VM {guest.vmid} - {failure}") from None
    guest.conf = conf
    adopt(guest)


def _value(task: Task, guest: Guest, key: str, value: str, made: list[str]) -> str | int:
    """A configured value: disks are made, cards get an address."""
    first, comma, rest = value.partition(",")
    if _DISK.fullmatch(key) and (new := NEW_DISK.fullmatch(first)):
        storage = guest.node.cluster.storages[new[1]]
        volume = allocate(task, guest.node, storage, guest.vmid, int(float(new[2]) * GIB), "qemu")
        made.append(volume.volid)
        shown = f"{volume.volid}{comma}{rest},size={size_text(volume.size)}"
        task.say(f"{key}: successfully created disk '{shown}'")
        return shown
    if _CARD.fullmatch(key) and "=" not in first:
        chance = guest.node.cluster.chance
        address = "BC:24:11:" + ":".join(f"{chance.randrange(256):02X}" for _ in range(3))
        return f"{first}={address}{comma}{rest}"
    return typed(key, value, "qemu")


def _change(call: Call, *, tasked: bool) -> object:
    """PUT answers when it is done; POST by a task."""
    given = {
        key: value for key, value in call.params.items() if key not in ("node", "vmid", "digest", "skiplock")
    }
    if not given:
        raise failed("no options specified")
    delete = words(given.pop("delete", ""))
    for key in delete:
        if find(parameters("qemu"), key) is None:
            raise failed(f"unknown setting '{key}'")
    guest = call.guest("qemu")
    if guest.lock:
        raise failed(f"VM is locked ({guest.lock})")
    digest = call.params.get("digest")
    if digest and digest != config(guest)["digest"]:
        raise failed("detected modified configuration - file changed by other user? Try again.")

    def work(task: Task) -> Work:
        conf = edit(guest)
        for key in delete:
            conf.pop(key, None)
        for key, value in given.items():
            conf[key] = _value(task, guest, key, value, [])
        adopt(guest)
        yield 0.0

    if tasked:
        return call.start("qmconfig", guest.vmid, work)
    for _ in work(call.node.tasks.new("qmconfig", str(guest.vmid), call.authid)):
        pass
    return None


def _destroy(call: Call) -> object:
    guest = call.guest("qemu")
    protected(guest, f"can't remove VM {guest.vmid}")
    unlocked(guest)
    if guest.active:
        raise failed(f"VM {guest.vmid} is running - destroy failed")
    if call.cluster.ha_managed(guest) and not call.flag("purge"):
        raise failed(f"unable to remove VM {guest.vmid} - used in HA resources and purge parameter not set.")

    def work(task: Task) -> Work:
        refuse_lock(guest)
        yield 0.2
        for disk in disks(edit(guest), "qemu").values():
            free(guest.node.cluster, guest.node, disk["volume"])
        guest.node.cluster.remove(guest.vmid)

    return call.start("qmdestroy", guest.vmid, lambda task: holding(task, guest, work(task)))
