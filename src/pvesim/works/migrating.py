"""Moving a container to another node: `vzmigrate`.

Source: pve-guest-common `AbstractMigrate.pm`, pve-container `LXC/Migrate.pm`; logs as recorded.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from pvesim.features import NAMES_BASE, base_of
from pvesim.guest import Guest
from pvesim.guestconfig import Conf, adopt, disks, edit, plain, put_together, set_lock, taken_apart
from pvesim.model import Node
from pvesim.scene import StorageScene
from pvesim.tasks import Interrupted, Task, TaskFailed, Work
from pvesim.volumes import Volume
from pvesim.works import power
from pvesim.works.locking import PATIENCE, refuse_lock
from pvesim.works.transfer import Transfer, ssh

_MIGRATABLE = frozenset(("dir", "zfspool", "lvmthin", "lvm", "btrfs"))
_KEEPS_SNAPSHOTS = frozenset(("zfspool", "btrfs"))
_MOVING = 0.5  # unmounting, writing and renaming the configuration
_CLEANING = 0.7
_NO_ROUTE_AFTER = 3.0  # until ssh gives up
_PATIENCE_WITH_A_DEAD_NODE = 8.0  # until pmxcfs takes writes again after a node was lost
_ABORTED = "migration aborted"


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for; `storages` maps names, "" is the default, "1" says: each to its own name."""

    online: bool = False
    restart: bool = False
    timeout: float = 180.0
    storages: Mapping[str, str] = field(default_factory=dict)


def mapped(storages: Mapping[str, str], storage: str) -> str:
    """Where volumes of a storage go (`map_id`)."""
    return storages.get(storage) or storages.get("") or storage


def migrate(task: Task, guest: Guest, target: Node, options: Options) -> Work:
    """`vzmigrate`. Raises TaskFailed; a worker that is killed leaves everything as it is."""
    return _Migration(task, guest, target, options).run()


