"""Restoring a container from a backup: `vzrestore`.

Source: pve-container `API2/LXC.pm` (`create_vm` with `restore`), `LXC/Create.pm` (`recover_config`,
`sanitize_and_merge_config`); log as recorded.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pvesim.api import Call
from pvesim.configuring import apply
from pvesim.errors import ApiError
from pvesim.guest import Guest
from pvesim.guestconfig import Conf, adopt, bytes_of, disks, put_together, set_lock, taken_apart
from pvesim.scene import MIB
from pvesim.tasks import INTERRUPT, Interrupted, Task, TaskFailed, Work
from pvesim.volumes import Volume
from pvesim.works.creating import NewDisk, Plan, mounted, unpack
from pvesim.works.disks import allocate, format_disk, free

_FORKING = 0.15
_FETCHED = 110 * MIB  # bytes in a second from a backup server
_NOT_RECOVERED = re.compile(r"digest|rootfs|snapshots|unprivileged|parent|template|lock|mp\d+|unused\d+")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller wants besides the plan."""

    call: Call
    storage: str  # for the disks as they are in the backup; empty where disks were given
    unprivileged: bool | None  # None: as in the backup
    unique: bool  # other hardware addresses
    over: Conf | None = None  # the configuration of the container that is replaced


def restore(task: Task, guest: Guest, plan: Plan, wish: Wish) -> Work:
    """Disks as in the backup, or as given; the backed-up configuration with what was given on top."""
    node, cluster = guest.node, guest.node.cluster
    made: list[Volume] = []
    changed = wish.over is None  # whether something besides the lock has been done to the container
    try:
        yield _FORKING
        task.say(f"recovering backed-up configuration from '{plan.archive}'")
        archive = cluster.volumes.find(node.name, plan.archive)
        if archive is None:
            raise TaskFailed(f"volume '{plan.archive}' does not exist")
        saved = archive.config
        if saved is None or archive.damaged:
            raise TaskFailed("ERROR: archive contains no configuration file")
        _bridges(wish.call, plan.conf, saved)
        unprivileged = bool(saved.get("unprivileged")) if wish.unprivileged is None else wish.unprivileged
        if not unprivileged and (wish.over is None or wish.over.get("unprivileged")):
            _allowed(wish.call, "/", "Sys.Modify")
        wanted = _as_saved(saved, wish.storage) if wish.storage else plan.disks
        changed = True
        mounts: Conf = {}
        for disk in wanted:
            made.append(allocate(task, node, cluster.storages[disk.storage], guest.vmid, disk.size))
            yield from format_disk(task, node, made[-1])
            mounts[disk.key] = mounted(disk, made[-1])
        if wish.over is not None:
            _free_old(guest, wish.over)
        task.say(f"restoring '{plan.archive}' now..")
        if cluster.storages[archive.storage].type == "pbs":
            yield 0.5 + archive.size / _FETCHED
        else:
            yield from unpack(task, guest, archive, unprivileged)
        made[0].used = min(int(archive.size * 2.2), made[0].size or archive.size * 3)
        task.say("merging backed-up and given configuration..")
        conf = merged(plan.conf, saved, unique=wish.unique, vmid=guest.vmid, chance=cluster.chance)
        conf = {"hostname": f"CT{guest.vmid}", "memory": 512, "swap": 512, **conf, **mounts}
        if unprivileged:
            conf["unprivileged"] = 1
        if saved.get("template"):
            task.say("Convert restored container to template...")
            conf = _as_template(guest, conf, made)
        guest.conf = conf
        adopt(guest)
        yield 0.05
    except (TaskFailed, Interrupted) as failure:
        for volume in made:
            cluster.volumes.remove(volume)
        if not changed:
            set_lock(guest, "")
        elif guest.vmid in cluster.guests:
            cluster.remove(guest.vmid)
        why = INTERRUPT if isinstance(failure, Interrupted) else str(failure)
        raise TaskFailed(f"unable to restore CT {guest.vmid} - {why}") from None
    plan.after()


def _allowed(call: Call, path: str, privilege: str) -> None:
    try:
        call.need(path, privilege)
    except ApiError as error:
        raise TaskFailed(f"{error.status} {error.text}") from None


def _bridges(call: Call, given: Mapping[str, object], saved: Mapping[str, object]) -> None:
    """Cards that come from the backup need the right to their bridges."""
    for key, value in saved.items():
        if re.fullmatch(r"net\d+", key) and key not in given:
            bridge = taken_apart(key, str(value)).get("bridge")
            if bridge:
                _allowed(call, f"/sdn/zones/localnetwork/{bridge}", "SDN.Use")


def _as_saved(saved: Conf, storage: str) -> tuple[NewDisk, ...]:
    found = []
    for key, disk in disks(saved).items():
        options = {name: value for name, value in disk.items() if name not in ("volume", "size")}
        if "size" not in disk:
            raise TaskFailed(f"unable to detect disk size - please specify {key} (size)")
        found.append(NewDisk(key, storage, bytes_of(disk["size"]), options))
    if not found or found[0].key != "rootfs":
        raise TaskFailed("rootfs configuration could not be recovered, please check and specify manually!")
    return tuple(found)


def _free_old(guest: Guest, old: Conf) -> None:
    cluster, node = guest.node.cluster, guest.node
    for disk in disks(old).values():
        free(cluster, node, disk["volume"])
    for key in [key for key in old if key.startswith("unused")]:
        free(cluster, node, str(old[key]).partition(",")[0])


def merged(given: Conf, saved: Conf, *, unique: bool, vmid: int, chance: random.Random) -> Conf:
    """What was given wins; identity (disks, template, lock) is not taken over."""
    conf: Conf = dict(given)
    for key, value in saved.items():
        if _NOT_RECOVERED.fullmatch(key) or key in conf:
            continue
        if unique and re.fullmatch(r"net\d+", key):
            card = taken_apart(key, str(value))
            card.pop("hwaddr", None)
            apply(conf, {key: put_together(key, card)}, vmid, chance)
        else:
            conf[key] = value
    return conf


def _as_template(guest: Guest, conf: Conf, made: list[Volume]) -> Conf:
    volumes = guest.node.cluster.volumes
    for volume in made:
        new = re.sub(
            r"(?<![a-z])(vm|subvol)-", lambda m: "basevol-" if m[1] == "subvol" else "base-", volume.volid
        )
        for key, value in conf.items():
            if isinstance(value, str) and value.startswith(volume.volid):
                conf[key] = value.replace(volume.volid, new, 1)
        volumes.remove(volume)
        volume.volid = new
        volumes.add(volume)
    return {**conf, "template": 1}
