"""Files on storages: copied in after an upload, downloaded, pulled from a registry, removed, pruned.

Sources: pve-storage `API2/Storage/{Status,Content}.pm`, `Storage.pm` (`vdisk_free`), pve-common `Tools.pm`
(`download_file_from_url`); logs as recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pvesim import holdings
from pvesim.model import Node
from pvesim.pruning import marked
from pvesim.scene import MIB, StorageScene
from pvesim.storages import kind_of
from pvesim.tasks import Interrupted, Task, TaskFailed, Work
from pvesim.volumes import Volume, archive_format
from pvesim.works.disks import path_of, refuse_base_in_use

Say = Callable[[str], None]

_COPYING = 400 * MIB  # bytes in a second
_HASHING = 500 * MIB
_DOWNLOADING = 60 * MIB


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that has arrived in full: its size and, where a checksum was given, its own."""

    temporary: str
    size: int
    checksum: str
    expected: str


def put(
    node: Node, storage: StorageScene, volid: str, size: int, now: float, *, damaged: bool = False
) -> None:
    """A file lies on the storage now; one of that name is overwritten."""
    where = "" if storage.shared else node.name
    kind, _, file = volid.partition(":")[2].partition("/")
    node.cluster.volumes.add(
        Volume(volid, where, kind, archive_format(file), size, int(now), used=size, damaged=damaged)
    )


def take_in(task: Task, node: Node, storage: StorageScene, volid: str, file: Incoming) -> Work:
    """`imgcopy` after an upload."""
    task.say(f"starting file import from: {file.temporary}")
    if file.expected:
        task.say("calculating checksum...")
        yield file.size / _HASHING
        if file.checksum.lower() != file.expected.lower():
            raise TaskFailed(f"checksum mismatch: got '{file.checksum}' != expect '{file.expected}'")
        task.log[-1] += "OK, checksum verified"
    path = path_of(storage, volid)
    remote = node.name != task.node
    target = f"[{node.address}]:{path}" if remote else path
    tool = (
        f"/usr/bin/scp -o BatchMode=yes -o HostKeyAlias={node.name}"
        f" -o UserKnownHostsFile=/etc/pve/nodes/{node.name}/ssh_known_hosts -o GlobalKnownHostsFile=none -p"
        if remote
        else "cp"
    )
    task.say(
        f"target node: {node.name}",
        f"target file: {path}",
        f"file size is: {file.size}",
        f"command: {tool} -- {file.temporary} {target}",
    )
    now = yield 0.05 + file.size / _COPYING
    if remote and node.down:
        raise TaskFailed(f"import failed: ssh: connect to host {node.address} port 22: No route to host")
    if storage.name in node.full_storages:
        task.say(f"cp: error writing '{path}': No space left on device")
        raise TaskFailed("import failed: exit code 1")
    put(node, storage, volid, file.size, now)
    task.say("finished file import successfully")


def remove(task: Task, node: Node, storage: StorageScene, volid: str) -> Work:
    """`imgdel`."""
    yield 0.05
    volume = holdings.own(node, volid)
    if volume is not None and volume.protected:
        raise TaskFailed(f"cannot remove protected volume '{volume.name}' on '{storage.name}'")
    refuse_base_in_use(node.cluster, node, volid)
    yield 0.15
    if volume is not None:
        node.cluster.volumes.remove(volume)
    elif kind_of(storage).files:
        task.say(f"disk image '{path_of(storage, volid)}' does not exist")
    task.say(f"Removed volume '{volid}'")


def prune(
    task: Task, node: Node, storage: StorageScene, keep: Mapping[str, int], vmid: int | None, kind: str
) -> Work:
    """`prunebackups`."""
    yield 0.1
    remove_marked(node, storage, keep, vmid, kind, task.say)


def remove_marked(
    node: Node, storage: StorageScene, keep: Mapping[str, int], vmid: int | None, kind: str, say: Say
) -> int:
    """Remove what the retention does not keep; returns how many that were."""
    doomed = [entry for entry in marked(node, storage, keep, vmid, kind) if entry.mark == "remove"]
    for entry in doomed:
        say(f"removing backup '{entry.volume.volid}'")
        node.cluster.volumes.remove(entry.volume)
    return len(doomed)


