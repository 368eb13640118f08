"""A local volume on its way to another node: `pvesm export … | ssh … pvesm import …`.

Source: pve-storage `Storage.pm` (`storage_migrate`); logs and their times as recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

from pvesim.model import Node
from pvesim.scene import MIB, StorageScene
from pvesim.tasks import Interrupted, Killed, TaskFailed
from pvesim.volumes import Volume, disk_name
from pvesim.works.disks import free_name, path_of

PROBING = 0.75  # asking the other node what it understands: an interruption in there is lost
KILLED_AFTER = 5.0  # seconds between being asked to stop and being killed
_CONNECTING = 0.4
_RATE = 160 * MIB  # bytes in a second
_PROGRESS = 3.0  # seconds between two lines of dd

Steps = Generator[float, float, None]
Log = Callable[[str], None]


def ssh(node: Node) -> str:
    """How one node calls another."""
    return (
        f"/usr/bin/ssh -e none -o 'BatchMode=yes' -o 'HostKeyAlias={node.name}'"
        f" -o 'UserKnownHostsFile=/etc/pve/nodes/{node.name}/ssh_known_hosts'"
        f" -o 'GlobalKnownHostsFile=none' root@{node.address}"
    )


@dataclass(slots=True)
class Transfer:
    """One volume being copied to a storage of another node."""

    volume: Volume
    source: Node
    target: Node
    storage: StorageScene
    log: Log
    snapshots: bool = False
    made: Volume | None = None

    def run(self) -> Generator[float, float, Volume]:
        """Copy; gives the new volume. Raises TaskFailed, or Killed where a stop was asked for while nothing
        could be interrupted."""
        left: float | None = None
        try:
            yield PROBING
        except Interrupted:
            left = KILLED_AFTER
        try:
            yield _CONNECTING
            self._connected()
            self.made = self._allocate()
            yield from self._copy(left)
        except Interrupted:
            raise TaskFailed(self._failed("interrupted by signal")) from None
        assert self.made is not None
        self.made.used = self.volume.used
        return self.made

    def _connected(self) -> None:
        if not self.target.down:
            return
        self.log(f"Connection reset by {self.target.address} port 22")
        path = path_of(self.source.cluster.storages[self.volume.storage], self.volume.volid)
        self.log(f"command 'dd 'if={path}' 'bs=4k' 'status=progress'' failed: got signal 13")
        raise TaskFailed(self._failed("exit code 255"))

    def _failed(self, why: str) -> str:
        return f"command '{self._command()}' failed: {why}"

    def _command(self) -> str:
        form = {"zfspool": "zfs", "btrfs": "btrfs"}.get(self.storage.type, "raw+size")
        with_snapshots = int(self.snapshots)
        volid = self._wanted()
        return (
            f"set -o pipefail && pvesm export {self.volume.volid} {form} - -with-snapshots {with_snapshots}"
            f" | {ssh(self.target)} -- pvesm import {volid} {form} - -with-snapshots {with_snapshots}"
            " -allow-rename 1"
        )

    def _wanted(self) -> str:
        """The name that the volume would have on the other storage."""
        if self.storage.name == self.volume.storage:
            return self.volume.volid
        assert self.volume.vmid is not None
        number = self.volume.volid.rpartition("-")[2].partition(".")[0]
        return disk_name(self.storage, self.volume.vmid, int(number) if number.isdigit() else 0)

    def _allocate(self) -> Volume:
        cluster = self.source.cluster
        assert self.volume.vmid is not None
        volid = self._wanted()
        if cluster.volumes.find(self.target.name, volid):
            path = path_of(self.storage, volid)
            what = f"file '{path}'" if "/" in volid else f"volume {volid.partition(':')[2]}"
            self.log(f"{what} already exists - importing with a different name")
            volid = free_name(cluster, self.target, self.storage, self.volume.vmid)
        if self.storage.name in self.target.full_storages:
            self.log(f"unable to create image: '{path_of(self.storage, volid)}' - No space left on device")
            raise TaskFailed(self._failed("exit code 255"))
        if self.storage.type in ("lvm", "lvmthin"):
            self.log(f'  Logical volume "{volid.partition(":")[2]}" created.')
        elif "/" in volid.partition(":")[2]:
            path = path_of(self.storage, volid)
            self.log(f"Formatting '{path}', fmt=raw size={self.volume.size} preallocation=off")
        return cluster.volumes.add(
            Volume(
                volid, "" if self.storage.shared else self.target.name, self.volume.content,
                self.volume.format, self.volume.size, int(cluster.clock.now()), vmid=self.volume.vmid,
            )
        )  # fmt: skip

    def _copy(self, left: float | None) -> Steps:
        size, copied, seconds = self.volume.size, 0, 0.0
        while copied < size:
            step = min(_PROGRESS, (size - copied) / _RATE)
            if left is not None:
                step = min(step, max(left - seconds, 0.0))
            yield step
            seconds += step
            if left is not None and seconds >= left:
                raise Killed
            self._connected()
            copied = min(size, copied + int(step * _RATE) + 1)
            if copied < size:
                self.log(_dd(copied, f"{seconds:.0f}"))
        if size:
            self.log(f"{size // 4096}+0 records in")
            self.log(f"{size // 4096}+0 records out")
            self.log(_dd(size, f"{seconds:.4f}"))
        assert self.made is not None
        self.log(f"successfully imported '{self.made.volid}'")


def _dd(size: int, seconds: str) -> str:
    """A line of dd's progress."""
    if size >= 10**9:
        human = f"{size / 10**9:.1f} GB, {size / 2**30:.1f} GiB"
    else:
        human = f"{size / 10**6:.0f} MB, {size / 2**20:.0f} MiB"
    return f"{size} bytes ({human}) copied, {seconds} s, {_RATE / 10**6:.0f} MB/s"
