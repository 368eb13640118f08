"""PUT /nodes/{node}/lxc/{vmid}/config."""

from __future__ import annotations

import re

from pvesim.api import Call, Routes
from pvesim.config_rights import NEW_DISK, may_configure
from pvesim.configuring import change, check_names
from pvesim.errors import failed
from pvesim.formats import words
from pvesim.guest import Guest
from pvesim.guestconfig import adopt, config, disks, edit, plain, put_together, size_text, taken_apart
from pvesim.routes.containers import directory_storage
from pvesim.scene import GIB
from pvesim.tasks import Task, TaskFailed
from pvesim.works.disks import allocate, free
from pvesim.works.locking import unlocked


def register(routes: Routes) -> None:
    routes.put("/nodes/{node}/lxc/{vmid}/config")(_change)


def _change(call: Call) -> object:
    given = {key: value for key, value in call.params.items() if key not in ("node", "vmid", "digest")}
    if not given:
        raise failed("no options specified")
    delete = words(given.pop("delete", ""))
    delete += [key for key, value in given.items() if value == ""]
    wanted = {key: value for key, value in given.items() if value != "" and key != "revert"}
    check_names(wanted, delete)
    guest = call.guest("lxc")
    unlocked(guest)
    _unchanged(call, guest)
    before = dict(plain(guest))
    may_configure(
        call,
        guest.vmid,
        wanted,
        before=before,
        delete=delete,
        unprivileged=str(before.get("unprivileged")) == "1",
    )
    if not call.cluster.quorate:
        where = f"/etc/pve/nodes/{call.node.name}/lxc/{guest.vmid}.conf.tmp.{call.node.worker}"
        raise failed(f"unable to open file '{where}' - Permission denied")
    mounts = {key: value for key, value in wanted.items() if re.fullmatch(r"mp\d+|rootfs", key)}
    change(
        guest,
        {key: value for key, value in wanted.items() if key not in mounts},
        [key for key in delete if not re.fullmatch(r"(mp|unused)\d+", key)],
    )
    for key in delete:
        _take_away(guest, key)
    for key, value in mounts.items():
        _mount(call, guest, key, value)
    adopt(guest)
    return None


def _unchanged(call: Call, guest: Guest) -> None:
    digest = call.params.get("digest")
    if digest and digest != config(guest)["digest"]:
        raise failed("detected modified configuration - file changed by other user? Try again.")


def _take_away(guest: Guest, key: str) -> None:
    """A mount point's volume is kept as unusedN; an unused one is freed."""
    conf = edit(guest)
    if re.fullmatch(r"mp\d+", key) and key in conf:
        volume = taken_apart(key, str(conf.pop(key)))["volume"]
        if ":" in volume:
            number = next(n for n in range(256) if f"unused{n}" not in conf)
            conf[f"unused{number}"] = volume
    elif re.fullmatch(r"unused\d+", key) and key in conf:
        free(guest.node.cluster, guest.node, str(conf.pop(key)))


def _mount(call: Call, guest: Guest, key: str, value: str) -> None:
    conf = edit(guest)
    options = taken_apart(key, value)
    volume = options["volume"]
    known = disks(conf).get(key)
    if new := NEW_DISK.fullmatch(volume):
        storage = directory_storage(call, new[1])
        if key == "rootfs":
            raise failed("unable to hotplug rootfs: please stop the container first")
        scratch = Task(call.node.name, 1, 1, 0, "config", str(guest.vmid), call.authid)
        try:
            made = allocate(scratch, guest.node, storage, guest.vmid, int(float(new[2]) * GIB))
        except TaskFailed as failure:
            raise failed(str(failure)) from failure
        if known:
            _take_away(guest, key)
        options |= {"volume": made.volid, "size": size_text(made.size)}
    elif ":" in volume:
        found = guest.node.cluster.volumes.find(guest.node.name, volume)
        if found is None:
            raise failed(f"volume '{volume}' does not exist")
        options.setdefault("size", size_text(found.size))
        for unused in [name for name in conf if name.startswith("unused") and conf[name] == volume]:
            del conf[unused]
    conf[key] = put_together(key, options)
