"""Observed truth of nodes, written down. No actor, no audit: called by `watch` and jobs only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select, update

from paddock.base.context import Context, Services, Write
from paddock.base.ids import new_id
from paddock.nodes import health
from paddock.nodes.events import NodeAppeared, NodeChanged, NodeStatusChanged
from paddock.nodes.figures import KIND, NodeFigures, evidence
from paddock.nodes.model import Bridge, Node, NodeEvent


@dataclass(frozen=True, slots=True)
class Registration:
    """A member that becomes, or is, a node of Paddock's."""

    member_id: str
    name: str
    address: str
    url: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What is worth a row. None: nothing was said, the old value stays. Memory in bytes."""

    cores: int | None = None
    memory: int | None = None
    containers_running: int | None = None
    containers_total: int | None = None
    vms_running: int | None = None
    vms_total: int | None = None
    pve_version: str | None = None
    kernel: str | None = None
    cpu_model: str | None = None
    certificate_ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class BridgeSeen:
    name: str
    cidr: str
    ports: str
    vlan_aware: bool
    active: bool


async def register(
    ctx: Context, tx: Write, *, site_id: str, cluster_id: str, members: Iterable[Registration]
) -> dict[str, str]:
    """Makes nodes of members; returns name → node id. Registering again changes only what differs."""
    at = ctx.now()
    known = {
        node.name: node
        for node in await tx.session.scalars(select(Node).where(Node.cluster_id == cluster_id))
    }
    ids: dict[str, str] = {}
    for member in members:
        node = known.get(member.name)
        if node is None:
            node = Node(
                id=new_id(),
                site_id=site_id,
                cluster_id=cluster_id,
                member_id=member.member_id,
                name=member.name,
                address=member.address,
                url=member.url,
                status=health.Status.UNKNOWN,
                status_since=at,
                created_at=at,
                updated_at=at,
            )
            tx.session.add(node)
            await tx.session.flush()
            log(tx, node.id, at, "imported", "info", "Imported")
            tx.publish(NodeAppeared(node.id))
        elif (node.address, node.url) != (member.address, member.url) or node.vanished_at is not None:
            if node.address != member.address:
                log(tx, node.id, at, "changed", "info", f"Address {node.address} → {member.address}")
            node.address, node.url, node.vanished_at = member.address, member.url, None
            node.version += 1
            node.updated_at = at
            tx.publish(NodeChanged(node.id))
        ids[member.name] = node.id
    return ids


async def record_facts(ctx: Context, tx: Write, facts: Mapping[str, Facts]) -> None:
    """Writes facts by node id, where they differ."""
    if not facts:
        return
    rows = await tx.session.scalars(select(Node).where(Node.id.in_(list(facts))))
    for node in rows:
        given = {
            name: value
            for name in Facts.__dataclass_fields__
            if (value := getattr(facts[node.id], name)) is not None and value != getattr(node, name)
        }
        if not given:
            continue
        if node.pve_version and "pve_version" in given:
            text = f"Proxmox VE {node.pve_version} → {given['pve_version']}"
            log(tx, node.id, ctx.now(), "changed", "info", text)
        for name, value in given.items():
            setattr(node, name, value)
        node.updated_at = ctx.now()
        tx.publish(NodeChanged(node.id))


async def record_bridges(tx: Write, node_id: str, seen: Sequence[BridgeSeen]) -> None:
    """Makes the rows equal to the bridges that the node has."""
    known = {
        row.name: (row.cidr, row.ports, row.vlan_aware, row.active)
        for row in await tx.session.scalars(select(Bridge).where(Bridge.node_id == node_id))
    }
    now = {one.name: (one.cidr[:43], one.ports[:255], one.vlan_aware, one.active) for one in seen}
    if known == now:
        return
    await tx.session.execute(delete(Bridge).where(Bridge.node_id == node_id))
    if now:
        rows = [
            dict(zip(("cidr", "ports", "vlan_aware", "active"), facts, strict=True))
            | {"node_id": node_id, "name": name[:32]}
            for name, facts in now.items()
        ]
        await tx.session.execute(insert(Bridge), rows)
    tx.publish(NodeChanged(node_id))


def figures_of(ctx: Context, node_id: str) -> NodeFigures:
    """The newest figures and evidence; empty ones where there are none yet."""
    found: NodeFigures | None = ctx.figures.get(KIND, node_id)
    return found or NodeFigures()


def observe(ctx: Context, node_id: str, **figures: Any) -> None:
    """Keeps newer live figures or evidence; fields that are not given stay."""
    ctx.figures.put(KIND, node_id, msgspec.structs.replace(figures_of(ctx, node_id), **figures))


async def mark_membership(ctx: Context, tx: Write, cluster_id: str, present: frozenset[str]) -> None:
    """Marks nodes that the cluster no longer lists, and those that are listed again."""
    at = ctx.now()
    for node in await tx.session.scalars(select(Node).where(Node.cluster_id == cluster_id)):
        if node.name not in present and node.vanished_at is None:
            node.vanished_at = at
            log(tx, node.id, at, "vanished", "warn", "The cluster no longer lists it as a member")
        elif node.name in present and node.vanished_at is not None:
            node.vanished_at = None
            log(tx, node.id, at, "returned", "ok", "The cluster lists it as a member again")
        else:
            continue
        tx.publish(NodeChanged(node.id))


async def registered(ctx: Context, cluster_id: str) -> dict[str, str]:
    """Name → id of the cluster's nodes."""
    async with ctx.read() as db:
        rows = await db.execute(select(Node.name, Node.id).where(Node.cluster_id == cluster_id))
        return dict(rows.all())


