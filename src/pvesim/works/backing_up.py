"""Backups of guests: `vzdump`.

Sources: pve-manager `VZDump.pm` (`exec_backup`, `exec_backup_task`), pve-container `VZDump/LXC.pm`,
qemu-server `VZDump/QemuServer.pm`; logs as recorded from a genuine cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from pvesim.guest import Guest
from pvesim.guestconfig import disks, edit, plain, set_lock, size_text
from pvesim.model import Node
from pvesim.pruning import backups, limit_text, told
from pvesim.scene import MIB, StorageScene
from pvesim.storages import directory
from pvesim.tasks import INTERRUPT, Interrupted, Task, TaskFailed, Work, Worker
from pvesim.volumes import Volume
from pvesim.works.disks import thin
from pvesim.works.power import STARTING, go_down
from pvesim.works.storing import remove_marked

_PACKING = 180 * MIB  # bytes in a second
_PREPARING = 0.3
_ENDINGS = {"": "", "0": "", "1": ".lzo", "lzo": ".lzo", "gzip": ".gz", "zstd": ".zst"}
_SHRUNK = {"": 1.0, "0": 1.0, "1": 0.55, "lzo": 0.55, "gzip": 0.45, "zstd": 0.44}
_HEAD = 317520  # what a tar has besides the files
_LOCK = "/var/run/vzdump.lock"


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be backed up, and how."""

    line: str  # the command as the log has it
    vmids: Sequence[int]  # on this node, or nowhere
    elsewhere: Sequence[int]  # on other nodes
    storage: StorageScene
    mode: str
    compress: str
    keep: Mapping[str, int]  # empty: nothing is pruned
    protected: bool
    most_protected: int  # -1 without limit
    notes: str  # template
    bandwidth: int  # KiB in a second, 0 without limit
    ionice: int
    lockwait: int  # minutes
    stopwait: int  # minutes
    all: bool
    allowed: Callable[[int], str]  # "" or why not


def dump(task: Task, node: Node, job: Job) -> Work:
    """One guest after the other; a failure of one does not keep the others."""
    now = yield 0.1
    now = yield from _turn(task, node, job.lockwait * 60, now)
    task.say(f"INFO: starting new backup job: {job.line}")
    if job.elsewhere:
        task.say(f"INFO: skip external VMs: {', '.join(map(str, sorted(job.elsewhere)))}")
    vmids = []
    for vmid in sorted(job.vmids):
        refused = job.allowed(vmid) if vmid in node.cluster.guests else ""
        if refused and not job.all:
            raise TaskFailed(refused)
        if not refused:
            vmids.append(vmid)
    failures = 0
    for vmid in vmids:
        one = _Backup(task, node, vmid, job, now)
        now = yield from one.run()
        failures += one.failed
    if failures:
        task.say("INFO: Backup job finished with errors")
        raise TaskFailed("job errors")
    task.say("INFO: Backup job finished successfully")


def _turn(task: Task, node: Node, patience: float, now: float) -> Generator[float, float, float]:
    """Only one backup job at a time on a node."""
    begun = now
    while any(other.task.type == "vzdump" and other.task.pid < task.pid for other in _active(node)):
        if now == begun:
            task.say("INFO: trying to get global lock - waiting...")
        if now - begun >= patience:
            task.say(f"ERROR: can't acquire lock '{_LOCK}' - got timeout")
            raise TaskFailed(f"can't acquire lock '{_LOCK}' - got timeout")
        now = yield 1.0
    if now != begun:
        task.say("INFO: got global lock")
    return now


def _active(node: Node) -> list[Worker]:
    return list(node.tasks.active.values())


