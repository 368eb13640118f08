"""One consistent reading of a cluster: two calls, sorted into what each slice wants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from paddock.base.errors import Invalid, Upstream
from paddock.base.loops import breathe
from paddock.clusters.membership import MemberSeen
from paddock.nodes.record import Facts
from paddock.proxmox import reads
from paddock.proxmox.address import member_endpoint
from paddock.proxmox.connection import Connection
from paddock.proxmox.decoding import Rows
from paddock.proxmox.errors import Unreadable
from paddock.proxmox.permissions import Permissions, has_own_entry, holds
from paddock.proxmox.shapes import Resource, StatusRow


@dataclass(frozen=True, slots=True)
class Counts:
    """Guests of one node, templates left out."""

    containers_running: int = 0
    containers_total: int = 0
    vms_running: int = 0
    vms_total: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a cluster says of itself at one moment."""

    at: datetime
    name: str | None
    """None for a lone host."""
    quorate: bool | None
    via: str
    """The member that answered."""
    members: tuple[StatusRow, ...]
    nodes: Mapping[str, Resource]
    containers: tuple[Resource, ...]
    storages: tuple[Resource, ...]
    counts: Mapping[str, Counts]
    unreadable: int = 0
    """Rows of the picture that could not be read."""
    storages_by_node: Mapping[str, list[Resource]] = field(default_factory=dict)

    @property
    def offline(self) -> frozenset[str]:
        """Members that nobody who may say so calls up."""
        return frozenset(member.name for member in self.members if self.word(member.name) is not True)

    def word(self, name: str) -> bool | None:
        """What the cluster says of a member: a member without quorum knows only of itself."""
        if self.quorate is False and name != self.via:
            return None
        return next((member.online for member in self.members if member.name == name), None)

    @property
    def present(self) -> frozenset[str]:
        return frozenset(member.name for member in self.members)


OTHERS_ASKED = 4
"""How many other members are asked for their view where the first has no quorum."""


MOST_MEMBERS = 1000
"""Corosync takes 384 at most; more cannot be true, and Paddock would look for every one of them."""


async def read(connection: Connection, at: datetime) -> Reading:
    """Both calls go to one member, so that they agree. A member without quorum is not believed while another has it.

    Raises the classes of `proxmox.errors`; Unreadable also where the answer names no cluster and no lone host.
    """
    status = _sound(await reads.cluster_status(connection))
    found = await _pictured(connection, status, at)
    if found.quorate is not False:
        return found
    for name in [member.name for member in found.members if member.name != found.via][:OTHERS_ASKED]:
        try:
            other = await reads.cluster_status(connection, node=name)
        except Upstream:
            continue
        if any(row.type == "cluster" and row.quorate for row in other.items):
            return await _pictured(connection, other, at)
    return found


def _sound(status: Rows[StatusRow]) -> Rows[StatusRow]:
    """Raises Unreadable where the rows do not say which cluster it is: a part of them would make a lone host of it."""
    members = sum(row.type == "node" for row in status.items)
    why = ""
    if not members:
        why = "names no member"
    elif members > MOST_MEMBERS:
        why = f"names {members} members"
    elif status.unreadable and not any(row.type == "cluster" for row in status.items):
        why = "does not say whether it is one"
    if why:
        raise Unreadable(f"The cluster's word about itself cannot be understood: it {why}.")
    return status


async def _pictured(connection: Connection, status: Rows[StatusRow], at: datetime) -> Reading:
    via = next((row.name for row in status.items if row.type == "node" and row.local), None)
    picture = await reads.resources(connection, node=via)
    await breathe()
    return sort(status.items, picture.items, at, unreadable=status.unreadable + picture.unreadable)


def sort(
    status: Iterable[StatusRow], picture: Iterable[Resource], at: datetime, *, unreadable: int = 0
) -> Reading:
    """Sorts the rows of `/cluster/status` and `/cluster/resources`. Pure."""
    cluster = None
    members = []
    for row in status:
        if row.type == "cluster":
            cluster = row
        elif row.type == "node":
            members.append(row)
    nodes: dict[str, Resource] = {}
    containers: list[Resource] = []
    storages: list[Resource] = []
    by_node: dict[str, list[Resource]] = {}
    counted: Counter[tuple[str, str, bool]] = Counter()
    for one in picture:
        kind = one.type
        if one.node is None:
            continue
        if kind == "lxc" or kind == "qemu":
            if kind == "lxc":
                containers.append(one)
            if not one.template:
                counted[one.node, kind, one.status == "running"] += 1
        elif kind == "storage":
            storages.append(one)
            by_node.setdefault(one.node, []).append(one)
        elif kind == "node":
            nodes[one.node] = one
    via = next((row.name for row in members if row.local), "")
    return Reading(
        at=at,
        name=cluster.name if cluster else None,
        quorate=cluster.quorate if cluster else None,
        via=via,
        members=tuple(members),
        nodes=nodes,
        containers=tuple(containers),
        storages=tuple(storages),
        counts={name: _counts(counted, name) for name in {row.name for row in members} | set(nodes)},
        unreadable=unreadable,
        storages_by_node=by_node,
    )