async def registered_in(tx: Write, cluster_id: str) -> dict[str, str]:
    """As `registered`, inside a transaction."""
    rows = await tx.session.execute(select(Node.name, Node.id).where(Node.cluster_id == cluster_id))
    return dict(rows.all())


async def load_shown(ctx: Context, cluster_id: str) -> dict[str, health.Shown]:
    """What people see of each node of a cluster, by id; where settling begins after a start."""
    columns = (Node.id, Node.status, Node.status_code, Node.status_reason, Node.status_since)
    async with ctx.read() as db:
        rows = (await db.execute(select(*columns).where(Node.cluster_id == cluster_id))).all()
    return {
        id: health.Shown(health.Status(status), code, reason, since)
        for id, status, code, reason, since in rows
    }


async def settle(
    ctx: Context,
    shown: dict[str, health.Shown],
    *,
    lone: bool,
    interval: timedelta,
    refused: str = "",
    unread: str = "",
) -> None:
    """Judges each node by its evidence and writes what people should see now. Changes `shown` in place."""
    now = ctx.now()
    moved: dict[str, health.Shown] = {}
    for node_id, before in shown.items():
        live = figures_of(ctx, node_id)
        verdict = health.judge(evidence(live, lone=lone, refused=refused, unread=unread), now, interval)
        after = health.settle(before, verdict, now)
        if (before.status, before.code, before.reason) != (after.status, after.code, after.reason):
            moved[node_id] = after
        shown[node_id] = after
    if moved:
        async with ctx.write() as tx:
            await _write_shown(tx, moved, now)


async def _write_shown(tx: Write, moved: Mapping[str, health.Shown], now: datetime) -> None:
    """An import and the watch may both come to the same verdict: it is written, and told, once."""
    rows = await tx.session.execute(select(Node.id, Node.status).where(Node.id.in_(list(moved))))
    for node_id, written in rows.all():
        after = moved[node_id]
        values: dict[str, Any] = {"status_code": after.code, "status_reason": after.reason}
        if written != after.status:
            values |= {"status": after.status, "status_since": after.since}
            text = f"{WORDS[after.status]}: {after.reason}" if after.reason else WORDS[after.status]
            log(tx, node_id, now, "status", _LEVELS[after.status], text)
            tx.publish(NodeStatusChanged(node_id, written, after.status))
        else:
            tx.publish(NodeChanged(node_id))
        await tx.session.execute(update(Node).where(Node.id == node_id).values(**values))


WORDS = {
    health.Status.ONLINE: "Online",
    health.Status.OFFLINE: "Offline",
    health.Status.UNREACHABLE: "Unreachable",
    health.Status.SIGN_IN_REFUSED: "Sign-in refused",
    health.Status.NOT_TRUSTED: "Certificate not trusted",
    health.Status.UNKNOWN: "Unknown",
}
_LEVELS = {
    health.Status.ONLINE: "ok",
    health.Status.OFFLINE: "bad",
    health.Status.UNREACHABLE: "warn",
    health.Status.SIGN_IN_REFUSED: "warn",
    health.Status.NOT_TRUSTED: "warn",
    health.Status.UNKNOWN: "info",
}


def log(tx: Write, node_id: str, at: datetime, kind: str, level: str, text: str) -> None:
    tx.session.add(NodeEvent(node_id=node_id, at=at, kind=kind, level=level, text=text))


async def prune(services: Services) -> None:
    """Deletes events older than the settings keep them."""
    limit = services.clock.now() - timedelta(days=services.settings.events_days)
    async with services.db.write() as session:
        await session.execute(delete(NodeEvent).where(NodeEvent.at < limit))