class _Migration:
    def __init__(self, task: Task, guest: Guest, target: Node, options: Options) -> None:
        self.task = task
        self.guest = guest
        self.source = guest.node
        self.target = target
        self.options = options
        self.cluster = guest.node.cluster
        self.now = self.began = self.cluster.clock.now()
        self.was_running = False
        self.locked = False
        self.moved = False
        self.touched: list[Volume] = []  # whose copies may be on the other node
        self.copies: dict[str, Volume] = {}
        self.problems = False

    def log(self, line: str, *, error: bool = False) -> None:
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.now))
        for each in line.split("\n"):
            self.task.say(f"{stamp} {'ERROR: ' if error else ''}{each}")

    def run(self) -> Work:
        self.now = self.began = yield 0.05
        try:
            yield from self._holding()
        except TaskFailed as failure:
            self.log(f"{_ABORTED} (duration {self._duration()}): {failure}", error=True)
            raise TaskFailed(_ABORTED) from None
        except Interrupted:
            self.log(f"{_ABORTED} (duration {self._duration()}): interrupted by signal", error=True)
            raise TaskFailed(_ABORTED) from None
        if self.problems:
            self.log(f"migration finished with problems (duration {self._duration()})", error=True)
            raise TaskFailed("migration problems")
        self.log(f"migration finished successfully (duration {self._duration()})")

    def _duration(self) -> str:
        speed = self.cluster.settings.speed
        seconds = int((self.now - self.began) * speed)
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"

    def _holding(self) -> Work:
        waited = 0.0
        while self.guest.busy is not None and self.guest.busy.running:
            if waited >= PATIENCE:
                lock = f"/run/lock/lxc/pve-config-{self.guest.vmid}.lock"
                raise TaskFailed(f"can't lock file '{lock}' - got timeout")
            self.now = yield 0.5
            waited += 0.5
        self.guest.busy = self.task
        try:
            yield from self._prepare()
            try:
                yield from self._phase1()
            except (TaskFailed, Interrupted) as failure:
                why = "interrupted by signal" if isinstance(failure, Interrupted) else str(failure)
                self.log(why, error=True)
                yield from self._give_up()
                raise TaskFailed(why) from None
            yield from self._finish()
        finally:
            self.guest.busy = None

    # what is looked at before anything is touched

    def _prepare(self) -> Work:
        guest, name = self.guest, self.source.name
        if self.cluster.guests.get(guest.vmid) is not guest or guest.node is not self.source:
            raise TaskFailed(f"Configuration file 'nodes/{name}/lxc/{guest.vmid}.conf' does not exist")
        refuse_lock(guest)
        if guest.running:
            if self.options.online:
                raise TaskFailed("lxc live migration is currently not implemented")
            if not self.options.restart:
                raise TaskFailed("running container can only be migrated in restart mode")
            self.was_running = True
        for key, mount in _mounts(plain(guest)).items():
            self._check_mount(key, mount)
        self.now = yield 0.15
        if self.target.down:
            self.now = yield 3.0
            raise TaskFailed("Can't connect to destination address using public key")
        if self.was_running:
            self.log(f"shutdown CT {guest.vmid}")
            yield from power.go_down(guest, timeout=self.options.timeout, force=True)
            self.now = yield 0.2

    def _check_mount(self, key: str, mount: Mapping[str, str]) -> None:
        volid = mount["volume"]
        if volid.startswith("/"):
            if mount.get("shared") == "1":
                return
            kind = "device" if volid.startswith("/dev/") else "bind"
            raise TaskFailed(f"cannot migrate local {kind} mount point '{key}'")
        storage = self._enabled(volid.partition(":")[0], self.source)
        if "rootdir" not in storage.content:
            raise TaskFailed(f"content type 'rootdir' is not available on storage '{storage.name}'")
        goal = storage.name if storage.shared else mapped(self.options.storages, storage.name)
        if "rootdir" not in self._enabled(goal, self.target).content:
            raise TaskFailed(f"{volid}: content type 'rootdir' is not available on storage '{goal}'")

    def _enabled(self, name: str, node: Node) -> StorageScene:
        """`storage_check_enabled`."""
        storage = self.cluster.storages.get(name)
        if storage is None:
            raise TaskFailed(f"storage '{name}' does not exist")
        if storage.disabled:
            raise TaskFailed(f"storage '{name}' is disabled")
        if not node.has(storage):
            raise TaskFailed(f"storage '{name}' is not available on node '{node.name}'")
        return storage

    # volumes, then the configuration

    def _phase1(self) -> Work:
        guest, target = self.guest, self.target
        self.log(f"starting migration of CT {guest.vmid} to node '{target.name}' ({target.address})")
        self._writable()
        set_lock(guest, "migrate")
        self.locked = True
        local = self._scan()
        for volid, (storage, snapshots) in local.items():
            volume = self.cluster.volumes.find(self.source.name, volid)
            if volume is None:
                raise TaskFailed(
                    f"storage migration for '{volid}' to storage '{storage.name}' failed -"
                    f" volume '{volid}' does not exist"
                )
            self.touched.append(volume)
            yield from self._transfer(volume, storage, snapshots=snapshots)
        self.now = yield _MOVING
        if local:
            self.log(f"# {ssh(target)} pvesr set-state {guest.vmid} \\''{{}}'\\'")
            self.now = yield _MOVING
        self._writable()
        renamed = {old: new.volid for old, new in self.copies.items()}
        for conf in (edit(guest), *(guest.snapshots or {}).values()):
            _rename(conf, renamed)
        self.cluster.move(guest.vmid, target.name)
        adopt(guest)
        self.moved = True

    def _writable(self) -> None:
        if not self.cluster.quorate:
            where = f"/etc/pve/nodes/{self.source.name}/lxc/{self.guest.vmid}.conf.tmp.{self.task.pid}"
            raise TaskFailed(f"unable to open file '{where}' - Permission denied")

    def _scan(self) -> dict[str, tuple[StorageScene, bool]]:
        """Local volumes → where each goes, and whether with snapshots. Raises TaskFailed after having
        logged all that stands in the way."""
        guest, cluster = self.guest, self.cluster
        found: dict[str, str] = {}
        wrong: dict[str, str] = {}
        conf = edit(guest)
        for volume in cluster.volumes.all():
            if volume.vmid == guest.vmid and volume.node == self.source.name and volume.content == "rootdir":
                self._enabled(mapped(self.options.storages, volume.storage), self.target)
                found[volume.volid] = "via storage"
        for snapshot in (guest.snapshots or {}).values():
            for disk in disks(snapshot).values():
                storage = cluster.storages[disk["volume"].partition(":")[0]]
                if not storage.shared:
                    found[disk["volume"]] = "referenced by snapshot(s)"
                    if storage.type not in _KEEPS_SNAPSHOTS:
                        wrong.setdefault(disk["volume"], "non-migratable snapshot exists")
        for key, mount in _mounts(conf).items():
            volid = mount["volume"]
            if volid.startswith("/"):
                kind = "device" if volid.startswith("/dev/") else "bind"
                self.log(f"ignoring shared '{kind}' mount point '{key}' ('{volid}')")
                continue
            storage = self._enabled(volid.partition(":")[0], self.source)
            if storage.shared:
                self.log(f"volume '{volid}' is on shared storage '{storage.name}'")
                continue
            found[volid] = "in current VM config"
            volume_or_none = cluster.volumes.find(self.source.name, volid)
            if volume_or_none is not None and volume_or_none.vmid != guest.vmid:
                wrong.setdefault(volid, f"owned by other guest (owner = {volume_or_none.vmid})")
        for volid in found:
            kind = cluster.storages[volid.partition(":")[0]].type
            if kind not in _MIGRATABLE:
                wrong.setdefault(volid, f"storage type '{kind}' not supported")
            elif kind in NAMES_BASE and (base := base_of(volid)):
                wrong.setdefault(volid, f"clone of '{base}'")
        for volid in sorted(found):
            self.log(f"found local volume '{volid}' ({found[volid]})")
        for volid in sorted(wrong):
            self.log(f"can't migrate local volume '{volid}': {wrong[volid]}")
        if wrong:
            raise TaskFailed("can't migrate CT - check log")
        with_snapshots = {
            disk["volume"] for conf in (guest.snapshots or {}).values() for disk in disks(conf).values()
        }
        return {
            volid: (
                cluster.storages[mapped(self.options.storages, volid.partition(":")[0])],
                volid in with_snapshots,
            )
            for volid in sorted(found)
        }

    def _transfer(self, volume: Volume, storage: StorageScene, *, snapshots: bool) -> Work:
        transfer = Transfer(volume, self.source, self.target, storage, self.log, snapshots)
        work = transfer.run()
        try:
            wait = next(work)
            while True:
                try:
                    self.now = yield wait
                except Interrupted as interrupted:
                    wait = work.throw(interrupted)
                else:
                    wait = work.send(self.now)
        except StopIteration as stop:
            made: Volume = stop.value
        except TaskFailed as failure:
            raise TaskFailed(
                f"storage migration for '{volume.volid}' to storage '{storage.name}' failed - {failure}"
            ) from None
        self.copies[volume.volid] = made
        self.log(f"volume '{volume.volid}' is '{made.volid}' on the target")

    # afterwards

    def _give_up(self) -> Work:
        self.log("aborting phase 1 - cleanup resources")
        for volume in self.touched:
            copy = self.copies.get(volume.volid)
            stale = copy.volid if copy else volume.volid
            self.log(f"found stale volume copy '{stale}' on node '{self.target.name}'", error=True)
        self.log("start final cleanup")
        if self.target.down:
            self.now = yield _PATIENCE_WITH_A_DEAD_NODE
        if self.locked and self.cluster.quorate and not self.moved:
            set_lock(self.guest, "")
        if self.was_running:
            self.log("start container on source node")
            yield from power.start(self.task, self.source, self.guest.vmid, skiplock=True)

    def _finish(self) -> Work:
        """The container belongs to the other node now: an interruption comes too late."""
        for volume in self.touched:
            self.cluster.volumes.remove(volume)
        self.log("start final cleanup")
        yield from self._delayed(_CLEANING)
        target, vmid = self.target, self.guest.vmid
        if target.down:  # the lock stays
            yield from self._unreached(f"pct unlock {vmid}", "failed to clear migrate lock: ")
        elif self.cluster.guests.get(vmid) is self.guest:
            set_lock(self.guest, "")
        if self.was_running:
            self.log("start container on target node")
            self.log(f"# {ssh(target)} pct start {vmid}")
            if target.down:
                yield from self._unreached(f"pct start {vmid}")
                return
            self.guest.busy = None
            start = target.tasks.start(
                "vzstart", str(vmid), "root@pam", lambda task: power.start(task, target, vmid)
            )
            while start.running:
                yield from self._delayed(0.5)
            if start.status != "OK":
                self.log(start.status)
                self.log(f"command '{ssh(target)} pct start {vmid}' failed: exit code 255", error=True)
                self.problems = True

    def _unreached(self, command: str, what: str = "") -> Work:
        """A command for the other node, which is dead."""
        yield from self._delayed(_NO_ROUTE_AFTER)
        self.log(f"ssh: connect to host {self.target.address} port 22: No route to host")
        self.log(f"{what}command '{ssh(self.target)} {command}' failed: exit code 255", error=True)
        self.problems = True

    def _delayed(self, seconds: float) -> Work:
        try:
            self.now = yield seconds
        except Interrupted:
            self.log("received interrupt - delayed", error=True)
            self.now = yield seconds


def _mounts(conf: Conf) -> dict[str, dict[str, str]]:
    """Root file system, mount points, and what is unused, the first first."""
    keys = sorted((key for key in conf if re.fullmatch(r"rootfs|(mp|unused)\d+", key)), key=_order)
    return {
        key: taken_apart(key, str(conf[key])) if not key.startswith("unused") else {"volume": str(conf[key])}
        for key in keys
    }


def _order(key: str) -> tuple[int, int]:
    number = int(re.sub(r"\D", "", key) or 0)
    return (0 if key == "rootfs" else 1 if key.startswith("mp") else 2, number)


def _rename(conf: Conf, names: Mapping[str, str]) -> None:
    """Other volume ids throughout a configuration."""
    for key, mount in _mounts(conf).items():
        if mount["volume"] in names:
            new = {**mount, "volume": names[mount["volume"]]}
            conf[key] = new["volume"] if key.startswith("unused") else put_together(key, new)