class _Backup:
    """One guest while it is being backed up."""

    def __init__(self, task: Task, node: Node, vmid: int, job: Job, now: float) -> None:
        self.task = task
        self.node = node
        self.vmid = vmid
        self.job = job
        self.now = now
        self.failed = False
        self.guest = node.guests.get(vmid)
        self.locked = False
        self.stopped_at: float | None = None  # the guest was stopped for this and is to be started again

    def info(self, *lines: str) -> None:
        self.task.say(*(f"INFO: {line}" for line in lines))

    def run(self) -> Generator[float, float, float]:
        begun, failure = self.now, ""
        try:
            if self.guest is None:
                raise TaskFailed(f"unable to find VM '{self.vmid}'")
            yield from self._archive(self.guest, begun)
        except TaskFailed as error:
            failure = str(error)
            if failure == INTERRUPT:
                self._interrupted()
        except Interrupted:
            self._interrupted()
        self._unlock()
        yield from self._start_again()
        if failure:
            self.failed = True
            self.task.say(f"ERROR: Backup of VM {self.vmid} failed - {failure}")
            self.info(f"Failed at {_clock(self.now)}")
        else:
            self.info(f"Finished Backup of VM {self.vmid} ({_duration(self.now - begun)})")
            self.info(f"Backup finished at {_clock(self.now)}")
        return self.now

    def _interrupted(self) -> NoReturn:
        """Somebody stops the task: the guest is as it was, the job is over."""
        self._unlock()
        if self.stopped_at is not None and self.guest is not None:
            self.node.cluster.set_status(self.vmid, "running")
        self.task.say(f"ERROR: Backup of VM {self.vmid} failed - interrupted by signal")
        self.info(f"Failed at {_clock(self.now)}")
        self.task.say("ERROR: Backup job failed - interrupted by signal")
        raise TaskFailed("interrupted by signal")

    def _unlock(self) -> None:
        if self.locked and self.guest is not None and self.vmid in self.node.cluster.guests:
            set_lock(self.guest, "")
        self.locked = False

    def _start_again(self) -> Work:
        if self.stopped_at is None or self.vmid not in self.node.cluster.guests:
            return
        self.info("restarting vm")
        self.now = yield STARTING
        self.node.cluster.set_status(self.vmid, "running")
        self._online_again(self.now - self.stopped_at)

    def _online_again(self, away: float) -> None:
        self.info(f"guest is online again after {int(away) if away >= 1 else '<1'} seconds")

    def _archive(self, guest: Guest, begun: float) -> Work:
        job = self.job
        running = guest.running
        if running and job.mode == "stop" and self.node.cluster.ha_managed(guest):
            raise TaskFailed(
                "Cannot execute a backup with stop mode on a HA managed and enabled Service. Use snapshot"
                " mode or disable the Service."
            )
        self._limits(guest)
        if job.storage.type in ("nfs", "cifs") and guest.kind == "lxc":
            kind = "nfs4" if job.storage.type == "nfs" else "cifs"
            self.info(
                f"filesystem type on dumpdir is '{kind}' -using"
                f" /var/tmp/vzdumptmp{self.task.pid}_{self.vmid} for temporary files"
            )
        self.info(f"Starting Backup of VM {self.vmid} ({guest.kind})", f"Backup started at {_clock(begun)}")
        self.info(f"status = {'running' if running else 'stopped'}")
        if guest.lock:
            raise TaskFailed(f"{'CT' if guest.kind == 'lxc' else 'VM'} is locked ({guest.lock})")
        set_lock(guest, "backup")
        self.locked = True
        conf = {key: value for key, value in plain(guest).items() if key not in ("lock", "parent")}
        mode = job.mode if running else "stop"
        included = self._included(guest)
        if mode == "snapshot":
            self._prepare(guest)
            if guest.kind == "lxc" and not all(
                thin(self.node.cluster.storages[each.storage]) for each in included
            ):
                self.info("mode failure - some volumes do not support snapshots")
                self.info("trying 'suspend' mode instead")
                mode = "suspend"
        self.info(f"backup mode: {mode}")
        if job.bandwidth:
            self.info(f"bandwidth limit: {job.bandwidth} KiB/s")
        self.info(f"ionice priority: {job.ionice}")
        if mode != "snapshot":
            self._prepare(guest)
        self.now = yield _PREPARING
        total = sum(each.used for each in included) + _HEAD
        yield from self._hold(guest, mode, total)
        yield from self._write(guest, conf, total, begun, running)
        if mode == "snapshot" and guest.kind == "lxc":
            self.info("cleanup temporary 'vzdump' snapshot")

    def _limits(self, guest: Guest) -> None:
        job = self.job
        if not job.protected:
            return
        there = backups(self.node, job.storage, guest.vmid)
        if 0 <= job.most_protected <= sum(each.protected for each in there):
            raise TaskFailed(limit_text(job.most_protected, job.storage))

    def _included(self, guest: Guest) -> list[Volume]:
        """The volumes that go into the archive; a mount point only where it says so."""
        found = []
        for key, disk in disks(edit(guest), guest.kind).items():
            wanted = disk.get("backup", "0" if key.startswith("mp") else "1")
            volume = self.node.cluster.volumes.find(self.node.name, disk["volume"])
            if wanted != "1":
                continue
            if volume is None:
                raise TaskFailed(f"volume '{disk['volume']}' does not exist")
            found.append(volume)
        return found

    def _prepare(self, guest: Guest) -> None:
        self.info(f"{'CT' if guest.kind == 'lxc' else 'VM'} Name: {guest.name}")
        for key, disk in disks(edit(guest), guest.kind).items():
            if guest.kind == "qemu":
                size = f" {size_text(guest.disk)}"
                self.info(f"include disk '{key}' '{disk['volume']}'{size}")
                continue
            where = "/" if key == "rootfs" else disk.get("mp", "")
            if key == "rootfs" or disk.get("backup") == "1":
                self.info(f"including mount point {key} ('{where}') in backup")
            else:
                self.info(f"excluding volume mount point {key} ('{where}') from backup (disabled)")

    def _hold(self, guest: Guest, mode: str, total: int) -> Work:
        """Bring the guest into a state in which it can be copied."""
        if guest.kind == "qemu":
            return
        if mode == "stop" and guest.running:
            self.info("stopping virtual guest")
            stopped = self.now
            yield from go_down(guest, timeout=self.job.stopwait * 60, force=True)
            self.now = yield 0.0
            self.stopped_at = stopped
        elif mode == "suspend":
            source, target = (
                f"/proc/{2000 + guest.vmid}/root/",
                f"/var/tmp/vzdumptmp{self.task.pid}_{guest.vmid}",  # noqa: S108 - a name in a log
            )
            self.info(f"starting first sync {source} to {target}")
            self.now = yield max(0.2, total / _PACKING)
            self.info(f"first sync finished - transferred {_size(total)} in {int(total / _PACKING)}s")
            self.info("suspending guest", f"starting final sync {source} to {target}")
            self.now = yield 0.4
            self.info("final sync finished - transferred 0KB in 0s", "resuming guest")
            self._online_again(0.4)
        elif mode == "snapshot":
            self.info("create storage snapshot 'vzdump'")
            self.now = yield 0.3

    def _write(
        self, guest: Guest, conf: Mapping[str, str | int], total: int, begun: float, running: bool
    ) -> Work:
        job, storage = self.job, self.job.storage
        volid = _volid(storage, guest, begun, job.compress)
        path = volid.partition("backup/")[2]
        target = path if storage.type == "pbs" else f"{directory(storage)}/dump/{path}"
        what = "Proxmox Backup Server" if storage.type == "pbs" else "vzdump"
        if guest.kind == "qemu" and not running:
            self.info("starting kvm to execute backup task")
        self.info(f"creating {what} archive '{target}'")
        rate = min(_PACKING, job.bandwidth * 1024) if job.bandwidth else _PACKING
        seconds = max(0.2, total / rate)
        self.now = yield seconds
        if storage.name in self.node.full_storages:
            self.info("zstd: error 70 : Write error : cannot write block : No space left on device")
            raise TaskFailed(
                f"command 'set -o pipefail && tar cpf - --totals >{target}' failed: exit code 70"
            )
        size = int(total * _SHRUNK.get(job.compress, 0.45)) if storage.type != "pbs" else total
        if guest.kind == "qemu":
            self.info(f"transferred {total / 1024**3:.2f} GiB in {max(1, int(seconds))} seconds")
        else:
            self.info(f"Total bytes written: {total} ({total / MIB:.1f}MiB, {rate // MIB}MiB/s)")
        if storage.type != "pbs":
            self.info(f"archive file size: {_size(size)}")
        backup = Volume(
            volid, "" if storage.shared else self.node.name, "backup", _format(storage, guest, job.compress),
            size, int(begun), used=size, vmid=guest.vmid, config=dict(conf),
        )  # fmt: skip
        self.node.cluster.volumes.add(backup)
        if job.notes:
            self.info("adding notes to backup")
            backup.notes = notes(job.notes, self.node, guest)
        if job.protected:
            self.info("marking backup as protected")
            backup.protected = True
        if job.keep:
            self.info(f"prune older backups with retention: {told(job.keep)}")
            count = remove_marked(
                self.node, storage, job.keep, guest.vmid, guest.kind, lambda line: self.info(line)
            )
            beyond = " not covered by keep-retention policy" if count else ""
            self.info(f"pruned {count} backup(s){beyond}")


