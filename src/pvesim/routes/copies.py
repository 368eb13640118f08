"""Clones and templates of containers, and their disks: /nodes/{node}/lxc/{vmid}/{clone,template,resize,…}.

The order of the checks is that of pve-container `API2/LXC.pm`.
"""

from __future__ import annotations

import re

from pvesim.api import Call, Routes
from pvesim.config_rights import may_configure
from pvesim.errors import failed, invalid
from pvesim.features import all_have, has_feature
from pvesim.guest import Guest
from pvesim.guestconfig import (
    Conf,
    adopt,
    bytes_of,
    config,
    disks,
    edit,
    plain,
    put_together,
    set_lock,
    taken_apart,
)
from pvesim.model import Node
from pvesim.routes.containers import claim, taken
from pvesim.routes.migration import known_node
from pvesim.routes.snapshots import snapshot_of
from pvesim.routes.storage import usable
from pvesim.tasks import Task, Work
from pvesim.works import copying
from pvesim.works.locking import holding, unlocked

_DISK = re.compile(r"rootfs|mp\d+")
_OF_SNAPSHOTS = ("parent", "snaptime", "snapstate", "template", "lock")


_CONVERTING = 0.3  # seconds until a template is one


def register(routes: Routes) -> None:
    at = "/nodes/{node}/lxc/{vmid}"
    routes.post(f"{at}/clone")(_clone)
    routes.post(f"{at}/template")(_template)
    routes.put(f"{at}/resize")(_resize)
    routes.post(f"{at}/move_volume")(_move_volume)
    routes.get(f"{at}/feature")(_feature)


def _feature(call: Call) -> object:
    guest = call.guest("lxc")
    name = call.params.get("snapname", "")
    conf = snapshot_of(call, guest, name) if name else plain(guest)
    if not disks(conf):
        return {"hasFeature": 1}
    feature = call.params["feature"]
    return {"hasFeature": int(all_have(call.cluster, feature, conf, name))}


def _template(call: Call) -> object:
    """Answers nothing at once, though the work is a task of its own."""
    guest = call.guest("lxc")
    unlocked(guest)
    if guest.snapshots:
        raise failed("unable to create template, because CT contains snapshots")
    if guest.template:
        raise failed("you can't convert a template to a template")
    if guest.running:
        raise failed("you can't convert a CT to template if the CT is running")

    def work(task: Task) -> Work:
        yield _CONVERTING
        task.say(*copying.make_template(guest))

    call.start("vztemplate", guest.vmid, lambda task: holding(task, guest, work(task)))
    return None


def _clone(call: Call) -> object:
    given = call.params
    newid, pool, storage = int(given["newid"]), given.get("pool", ""), given.get("storage", "")
    if pool and pool not in call.cluster.pools:
        raise failed(f"pool '{pool}' does not exist")
    target = _target(call)
    if storage:
        usable(call, storage)
        if target is not None:
            usable(call, storage, target.name)
            if not call.cluster.storages[storage].shared:
                raise failed(f"can't clone to non-shared storage '{storage}'")
    call.quorum()
    source = call.guest("lxc")
    unlocked(source)
    known = call.cluster.guests.get(newid)
    if known is not None:
        raise failed(taken(known, newid))
    full = call.flag("full") if "full" in given else not source.template
    if storage and not full:
        raise failed("parameter 'storage' not allowed for linked clones")
    name = given.get("snapname", "")
    conf: Conf = dict(snapshot_of(call, source, name) if name else edit(source))
    mounts = _mounts_of(call, source, conf, full=full, storage=storage, snapshot=name, target=target)
    conf = _new_conf(call, conf)
    new = claim(call, newid, pool)
    new.conf = {**conf, "lock": "create"}
    adopt(new)
    set_lock(source, "disk")
    copy = copying.Copy(source, new, mounts, full, storage, name, target)
    return call.start("vzclone", source.vmid, lambda task: holding(task, new, copying.clone(task, copy)))