@dataclass(frozen=True, slots=True)
class Remote:
    """What is at the other end of an address: nothing (no size), or a file."""

    url: str
    size: int | None
    checksum: str = ""  # what the file is to have
    intact: bool = True  # whether it has that

    @property
    def port(self) -> str:
        host = self.url.partition("://")[2].partition("/")[0]
        return host.partition(":")[2] or ("443" if self.url.startswith("https") else "80")

    @property
    def host(self) -> str:
        return self.url.partition("://")[2].partition("/")[0].partition(":")[0]


def download(task: Task, node: Node, storage: StorageScene, volid: str, remote: Remote) -> Work:
    """`download`: wget, then the checksum. A file that is there already is not fetched again."""
    path, url, size = path_of(storage, volid), remote.url, remote.size
    task.say(f"downloading {url} to {path}")
    if node.cluster.volumes.find(node.name, volid):
        if not remote.checksum:
            raise TaskFailed(f"refusing to override existing file '{path}'")
        task.say("calculating checksum of existing file...")
        yield 0.5
        if not remote.intact:
            raise TaskFailed(
                f"mismatch (got '{_other(remote.checksum)}' != expect '{remote.checksum}'), aborting"
            )
        task.log[-1] += "OK, got correct file already, no need to download"
        return
    temporary = f"{path}.tmp_dwnl.{task.pid}"
    task.say(f"--{_clock(task.starttime)}--  {url}")
    try:
        now = yield 0.2
        if size is None:
            task.say(f"Connecting to {remote.host}:{remote.port}... failed: Connection refused.")
            line = f"/usr/bin/wget '--progress=dot:giga' -O {temporary} {url}"
            raise TaskFailed(f"download failed: command '{line}' failed: exit code 4")
        task.say(f"Connecting to {remote.host}:{remote.port}... connected.")
        task.say("HTTP request sent, awaiting response... 200 OK")
        task.say(f"Length: {size} ({size // MIB}M) [application/octet-stream]", f"Saving to: '{temporary}'")
        for kib in range(0, size // 1024, 32768):
            done = min(100, (kib + 32768) * 102400 // max(size, 1))
            now = yield min(32768, size // 1024 - kib) * 1024 / _DOWNLOADING
            task.say(f"{kib:>6}K ........ ........ ........ ........ {done}% 60.0M")
    except Interrupted:
        raise TaskFailed("got interrupted by signal") from None
    if storage.name in node.full_storages:
        task.say(f"{temporary}: No space left on device", f"Cannot write to '{temporary}' (Success).")
        raise TaskFailed("download failed: exit code 3")
    task.say(f"{_clock(now)} (60.0 MB/s) - '{temporary}' saved [{size}/{size}]")
    if remote.checksum:
        task.say("calculating checksum...")
        now = yield size / _HASHING
        if not remote.intact:
            raise TaskFailed(
                f"checksum mismatch: got '{_other(remote.checksum)}' != expect '{remote.checksum}'"
            )
        task.log[-1] += "OK, checksum verified"
    put(node, storage, volid, size, now)
    task.say(f"download of '{url}' to '{path}' finished")


def _other(checksum: str) -> str:
    """A checksum of the same length that is another one."""
    return "".join(f"{15 - int(digit, 16):x}" if digit in "0123456789abcdef" else digit for digit in checksum)


def pull(task: Task, node: Node, storage: StorageScene, volid: str, reference: str, size: int) -> Work:
    """`ociregistrypull`."""
    path = path_of(storage, volid)
    line = f"skopeo copy docker://{reference} oci-archive:{path}.tmp.{task.pid}"
    task.say("Getting image source signatures")
    try:
        now = yield 0.5 + size / _DOWNLOADING
    except Interrupted:
        raise TaskFailed("got interrupted by signal") from None
    if not size:
        task.say(
            f'time="{_clock(task.starttime)}" level=fatal msg="initializing source docker://{reference}:'
            f' reading manifest {reference.rpartition(":")[2]}: requested access to the resource is denied"'
        )
        raise TaskFailed(f"command '{line}' failed: exit code 1")
    if storage.name in node.full_storages:
        raise TaskFailed(f"command '{line}' failed: exit code 1")
    put(node, storage, volid, size, now)
    task.say("Copying blob sha256", "Copying config sha256", "Writing manifest to image destination")


def _clock(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M:%S")
