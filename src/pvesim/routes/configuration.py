"""PUT /nodes/{node}/lxc/{vmid}/config."""

from __future__ import annotations

import re

from pvesim.api import Call, Routes
from pvesim.config_rights import NEW_DISK, may_configure
from pvesim.configuring import check_names
from pvesim.errors import failed
from pvesim.formats import words
from pvesim.guest import Guest
from pvesim.guestconfig import config, plain, taken_apart
from pvesim.routes.containers import directory_storage
from pvesim.works.changing import change
from pvesim.works.locking import unlocked


def register(routes: Routes) -> None:
    routes.put("/nodes/{node}/lxc/{vmid}/config")(_change)


def _change(call: Call) -> object:
    given = {key: value for key, value in call.params.items() if key not in ("node", "vmid", "digest")}
    if not given:
        raise failed("no options specified")
    delete, revert = words(given.pop("delete", "")), given.pop("revert", "")
    delete += [key for key, value in given.items() if value == ""]
    wanted = {key: value for key, value in given.items() if value != ""}
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
    for key, value in wanted.items():
        if re.fullmatch(r"mp\d+|rootfs", key) and (
            new := NEW_DISK.fullmatch(taken_apart(key, value)["volume"])
        ):
            directory_storage(call, new[1])
            if key == "rootfs":
                raise failed("unable to hotplug rootfs: please stop the container first")
    change(guest, wanted, delete, words(revert))
    return None


def _unchanged(call: Call, guest: Guest) -> None:
    digest = call.params.get("digest")
    if digest and digest != config(guest)["digest"]:
        raise failed("detected modified configuration - file changed by other user? Try again.")