def _target(call: Call) -> Node | None:
    name = call.params.get("target", "")
    return None if name in ("", "localhost", call.node.name) else known_node(call, name)


def _mounts_of(
    call: Call, source: Guest, conf: Conf, *, full: bool, storage: str, snapshot: str, target: Node | None
) -> dict[str, dict[str, str]]:
    """What is to be copied. Raises 403 and 500 for the first volume that cannot be."""
    mounts: dict[str, dict[str, str]] = {}
    shared = True
    for key in sorted(conf):
        if key.startswith("net") and key[3:].isdigit():
            bridge = taken_apart(key, str(conf[key])).get("bridge")
            if bridge:
                call.need(f"/sdn/zones/localnetwork/{bridge}", "SDN.Use")
        if not _DISK.fullmatch(key):
            continue
        mount = taken_apart(key, str(conf[key]))
        volid = mount["volume"]
        if ":" not in volid:
            kind = "device" if volid.startswith("/dev/") else "bind"
            raise failed(f"unable to clone mountpoint '{key}' (type {kind})")
        where = storage or volid.partition(":")[0]
        if where not in call.cluster.storages:
            raise failed(f"storage '{where}' does not exist")
        shared = shared and call.cluster.storages[where].shared
        call.need(f"/storage/{where}", "Datastore.AllocateSpace")
        if full and source.running and not snapshot:
            raise failed("Cannot do full clones on a running container without snapshots")
        if not full and not has_feature(call.cluster, "clone", volid, snapshot):
            raise failed(f"Linked clone feature for '{volid}' is not available")
        mounts[key] = mount
    if target is not None and not shared:
        raise failed(f"can't clone CT to node '{target.name}' (CT uses local storage)")
    return mounts


def _new_conf(call: Call, conf: Conf) -> Conf:
    """The copy's configuration without disks: other hardware addresses, other names where given."""
    new: Conf = {}
    for key, value in conf.items():
        if _DISK.fullmatch(key) or key.startswith("unused") or key in _OF_SNAPSHOTS:
            continue
        if key.startswith("net") and key[3:].isdigit():
            prefix = call.cluster.options.get("mac_prefix", "BC:24:11")
            rest = ":".join(f"{call.cluster.chance.randrange(256):02X}" for _ in range(3))
            value = put_together(key, {**taken_apart(key, str(value)), "hwaddr": f"{prefix}:{rest}"})
        new[key] = value
    if hostname := call.params.get("hostname"):
        new["hostname"] = hostname
    if text := call.params.get("description"):
        new["description"] = text if text.endswith("\n") else f"{text}\n"
    return new


def _unmodified(guest: Guest, digest: str, what: str = "") -> None:
    if digest and digest != config(guest)["digest"]:
        raise failed(f"{what}detected modified configuration - file changed by other user? Try again.")


def _resize(call: Call) -> object:
    guest, key, text = call.guest("lxc"), call.params["disk"], call.params["size"]
    unlocked(guest)
    conf = edit(guest)
    may_configure(call, guest.vmid, {"disk": key}, before=conf)
    _unmodified(guest, call.params.get("digest", ""))
    disk = disks(conf).get(key)
    if disk is None:
        raise failed("unable to parse volume ID ''")
    volume = call.cluster.volumes.find(call.node.name, disk["volume"])
    if volume is not None and volume.vmid not in (None, guest.vmid):
        raise failed(f"can't resize mount point owned by another container ({volume.vmid})")
    call.need(f"/storage/{disk['volume'].partition(':')[0]}", "Datastore.AllocateSpace")
    if volume is None:
        raise failed(f"Could not determine current size of volume '{disk['volume']}'")
    size = bytes_of(text.removeprefix("+")) + (volume.size if text.startswith("+") else 0)
    if size < volume.size:
        raise failed("unable to shrink disk size")
    if size == volume.size:
        if call.node.version.major < 9:
            return None
        raise failed("disk is already at specified size")
    return call.start(
        "resize", guest.vmid, lambda task: holding(task, guest, copying.resize(task, guest, key, size))
    )