def notes(template: str, node: Node, guest: Guest) -> str:
    """A notes template with its variables filled in."""
    values = {
        "cluster": node.cluster.name if node.cluster.clustered else "standalone node",
        "guestname": guest.name,
        "node": node.name,
        "vmid": str(guest.vmid),
    }
    text = template.replace("\\n", "\n").replace("\\\\", "\\")
    for name, value in values.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text


def _volid(storage: StorageScene, guest: Guest, when: float, compress: str) -> str:
    moment = datetime.fromtimestamp(when, UTC)
    if storage.type == "pbs":
        group = "ct" if guest.kind == "lxc" else "vm"
        return f"{storage.name}:backup/{group}/{guest.vmid}/{moment:%Y-%m-%dT%H:%M:%SZ}"
    name = f"vzdump-{guest.kind}-{guest.vmid}-{moment:%Y_%m_%d-%H_%M_%S}"
    return f"{storage.name}:backup/{name}.{_format(storage, guest, compress)}"


def _format(storage: StorageScene, guest: Guest, compress: str) -> str:
    if storage.type == "pbs":
        return "pbs-ct" if guest.kind == "lxc" else "pbs-vm"
    return ("tar" if guest.kind == "lxc" else "vma") + _ENDINGS.get(compress, "")


def _clock(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _duration(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _size(size: int) -> str:
    if size < MIB:
        return f"{size // 1024}KB"
    return f"{size // MIB}MB" if size < 1024 * MIB else f"{size / 1024**3:.2f}GB"
