"""What pvestatd would have broadcast last: figures of a node, its guests and its storages.

`/cluster/resources`, `/nodes` and friends show the latest sample, not the truth of the moment; a dead
node's sample stays until it expires. A guest's row is the part from its configuration (id, node, tags,
lock: immediate) plus the sampled part; without a sample only the former, with status "unknown".
"""

from __future__ import annotations

import msgspec

from pvesim.figures import Sample
from pvesim.guest import Guest
from pvesim.model import Cluster, Node
from pvesim.scene import GIB, StorageScene

_encode = msgspec.json.Encoder().encode
_BASE_MEMORY = int(1.6 * GIB)
_ROOT_USED = int(4.5 * GIB)


def sample_of(node: Node) -> Sample | None:
    """The sample that the cluster has of the node now; None if there is none or it has expired."""
    cluster = node.cluster
    settings = cluster.settings
    now = cluster.clock.now()
    died = _last_seen(node)
    if died is not None and now - _round(died, settings.lag) >= settings.stale_after:
        return None
    if now < node.silent_until:
        return None
    when = max(_round(now if died is None else died, settings.lag), node.silent_until)
    known = node.sample
    if (
        known is None
        or known.at != when
        or (not settings.lag and not died and known.revision != node.revision)
    ):
        known = node.sample = _take(node, when)
    return known


def figures_of(node: Node) -> Sample:
    """What the node says of itself: what it reported last, or a fresh look where it reports nothing."""
    sample = sample_of(node) if node.trouble.blind_since is None else None
    return sample or _take(node, node.cluster.clock.now())


def _last_seen(node: Node) -> float | None:
    """When the node's pvestatd has reported for the last time; None while it goes round."""
    if node.down_since is None:
        return node.trouble.blind_since
    blind = node.trouble.blind_since
    return node.down_since if blind is None else min(blind, node.down_since)


def observe(cluster: Cluster, at: float) -> None:
    """Let pvestatd have been round as of `at`, before something changes that it had not seen then."""
    lag = cluster.settings.lag
    if not lag:
        return
    when = _round(at, lag)
    for node in cluster.nodes.values():
        if _last_seen(node) is not None or at < node.silent_until:
            continue
        if node.sample is None or node.sample.at < when:
            node.sample = _take(node, when)


def _round(now: float, lag: float) -> float:
    """When pvestatd last went round; once a second where changes are to be seen at once."""
    return now // lag * lag if lag else now // 1


def _take(node: Node, at: float) -> Sample:
    cpu = 0.01 * node.cores
    memory = _BASE_MEMORY
    disks: dict[str, int] = {}
    guests: dict[int, bytes] = {}
    memhost = node.version.host_figures
    for guest in node.guests.values():
        load = guest.pulse.cpu(at) if guest.running else 0.0
        used = guest.pulse.memory(at, guest.memory) if guest.running else 0
        cpu += load * guest.cores
        memory += used
        if guest.conf is None:  # the disks of others are volumes
            disks[guest.storage] = disks.get(guest.storage, 0) + disk_used(guest)
        guests[guest.vmid] = _guest_part(guest, at, load, used, memhost)
    figures = {
        "cpu": min(cpu / node.cores, 0.98),
        "mem": min(memory, node.memory - GIB // 2),
        "maxmem": node.memory,
        "disk": _ROOT_USED,
        "maxdisk": node.rootfs,
        "maxcpu": node.cores,
        "uptime": max(0, int(at - node.booted)),
    }
    storages = {
        s.name: _storage_figures(s, node, disks.get(s.name, 0), at)
        for s in node.storages()
        if s.name not in node.trouble.inactive_storages
    }
    return Sample(at, node.revision, figures, guests, storages)


def _guest_part(guest: Guest, at: float, load: float, used: int, memhost: bool) -> bytes:
    uptime = guest.uptime(at)
    pulse = guest.pulse
    received, sent = (pulse.received(uptime), pulse.sent(uptime)) if uptime else (0, 0)
    return (
        b'"name":%b,"status":"%b","template":%d,"uptime":%d,"cpu":%b,"maxcpu":%d,"mem":%d,"maxmem":%d,"disk":%d,"maxdisk":%d,"netin":%d,"netout":%d,"diskread":%d,"diskwrite":%d%b'
        % (
            _encode(guest.name),
            guest.status.encode(),
            guest.template,
            uptime,
            b"%.15g" % load,
            guest.cores,
            used,
            guest.memory,
            disk_used(guest) if uptime and guest.kind == "lxc" else 0,
            guest.disk,
            received,
            sent,
            received // 3,
            sent // 2,
            b"" if not memhost else b',"memhost":%d' % (used + used // 16 if guest.kind == "qemu" else 0),
        )
    )


def guest_row(guest: Guest, sample: Sample | None) -> bytes:
    """The guest's row of /cluster/resources as JSON."""
    known = guest.row
    if known is not None and known[0] is sample:
        return known[1]
    config: dict[str, object] = {
        "id": f"{guest.kind}/{guest.vmid}",
        "vmid": guest.vmid,
        "node": guest.node.name,
        "type": guest.kind,
    }
    if guest.tags:
        config["tags"] = guest.tags
    if guest.lock:
        config["lock"] = guest.lock
    if guest.pool:
        config["pool"] = guest.pool
    ha = guest.node.cluster.ha
    if ha.resources and (state := ha.state_of(guest.vmid)):
        config["hastate"] = state
    sampled = sample.guests.get(guest.vmid) if sample else None
    row = _encode(config)[:-1] + b"," + (sampled or b'"status":"unknown"') + b"}"
    guest.row = (sample, row)
    return row


def disk_used(guest: Guest) -> int:
    """Bytes that the guest has written to its disk."""
    return int(guest.disk * guest.pulse.appetite * 0.8) & ~4095


def storage_now(storage: StorageScene, node: Node) -> tuple[int, int]:
    """Used and total bytes at this moment, as the node's own storage layer sees them."""
    settings = node.cluster.settings
    of_guests = 0
    if not storage.shared:
        of_guests = sum(
            disk_used(guest)
            for guest in node.guests.values()
            if guest.storage == storage.name and guest.conf is None
        )
    return _storage_figures(storage, node, of_guests, _round(node.cluster.clock.now(), settings.lag))


def _storage_figures(storage: StorageScene, node: Node, of_guests: int, at: float) -> tuple[int, int]:
    total = int(storage.size * GIB)
    if storage.name in node.full_storages:
        return total, total
    if storage.shared:
        of_guests = _on_shared(node.cluster, at).get(storage.name, 0)
    of_guests += node.cluster.volumes.used(node.name, storage.name)
    return min(int(storage.used * GIB) + of_guests, total), total


def _on_shared(cluster: Cluster, at: float) -> dict[str, int]:
    """Bytes of all guests that nobody has touched by storage; counted once per round for all nodes."""
    when, used = cluster.shared_disks
    if when != at:
        used = {}
        for guest in cluster.guests.values():
            if guest.conf is None:
                used[guest.storage] = used.get(guest.storage, 0) + disk_used(guest)
        cluster.shared_disks = (at, used)
    return used
