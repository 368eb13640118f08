"""Which privilege each key of a container's configuration needs.

Source: pve-container `LXC.pm` (`check_ct_modify_config_perm`); measured in the recordings' PRIVILEGES.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pvesim import volnames
from pvesim.api import Call
from pvesim.errors import failed, forbidden
from pvesim.formats import words
from pvesim.guestconfig import Conf, taken_apart

_CPU = frozenset(("cores", "cpuunits", "cpulimit"))
_NETWORK = frozenset(("nameserver", "searchdomain", "hostname"))
NEW_DISK = re.compile(r"([^:\s]+):(\d+(?:\.\d+)?)")


def may_configure(
    call: Call,
    vmid: int,
    wanted: Mapping[str, str],
    *,
    pool: str = "",
    before: Conf | None = None,
    delete: Iterable[str] = (),
    unprivileged: bool = True,
) -> None:
    """Raises 403 for the first key that the caller may not set or take away. root@pam may all."""
    if call.is_root:
        return
    change = _Change(call, vmid, pool, before or {}, unprivileged)
    for key, value in wanted.items():
        change.check(key, value)
    for key in delete:
        change.check(key, None)


class _Change:
    def __init__(self, call: Call, vmid: int, pool: str, before: Conf, unprivileged: bool) -> None:
        self.call = call
        self.vmid = vmid
        self.pool = pool
        self.before = before
        self.unprivileged = unprivileged

    def need(self, privilege: str) -> None:
        """On the pool that the container will be in, or on itself."""
        if not (self.pool and self.call.can(f"/pool/{self.pool}", privilege)):
            self.call.need(f"/vms/{self.vmid}", privilege)

    def check(self, key: str, value: str | None) -> None:
        if key in _CPU:
            self.need("VM.Config.CPU")
        elif key == "rootfs" or re.fullmatch(r"mp\d+", key):
            self.need("VM.Config.Disk")
            if value is not None:
                self._disk(key, value)
        elif key in ("memory", "swap"):
            self.need("VM.Config.Memory")
        elif re.fullmatch(r"net\d+", key):
            self.need("VM.Config.Network")
            for each in (str(self.before.get(key, "")), value or ""):
                self._bridge(key, each)
        elif key in _NETWORK:
            self.need("VM.Config.Network")
        elif key == "features":
            self._features(value)
        elif key == "hookscript":
            raise forbidden("changing the hookscript is only allowed for root@pam")
        elif re.fullmatch(r"dev\d+", key):
            raise forbidden("configuring device passthrough is only allowed for root@pam")
        elif key == "tags":
            self._tags(value or "")
        else:
            self.need("VM.Config.Options")

    def _disk(self, key: str, value: str) -> None:
        volume = taken_apart(key, value)["volume"]
        if volume.startswith("/"):
            kind = "device" if volume.startswith("/dev/") else "bind"
            raise forbidden(f"mount point type {kind} is only allowed for root@pam")
        if new := NEW_DISK.fullmatch(volume):
            self.call.need(f"/storage/{new[1]}", "Datastore.AllocateSpace")
        elif ":" in volume:
            may_read_volume(self.call, volume, self.vmid)

    def _bridge(self, key: str, value: str) -> None:
        if value and (bridge := taken_apart(key, value).get("bridge")):
            self.call.need(f"/sdn/zones/localnetwork/{bridge}", "SDN.Use")

    def _features(self, value: str | None) -> None:
        if not self.unprivileged:
            raise forbidden("changing feature flags for privileged container is only allowed for root@pam")
        old = taken_apart("features", str(self.before.get("features", "")))
        new = taken_apart("features", value) if value else {}
        changed = {name for name in (*old, *new) if old.get(name, "") != new.get(name, "")}
        if changed - {"nesting"}:
            raise forbidden("changing feature flags (except nesting) is only allowed for root@pam")
        if changed:
            self.need("VM.Allocate")

    def _tags(self, value: str) -> None:
        """Always on the guest itself, never by a pool; registered ones need more."""
        self.call.need(f"/vms/{self.vmid}", "VM.Config.Options")
        changed = set(words(value)) ^ set(words(str(self.before.get("tags", ""))))
        registered = set(words(str(self.call.cluster.options.get("registered-tags", ""))))
        access = dict(
            part.split("=", 1)
            for part in str(self.call.cluster.options.get("user-tag-access", "")).split(",")
            if "=" in part
        ).get("user-allow", "free")
        known = {tag for guest in self.call.cluster.guests.values() for tag in words(guest.tags)}
        for tag in sorted(changed):
            if tag in registered or access == "none" or (access == "existing" and tag not in known):
                self.call.need("/", "Sys.Modify")


def may_read_volume(call: Call, volid: str, vmid: int | None, content: str = "") -> None:
    """Raises 403 or 500 as PVE::Storage `check_volume_access` does; with `content` also for a volume of
    another kind."""
    name, colon, rest = volid.partition(":")
    if not colon or name.startswith("/"):
        if not call.is_root:
            raise failed(
                "Only root can pass arbitrary filesystem paths. at /usr/share/perl5/PVE/Storage.pm line 663."
            )
        return
    storage = call.cluster.storages.get(name)
    if storage is None:
        raise failed(f"storage '{name}' does not exist")
    try:
        named = volnames.parse(storage, rest)
    except volnames.BadName as error:
        raise failed(str(error)) from error
    if content and named.content != content and (content, named.content) != ("rootdir", "images"):
        raise failed(f"unable to use volume {volid} - content type needs to be '{content}'")
    where = f"/storage/{name}"
    if call.can(where, "Datastore.Allocate") or call.is_root:
        return
    if named.content in ("iso", "vztmpl", "import"):
        call.need(where, "Datastore.AllocateSpace", "Datastore.Audit", any_of=True)
    elif named.vmid is not None and named.vmid == vmid:
        return  # the owner
    elif named.content == "backup" and named.vmid is not None:
        call.need(where, "Datastore.AllocateSpace")
        call.need(f"/vms/{named.vmid}", "VM.Backup")
    elif named.content in ("images", "rootdir") and named.vmid is not None:
        call.need(where, "Datastore.Audit")
        call.need(f"/vms/{named.vmid}", "VM.Config.Disk")
    else:
        raise failed(f"missing privileges to access {volid}")
