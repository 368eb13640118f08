"""Containers come and go: POST /nodes/{node}/lxc, DELETE /nodes/{node}/lxc/{vmid}.

The order of the checks is that of pve-container `API2/LXC.pm` (`create_vm`, `destroy_vm`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from pvesim.api import Call, Routes
from pvesim.config_rights import NEW_DISK, may_configure, may_read_volume
from pvesim.configuring import apply
from pvesim.errors import failed, forbidden, invalid
from pvesim.guest import Guest
from pvesim.guestconfig import Conf, plain, set_lock, taken_apart
from pvesim.highavail import Resource
from pvesim.routes.storage import usable
from pvesim.scene import GIB, GuestScene, StorageScene
from pvesim.works import creating, power, restoring
from pvesim.works.disks import gigabytes
from pvesim.works.hastack import manage
from pvesim.works.locking import holding, unlocked

_NOT_CONFIG = frozenset(
    (
        "node", "vmid", "ostemplate", "restore", "unique", "force", "storage", "password", "ssh-public-keys",
        "pool", "start", "bwlimit", "ignore-unpack-errors", "unprivileged", "ha-managed",
    )
)  # fmt: skip
_DISK = re.compile(r"rootfs|mp\d+")
_KEY = re.compile(r"(ssh-(rsa|ed25519|dss)|ecdsa-sha2-\S+|sk-\S+) [A-Za-z0-9+/=]+( .*)?")
_AT_ONCE = 0.02  # seconds within which two calls both find the vmid free, and one fails later
_SAME_MOMENT = 0.0005  # … and nodes that write the configuration at once learn of each other by that
_DEFAULT_SIZE = 4  # GiB, where only a storage is given


def register(routes: Routes) -> None:
    routes.post("/nodes/{node}/lxc")(_create)
    routes.delete("/nodes/{node}/lxc/{vmid}")(_destroy)


def _create(call: Call) -> object:
    given, cluster, node = call.params, call.cluster, call.node
    vmid, pool = int(given["vmid"]), given.get("pool", "")
    restore, force = call.flag("restore"), call.flag("force")
    unprivileged = given.get("unprivileged", "1" if node.version.major >= 9 else "0") == "1"
    if not unprivileged and not restore and node.version.major >= 9:
        call.need("/", "Sys.Modify")
    known = cluster.guests.get(vmid)
    over = (
        known
        if known is not None and known.kind == "lxc" and known.node is node and restore and force
        else None
    )
    if over is not None:
        _may_overwrite(over)
    elif known is not None and known.lock == "create" and call.now - known.started < _AT_ONCE:
        raise failed(f"unable to create CT {vmid} - {_collision(call, known)}")
    elif known is not None:
        raise failed(taken(known, vmid))
    if keys := given.get("ssh-public-keys"):
        _well_formed_keys(keys)
    if pool and pool not in cluster.pools:
        raise failed(f"pool '{pool}' does not exist")
    _may_allocate(call, vmid, pool, over)
    wanted = {key: value for key, value in given.items() if key not in _NOT_CONFIG and value != ""}
    may_configure(call, vmid, wanted, pool=pool, unprivileged=unprivileged)
    archive = given["ostemplate"]
    may_read_volume(call, archive, vmid, "backup" if restore else "vztmpl")
    disks = _disks(call, wanted, given.get("storage", "local"))
    if call.flag("ha-managed"):
        call.need("/", "Sys.Console")
    call.quorum()
    conf: Conf = {"memory": 512, "swap": 512, "hostname": f"CT{vmid}"} if not restore else {}
    apply(
        conf, {key: value for key, value in wanted.items() if not _DISK.fullmatch(key)}, vmid, cluster.chance
    )
    before: Conf | None = None
    if over is not None:
        before = dict(plain(over))
        if over.lock:
            raise failed(f"unable to restore CT {vmid} - CT is locked ({over.lock})")
        set_lock(over, "create")
    guest = over or claim(call, vmid, pool)
    after = partial(_started, call, guest) if call.flag("start") else lambda: None
    if call.flag("ha-managed"):
        after = partial(_managed, call, guest)
    plan = creating.Plan(archive, conf, disks, unprivileged, after, storage_only="rootfs" not in wanted)
    if restore:
        disks_given = any(_DISK.fullmatch(key) for key in wanted)
        wish = restoring.Wish(
            call,
            "" if disks_given else given.get("storage", "local"),
            unprivileged if "unprivileged" in given else None,
            call.flag("unique"),
            before,
        )
        return call.start(
            "vzrestore",
            vmid,
            lambda task: holding(task, guest, restoring.restore(task, guest, plan, wish)),
        )
    return call.start("vzcreate", vmid, lambda task: holding(task, guest, creating.create(task, guest, plan)))


def _collision(call: Call, known: Guest) -> str:
    """What the loser of a race is told; on another node it may only notice when it writes."""
    if known.node is call.node or call.now - known.started >= _SAME_MOMENT:
        return taken(known, known.vmid)
    where = f"/etc/pve/nodes/{call.node.name}/lxc/{known.vmid}.conf"
    return f"close (rename) atomic file '{where}' failed: File exists"


def taken(guest: Guest, vmid: int) -> str:
    label = "CT" if guest.kind == "lxc" else "VM"
    return f"{label} {vmid} already exists on node '{guest.node.name}'"


def claim(call: Call, vmid: int, pool: str, kind: str = "lxc", lock: str = "create") -> Guest:
    """The configuration with nothing but its lock: from now on the vmid is taken."""
    scene = GuestScene(
        vmid=vmid, name=f"CT{vmid}", node=call.node.name, status="stopped", lock=lock, pool=pool,
        kind="lxc" if kind == "lxc" else "qemu", storage=next(iter(call.cluster.storages), "local"),
    )  # fmt: skip
    guest = call.cluster.create(scene)
    guest.conf = {"lock": lock}
    return guest


def _started(call: Call, guest: Guest) -> None:
    """`start=1`: a task of its own, once the container is there."""
    node = guest.node
    node.tasks.start(
        "vzstart",
        str(guest.vmid),
        call.authid,
        lambda task: holding(task, guest, power.start(task, node, guest.vmid)),
    )


def _managed(call: Call, guest: Guest) -> None:
    """`ha-managed=1`: HA looks after the container, and starts it if that was asked for."""
    state = "started" if call.flag("start") else "stopped"
    sid = f"ct:{guest.vmid}"
    if sid not in call.cluster.ha.resources:
        manage(call.cluster, Resource(sid, guest.vmid, {"state": state}))


def _may_overwrite(guest: Guest) -> None:
    if guest.running:
        raise failed("can't overwrite running container")
    protected(guest, f"unable to restore CT {guest.vmid}")


def protected(guest: Guest, what: str) -> None:
    """Raises 500 where the configuration forbids removal."""
    conf = guest.conf if guest.conf is not None else guest.scene.config
    if str(conf.get("protection", 0)) == "1":
        raise failed(f"{what} - protection mode enabled")


def _well_formed_keys(text: str) -> None:
    for line in text.splitlines():
        if line.strip() and not line.startswith("#") and not _KEY.fullmatch(line.strip()):
            raise failed("SSH public key validation error")


def _may_allocate(call: Call, vmid: int, pool: str, over: Guest | None) -> None:
    if call.can(f"/vms/{vmid}", "VM.Allocate") or (pool and call.can(f"/pool/{pool}", "VM.Allocate")):
        return
    if over is not None and call.can(f"/vms/{vmid}", "VM.Backup"):
        if plain(over).get("unprivileged") and call.params.get("unprivileged") == "0":
            call.need("/", "Sys.Modify")
        return
    raise forbidden()


def _disks(call: Call, wanted: Mapping[str, str], default: str) -> tuple[creating.NewDisk, ...]:
    """The disks that are asked for, on storages that may have them. Raises 400, 403, 500."""
    found: list[creating.NewDisk] = []
    asked = {key: value for key, value in wanted.items() if _DISK.fullmatch(key)}
    if asked and "rootfs" not in asked:
        raise failed("mount points configured, but 'rootfs' not set - aborting")
    for key in sorted(asked, key=lambda key: (key != "rootfs", key)):
        value = asked[key]
        if re.fullmatch(r"\d+(\.\d+)?", value):
            value = f"{default}:{value}"
        options = taken_apart(key, value)
        volume = options.pop("volume")
        options.pop("size", None)
        new = NEW_DISK.fullmatch(volume)
        if volume.startswith("/") or ":" not in volume:
            raise failed(
                "Only root can pass arbitrary filesystem paths. at /usr/share/perl5/PVE/API2/LXC.pm line 373."
            )
        storage = directory_storage(call, volume.partition(":")[0])
        if new is None:
            raise failed(f"unable to parse {_manner(storage)} volume name '{volume.partition(':')[2]}'")
        found.append(creating.NewDisk(key, storage.name, gigabytes(new[2]), options))
    if not asked:
        storage = directory_storage(call, default)
        found.append(creating.NewDisk("rootfs", storage.name, _DEFAULT_SIZE * GIB))
    return tuple(found)


def _manner(storage: StorageScene) -> str:
    return {"zfspool": "zfs", "lvmthin": "lvm", "lvm": "lvm", "rbd": "rbd"}.get(storage.type, "directory")


def directory_storage(call: Call, name: str) -> StorageScene:
    """A storage that takes containers' disks, enabled on the node. Raises 400, 403, 500."""
    storage = usable(call, name)
    if "rootdir" not in storage.content:
        raise invalid(storage=f"storage '{name}' does not support container directories")
    call.need(f"/storage/{name}", "Datastore.AllocateSpace")
    return storage


def _destroy(call: Call) -> object:
    guest = call.guest("lxc")
    protected(guest, f"can't remove CT {guest.vmid}")
    unlocked(guest)
    if not call.flag("purge"):
        if call.cluster.ha_managed(guest):
            raise failed(
                f"unable to remove CT {guest.vmid} - used in HA resources and purge parameter not set."
            )
        if call.cluster.replicated(guest.vmid):
            raise failed(
                f"There is a replication job '{call.cluster.replicated(guest.vmid)}' for guest '{guest.vmid}'"
                " - Please remove that first."
            )
    if guest.running and not call.flag("force"):
        raise failed(f"unable to destroy CT {guest.vmid} - container is running")
    return call.start(
        "vzdestroy",
        guest.vmid,
        lambda task: holding(
            task,
            guest,
            creating.destroy(
                task,
                guest,
                force=call.flag("force"),
                purge=call.flag("purge"),
                unreferenced=call.flag("destroy-unreferenced-disks"),
            ),
        ),
    )
