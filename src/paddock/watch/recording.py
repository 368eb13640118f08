"""Writes a reading down: one transaction, each slice's own record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from paddock.base.context import Context, Write
from paddock.clusters import record as clusters
from paddock.containers import record as containers
from paddock.containers.record import Recorded
from paddock.nodes import membership, tombstones
from paddock.nodes import record as nodes
from paddock.storages import record as storages
from paddock.watch.reading import Reading, members_seen, node_facts


async def record_reading(
    ctx: Context,
    tx: Write,
    reading: Reading,
    *,
    cluster_id: str,
    site_id: str,
    node_ids: Mapping[str, str],
    may_end: frozenset[int] = frozenset(),
) -> Recorded:
    """Nodes, storages and containers of one cluster.

    Only containers in `may_end` may end for not being seen. Where rows could not be read, nothing ends or
    vanishes for being absent.
    """
    facts = {id: node_facts(reading, name) for name, id in node_ids.items() if name in reading.present}
    await nodes.record_facts(ctx, tx, facts)
    if not reading.unreadable:
        await nodes.mark_membership(ctx, tx, cluster_id, reading.present)
    await storages.record(ctx, tx, cluster_id, reading.storages, node_ids, complete=not reading.unreadable)
    return await containers.record(
        ctx,
        tx,
        cluster_id=cluster_id,
        site_id=site_id,
        seen=reading.containers,
        node_ids=node_ids,
        offline=reading.offline,
        may_end=may_end if not reading.unreadable else frozenset(),
        at=reading.at,
    )


async def follow_membership(
    ctx: Context, tx: Write, reading: Reading, cluster_id: str, *, port: int, turned: bool
) -> bool:
    """Members that joined or left and addresses that moved; `turned`: a lone host became a cluster, or the reverse.

    Returns whether the connection has to know. New members are taken to listen on `port`.
    """
    if turned:
        await membership.record_kind(ctx, tx, cluster_id, reading.name)
    if reading.unreadable:
        return False
    seen = members_seen(reading, port, {}, {})
    change = await clusters.follow_membership(ctx, tx, cluster_id, seen, reading.present)
    await membership.follow(ctx, tx, cluster_id, change.moved, change.elsewhere)
    return change.changed


async def recognise(ctx: Context, tx: Write, identity: str, node_ids: Mapping[str, str]) -> None:
    """Nodes that were removed once and are registered again say so in their log."""
    for name, node_id in node_ids.items():
        if (stone := await tombstones.returned(ctx, tx, identity, name)) is not None:
            text = f"It is back: it {tombstones.epitaph(stone)}"
            nodes.log(tx, node_id, ctx.now(), "returned", "info", text)


def observe(
    ctx: Context, reading: Reading, cluster_id: str, node_ids: Mapping[str, str], living: Mapping[int, str]
) -> frozenset[str]:
    """Keeps the live figures of a reading, and the cluster's word about each node.

    Returns the names of the nodes about which the cluster has changed its word.
    """
    turned = set()
    for name, node_id in node_ids.items():
        word = reading.word(name)
        figures: dict[str, object] = {"word": word, "word_at": reading.at, "via": reading.via}
        before = nodes.figures_of(ctx, node_id)
        if before.word != word or before.word_since is None:
            figures["word_since"] = reading.at
            turned.add(name)
        seen = reading.nodes.get(name)
        if seen is not None and seen.mem is not None and word:
            used, total = storages.own_capacity(reading.storages_by_node.get(name, ()))
            if not total:
                used, total = seen.disk or 0, seen.maxdisk or 0
            figures |= {
                "at": reading.at,
                "cpu": max(0.0, seen.cpu or 0.0) * (seen.maxcpu or 0),
                "memory": seen.mem,
                "uptime": seen.uptime,
                "storage_used": used,
                "storage_total": total,
            }
        nodes.observe(ctx, node_id, **figures)
    storages.observe(ctx, reading.storages, node_ids, reading.at)
    containers.observe(ctx, cluster_id, reading.containers, living, reading.at)
    return frozenset(turned)


def observe_contact(ctx: Context, node_id: str, at: datetime, code: str = "", text: str = "") -> None:
    """Keeps the outcome of Paddock's own contact with a node; `code` is empty when it went well."""
    if code:
        nodes.observe(ctx, node_id, contact_at=at, contact_code=code, contact_text=text)
    else:
        nodes.observe(ctx, node_id, contact_at=at, contact_ok_at=at, contact_code="", contact_text="")
