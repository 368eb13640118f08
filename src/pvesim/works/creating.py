"""Making a container from a template or OCI archive, and destroying one.

Sources: pve-container `API2/LXC.pm` (`create_vm`, `destroy_vm`), `LXC/Create.pm`; logs as recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field

from pvesim.guest import Guest
from pvesim.guestconfig import Conf, adopt, disks, edit, put_together, size_text
from pvesim.model import Cluster, Node
from pvesim.scene import MIB
from pvesim.tasks import INTERRUPT, Interrupted, Task, TaskFailed, Work
from pvesim.volumes import Volume
from pvesim.works.disks import allocate, format_disk, free, path_of, refuse_base_in_use
from pvesim.works.locking import refuse_lock
from pvesim.works.power import kill

_RATE = 180 * MIB  # bytes unpacked in a second
_FREEING = 0.05  # until the configuration goes
_AFTERWARDS = 0.03  # until the task ends, then
_UNPACK_AT_LEAST = 0.3
_FORKING = 0.15  # until the worker has read all configuration
_IDS = "lxc-usernsexec -m u:0:100000:65536 -m g:0:100000:65536 -- "


@dataclass(frozen=True, slots=True)
class NewDisk:
    """A disk to be made: rootfs or mpN, on a storage, in bytes (0: a directory)."""

    key: str
    storage: str
    size: int
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a create call comes to once it has been checked."""

    archive: str  # volume id
    conf: Conf  # without disks
    disks: tuple[NewDisk, ...]
    unprivileged: bool
    after: Callable[[], None]  # starting, where that was asked for
    storage_only: bool = False  # no disk was named: as large as usual, or as in a backup


def create(task: Task, guest: Guest, plan: Plan) -> Work:
    """`vzcreate`: disks, archive, configuration. What was made is taken away again where it fails."""
    node = guest.node
    made: list[Volume] = []
    try:
        yield _FORKING
        archive = node.cluster.volumes.find(node.name, plan.archive)
        if archive is None:
            raise TaskFailed(f"volume '{plan.archive}' does not exist")
        mounts: Conf = {}
        for disk in plan.disks:
            made.append(allocate(task, node, node.cluster.storages[disk.storage], guest.vmid, disk.size))
            yield from format_disk(task, node, made[-1])
            mounts[disk.key] = mounted(disk, made[-1])
        of_image: Conf = {}
        if archive.name.endswith(".tar"):
            of_image = yield from unpack_image(archive)
        else:
            yield from unpack(task, guest, archive, plan.unprivileged)
            task.say("Detected container architecture: amd64")
        made[0].used = min(int(archive.size * 2.2), made[0].size or archive.size * 3)
        finish(guest, {**of_image, **plan.conf, **mounts}, plan.unprivileged)
        yield 0.05
    except (TaskFailed, Interrupted) as failure:
        for volume in made:
            node.cluster.volumes.remove(volume)
        if guest.vmid in node.cluster.guests:
            node.cluster.remove(guest.vmid)
        why = INTERRUPT if isinstance(failure, Interrupted) else str(failure)
        raise TaskFailed(f"unable to create CT {guest.vmid} - {why}") from None
    plan.after()


def mounted(disk: NewDisk, volume: Volume) -> str:
    return put_together(disk.key, {"volume": volume.volid, **disk.options, "size": size_text(volume.size)})


def finish(guest: Guest, conf: Conf, unprivileged: bool) -> None:
    """Write the whole configuration at once; the lock goes with it."""
    whole: Conf = {"arch": "amd64", "ostype": "debian", **conf}
    if unprivileged:
        whole["unprivileged"] = 1
    guest.conf = whole
    adopt(guest)