def _counts(counted: Counter[tuple[str, str, bool]], node: str) -> Counts:
    return Counts(
        containers_running=counted[node, "lxc", True],
        containers_total=counted[node, "lxc", True] + counted[node, "lxc", False],
        vms_running=counted[node, "qemu", True],
        vms_total=counted[node, "qemu", True] + counted[node, "qemu", False],
    )


def members_seen(
    reading: Reading,
    port: int,
    fingerprints: Mapping[str, str],
    addresses: Mapping[str, str],
    server_names: Mapping[str, str] | None = None,
    hosts: Mapping[str, str] | None = None,
) -> list[MemberSeen]:
    """The members with the port of the address that was typed; `addresses` are choices that beat the reported ones.

    `hosts` are those of API URLs that were typed besides an address.
    """
    return [
        MemberSeen(
            name=row.name,
            address=addresses.get(row.name) or _reported_address(row),
            port=port,
            nodeid=row.nodeid or 0,
            online=bool(row.online),
            fingerprint=fingerprints.get(row.name, ""),
            reported=_reported_address(row),
            host=(hosts or {}).get(row.name, ""),
            server_name=(server_names or {}).get(row.name),
        )
        for row in reading.members
    ]


def _reported_address(row: StatusRow) -> str:
    """The address that the cluster reports, where it can be one: its answers are data, not orders."""
    try:
        return member_endpoint(row.ip or row.name).host
    except Invalid:
        return row.name


def node_facts(reading: Reading, name: str) -> Facts:
    """What the picture says of one node. Guests of an offline node are counted, but none as running."""
    counts = reading.counts.get(name, Counts())
    seen = reading.nodes.get(name)
    down = name in reading.offline
    return Facts(
        cores=int(seen.maxcpu) if seen is not None and seen.maxcpu else None,
        memory=seen.maxmem if seen is not None else None,
        containers_running=0 if down else counts.containers_running,
        containers_total=counts.containers_total,
        vms_running=0 if down else counts.vms_running,
        vms_total=counts.vms_total,
    )


def digest(reading: Reading) -> int:
    """Changes exactly when something in the reading is worth a row; figures do not count."""
    return hash(
        (
            reading.name,
            reading.quorate,
            reading.unreadable > 0,  # a complete picture may end what an incomplete one may not
            reading.offline,  # without quorum it depends on who answered
            frozenset((row.name, row.ip, row.online, row.nodeid) for row in reading.members),
            frozenset((one.node, one.maxcpu, one.maxmem) for one in reading.nodes.values()),
            frozenset(
                (
                    one.vmid,
                    one.node,
                    one.name,
                    one.status,
                    one.lock,
                    one.tags,
                    one.pool,
                    one.maxcpu,
                    one.maxmem,
                    one.maxdisk,
                    one.template,
                )
                for one in reading.containers
            ),
            frozenset(
                (
                    one.node,
                    one.storage,
                    one.plugintype,
                    one.shared,
                    frozenset((one.content or "").split(",")),
                    one.status,
                    one.maxdisk,
                )
                for one in reading.storages
            ),
            frozenset(reading.counts.items()),
        )
    )


def guests_hidden(credential: str, permissions: Permissions) -> Upstream | None:
    """Why guests that are missing need not be gone; None where the sign-in sees them all."""
    if holds(permissions, "VM.Audit", "/vms"):
        return None
    hint = "Give it VM.Audit on /vms again, for example by the role PVEAuditor on /."
    if has_own_entry(permissions, "/vms"):
        hint = (
            "An entry on /vms replaces what it inherits: give it VM.Audit there, for example by the role PVEAuditor "
            "on /vms, and take away an entry with NoAccess. To look on a node: pveum acl list"
        )
    return Upstream(
        f"Paddock's sign-in {credential} may no longer see the guests of this cluster.",
        code="guests_hidden",
        hint=hint,
    )