def _move_volume(call: Call) -> object:
    other, storage = call.params.get("target-vmid"), call.params.get("storage", "")
    if storage and other:
        raise failed("either set storage or target-vmid, but not both")
    if other:
        return _reassign(call, int(other))
    if not storage:
        wrong = "both 'storage' and 'target-vmid' missing, either needs to be set"
        raise invalid(**{"target-vmid": wrong, "storage": wrong})
    call.need(f"/storage/{storage}", "Datastore.AllocateSpace")
    guest, key = call.guest("lxc"), call.params["volume"]
    unlocked(guest)
    if guest.running:
        raise failed("cannot move volumes of a running container")
    if key.startswith("unused"):
        raise failed(f"cannot move volume '{key}', only configured volumes can be moved to another storage")
    disk = disks(edit(guest)).get(key)
    if disk is None:
        raise failed(f"volume '{key}' does not exist")
    delete = call.flag("delete")
    if delete and _in_snapshots(guest, disk["volume"]):
        raise failed("you can't move a volume with snapshots and delete the source")
    _unmodified(guest, call.params.get("digest", ""))
    goal = usable(call, storage)
    if "rootdir" not in goal.content:
        raise failed(f"storage '{storage}' does not support content type 'rootdir'")
    set_lock(guest, "disk")
    return call.start(
        "move_volume",
        guest.vmid,
        lambda task: holding(task, guest, copying.move_volume(task, guest, key, goal, delete=delete)),
    )


def _in_snapshots(guest: Guest, volid: str) -> bool:
    return any(
        disk["volume"] == volid for conf in (guest.snapshots or {}).values() for disk in disks(conf).values()
    )


def _reassign(call: Call, vmid: int) -> object:
    guests, key = call.cluster.guests, call.params["volume"]
    goal = call.params.get("target-volume", key)
    if not call.is_root:
        call.need(f"/vms/{vmid}", "VM.Config.Disk")
    if "rootfs" in (key, goal):
        raise failed("Cannot move to/from 'rootfs'")
    if key.startswith("unused") and not goal.startswith("unused"):
        raise failed("Moving an unused volume to a used one is not possible")
    for each in (int(call.params["vmid"]), vmid):
        if each not in guests:
            raise failed(f"could not find CT {each}")
    source, other = guests[int(call.params["vmid"])], guests[vmid]
    if source.node is not other.node:
        raise failed(f"Both containers need to be on the same node ({source.node.name} != {other.node.name})")
    guest = call.guest("lxc")
    unlocked(guest)
    unlocked(other)
    if guest.template or other.template:
        raise failed("Can't move volumes from or to template CT")
    _unmodified(guest, call.params.get("digest", ""), f"Container {guest.vmid}: ")
    _unmodified(other, call.params.get("target-digest", ""), f"Container {vmid}: ")
    conf = edit(guest)
    if key not in conf:
        raise failed(f"volume '{key}' for container '{guest.vmid}' does not exist")
    if goal in edit(other):
        raise failed(f"Target volume key '{goal}' is already in use for container '{vmid}'")
    volid = str(conf[key]) if key.startswith("unused") else taken_apart(key, str(conf[key]))["volume"]
    if _in_snapshots(guest, volid):
        raise failed("Cannot move volume used by a snapshot to another container")
    if ":" not in volid:
        raise failed("Cannot move a bindmount or device mount to another container")
    if guest.running and not key.startswith("unused"):
        raise failed("Cannot move in-use volume while the source CT is running - detach or shutdown first")
    call.need(f"/storage/{volid.partition(':')[0]}", "Datastore.AllocateSpace")
    return call.start(
        "move_volume",
        f"{guest.vmid}-{key}>{vmid}-{goal}",
        lambda task: holding(task, guest, copying.reassign(task, guest, key, other, goal)),
    )