def unpack(task: Task, guest: Guest, archive: Volume, unprivileged: bool) -> Work:
    """tar, as long as the archive is large; a damaged one fails as gzip does."""
    storage = guest.node.cluster.storages[archive.storage]
    task.say(f"extracting archive '{path_of(storage, archive.volid)}'")
    line = tar(guest.vmid, archive.name, unprivileged)
    size = archive.size * 2
    try:
        yield max(_UNPACK_AT_LEAST, size / _RATE)
    except Interrupted:
        raise TaskFailed(f"command '{line}' failed: {INTERRUPT}") from None
    if archive.damaged:
        task.say("", "gzip: stdin: not in gzip format", "tar: Child returned status 1")
        task.say("tar: Error is not recoverable: exiting now")
        raise TaskFailed(f"command '{line}' failed: exit code 2")
    task.say(f"Total bytes read: {size} ({size / MIB:.1f}MiB, 84MiB/s)")


def unpack_image(archive: Volume) -> Generator[float, float, Conf]:
    """An OCI image: says nothing, and brings what it wants to run. A plain .tar counts as one, too."""
    yield max(_UNPACK_AT_LEAST, archive.size * 2 / _RATE)
    if archive.damaged:
        raise TaskFailed("Failed to extract OCI image: failed to read index.json")
    known = next((name for name in ("alpine", "debian", "ubuntu") if name in archive.name), "unmanaged")
    return {
        "cmode": "console",
        "entrypoint": "/bin/sh",
        "env": "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "ostype": known,
    }


def tar(vmid: int, name: str, unprivileged: bool) -> str:
    """The command that unpacks an archive."""
    flag = {"gz": "-z", "zst": "--zstd", "xz": "-J"}.get(name.rpartition(".")[2], "")
    return (
        f"{_IDS if unprivileged else ''}tar xpf - {flag} --totals --one-file-system -p --sparse"
        " --numeric-owner --acls --xattrs '--xattrs-include=user.*' '--xattrs-include=security.capability'"
        " '--warning=no-file-ignored' '--warning=no-xattr-write'"
        f" -C /var/lib/lxc/{vmid}/rootfs --skip-old-files --anchored --exclude './dev/*'"
    )


def destroy(task: Task, guest: Guest, *, force: bool, purge: bool, unreferenced: bool) -> Work:
    """`vzdestroy`: the disks first, the configuration last, as the real one does even without quorum."""
    node, cluster = guest.node, guest.node.cluster
    if cluster.guests.get(guest.vmid) is not guest or guest.node is not node:
        raise TaskFailed(f"Configuration file 'nodes/{node.name}/lxc/{guest.vmid}.conf' does not exist")
    refuse_lock(guest)
    if guest.running:
        if not force:
            raise TaskFailed(f"unable to destroy CT {guest.vmid} - container is running")
        task.say(f"forced to stop CT {guest.vmid} before destroying!")
        yield from kill(guest)
    conf = edit(guest)
    gone = [disk["volume"] for disk in disks(conf).values()]
    gone += [str(conf[key]).partition(",")[0] for key in conf if key.startswith("unused")]
    for volid in gone:
        refuse_base_in_use(cluster, node, volid)
        free(cluster, node, volid)
    if unreferenced:
        remove_unreferenced(cluster, node, guest.vmid)
    yield _FREEING
    if not cluster.quorate:
        path = f"/etc/pve/nodes/{node.name}/lxc/{guest.vmid}.conf.tmp.{task.pid}"
        raise TaskFailed(f"unable to open file '{path}' - Permission denied")
    if purge:
        task.say(f"purging CT {guest.vmid} from related configurations..")
        for note in cluster.purge(guest.vmid):
            task.say(note)
    cluster.remove(guest.vmid)
    yield _AFTERWARDS  # the vmid is free already


def remove_unreferenced(cluster: Cluster, node: Node, vmid: int) -> None:
    """Every volume that bears the guest's vmid, on all storages that the node has."""
    for volume in [v for v in cluster.volumes.all() if v.vmid == vmid and v.node in ("", node.name)]:
        if volume.content in ("rootdir", "images"):
            cluster.volumes.remove(volume)
