"""Changing a container's configuration: at once, or at its next start.

What a running container cannot take over waits in `guest.pending`, by key, and under `delete` the keys that
are to go; as in the section [pve:pending] of its file.
Source: pve-container `LXC/Config.pm` (`update_pct_config`, `vmconfig_hotplug_pending`,
`vmconfig_apply_pending`), pve-guest-common `GuestHelpers.pm` (`config_with_pending_array`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pvesim.config_rights import NEW_DISK
from pvesim.configuring import apply
from pvesim.errors import failed, invalid
from pvesim.formats import words
from pvesim.guest import Guest
from pvesim.guestconfig import Conf, adopt, disks, edit, plain, put_together, size_text, taken_apart
from pvesim.tasks import Task, TaskFailed
from pvesim.works.disks import allocate, free, gigabytes

_REQUIRED = frozenset(("memory", "rootfs", "ostype"))
_AT_ONCE = frozenset(
    [
        "description",
        "onboot",
        "startup",
        "protection",
        "hostname",
        "hookscript",
        "cores",
        "tags",
        "lock",
        "cpulimit",
        "cpuunits",
        "swap",
    ]
)
_MOUNT = re.compile(r"mp\d+|rootfs")


def change(guest: Guest, wanted: Mapping[str, str], delete: Iterable[str], revert: Iterable[str]) -> None:
    """Raises 500 for what cannot be changed, 400 for disks that cannot be made; those wait."""
    conf, pending = edit(guest), dict(guest.pending or {})
    going = words(str(pending.pop("delete", "")))
    for key in revert:
        pending.pop(key, None)
        going = [each for each in going if each != key]
    delete = [key for key in delete if key in conf or key in pending]
    _check(guest, wanted, delete)
    later = {key: value for key, value in wanted.items() if guest.running and _waits(conf, key)}
    for key in delete:
        pending.pop(key, None)
        if key not in conf:
            continue
        if guest.running and not (key in _AT_ONCE or re.fullmatch(r"(net|unused)\d+", key)):
            going = [*going, *({key} - set(going))]
        else:
            _take_away(guest, key)
    going = [key for key in going if key not in wanted]
    for key in wanted:
        pending.pop(key, None)
    refused = put(guest, {key: value for key, value in wanted.items() if key not in later})
    apply(pending, later | {key: wanted[key] for key in refused}, guest.vmid, guest.node.cluster.chance)
    _wait(guest, pending, going)
    adopt(guest)
    if refused:
        what = "hotplug {}:" if guest.running else "apply pending change {} :"
        raise invalid(**{key: f"unable to {what.format(key)} {text}\n" for key, text in refused.items()})


def take_over(guest: Guest) -> None:
    """What has waited for the container's start. What cannot be made goes on waiting."""
    if guest.pending is None:
        return
    pending = dict(guest.pending)
    for key in words(str(pending.pop("delete", ""))):
        _take_away(guest, key)
    refused = put(guest, {key: str(value) for key, value in pending.items()})
    _wait(guest, {key: value for key, value in pending.items() if key in refused}, [])
    adopt(guest)


def effective(guest: Guest) -> Conf:
    """The configuration as it will be once nothing waits any more."""
    pending = guest.pending or {}
    going = words(str(pending.get("delete", "")))
    found = {**plain(guest), **{key: value for key, value in pending.items() if key != "delete"}}
    return {key: value for key, value in found.items() if key not in going}


def rows(guest: Guest, content: Mapping[str, object]) -> list[dict[str, object]]:
    """The configuration `content`, each key with what waits for it."""
    pending = guest.pending or {}
    going = words(str(pending.get("delete", "")))
    found: list[dict[str, object]] = []
    for key in [*content, *(key for key in pending if key not in content and key != "delete")]:
        row: dict[str, object] = {"key": key}
        if key in content:
            row["value"] = content[key]
        if key in pending:
            row["pending"] = pending[key]
        if key in going:
            row["delete"] = 1
        found.append(row)
    return found


def put(guest: Guest, wanted: Mapping[str, str]) -> dict[str, str]:
    """Into the configuration, with disks made where new ones are wanted; what could not be, and why."""
    refused: dict[str, str] = {}
    usual = {key: value for key, value in wanted.items() if not _MOUNT.fullmatch(key)}
    apply(edit(guest), usual, guest.vmid, guest.node.cluster.chance)
    for key, value in wanted.items():
        if _MOUNT.fullmatch(key):
            try:
                _mount(guest, key, value)
            except TaskFailed as failure:
                refused[key] = str(failure)
    return refused


def _check(guest: Guest, wanted: Mapping[str, str], delete: Iterable[str]) -> None:
    conf = plain(guest)
    for key in delete:
        if key in _REQUIRED:
            raise failed(f"unable to delete required option '{key}'")
        if re.fullmatch(r"(mp|unused)\d+", key) and conf.get("protection"):
            raise failed(f"can't remove CT {guest.vmid} drive '{key}' - protection mode enabled")
        if key == "unprivileged":
            raise failed("unable to delete read-only option: 'unprivileged'")
    for key in wanted:
        if _MOUNT.fullmatch(key) and conf.get("protection"):
            raise failed(f"can't update CT {guest.vmid} drive '{key}' - protection mode enabled")
        if key == "unprivileged":
            raise failed("unable to modify read-only option: 'unprivileged'")


def _waits(conf: Conf, key: str) -> bool:
    """Whether a running container takes the value over only when it starts again."""
    if key in _AT_ONCE or key == "memory" or re.fullmatch(r"net\d+", key):
        return False
    return key in conf if re.fullmatch(r"(mp|dev)\d+", key) else True


def _wait(guest: Guest, pending: Conf, going: list[str]) -> None:
    """Keep what waits, without what is so already."""
    conf = edit(guest)
    left: Conf = {key: value for key, value in pending.items() if conf.get(key) != value}
    if going := [key for key in going if key in conf]:
        left["delete"] = ",".join(sorted(going))
    guest.pending = left or None


def _take_away(guest: Guest, key: str) -> None:
    """A mount point's volume is kept as unusedN; an unused one is freed."""
    conf = edit(guest)
    if key not in conf:
        return
    value = str(conf.pop(key))
    if re.fullmatch(r"mp\d+", key):
        _unused(conf, taken_apart(key, value)["volume"])
    elif key.startswith("unused"):
        free(guest.node.cluster, guest.node, value.partition(",")[0])


def _unused(conf: Conf, volume: str) -> None:
    if ":" in volume and volume not in {disk["volume"] for disk in disks(conf).values()}:
        number = next(n for n in range(256) if f"unused{n}" not in conf)
        conf[f"unused{number}"] = volume


def _mount(guest: Guest, key: str, value: str) -> None:
    conf, cluster = edit(guest), guest.node.cluster
    options = taken_apart(key, value)
    volume = options["volume"]
    before = disks(conf).get(key)
    if new := NEW_DISK.fullmatch(volume):
        scratch = Task(guest.node.name, 1, 1, 0, "config", str(guest.vmid), "root@pam")
        made = allocate(scratch, guest.node, cluster.storages[new[1]], guest.vmid, gigabytes(new[2]))
        options |= {"volume": made.volid, "size": size_text(made.size)}
    elif ":" in volume:
        found = cluster.volumes.find(guest.node.name, volume)
        if found is None:
            raise TaskFailed(f"volume '{volume}' does not exist")
        options.setdefault("size", size_text(found.size))
        for unused in [name for name in conf if name.startswith("unused") and conf[name] == volume]:
            del conf[unused]
    conf[key] = put_together(key, options)
    if before:
        _unused(conf, before["volume"])
