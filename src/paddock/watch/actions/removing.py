"""Short verbs: take nodes and clusters out of Paddock. Proxmox VE is asked first; what runs there is left as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from paddock.access import audit, guard
from paddock.base.context import Context, Write
from paddock.base.errors import Invalid, PaddockError
from paddock.clusters import changing as clusters_changing
from paddock.clusters import queries as clusters
from paddock.clusters.model import Cluster
from paddock.clusters.sign_in import leaving
from paddock.clusters.sign_in.wish import Administrator
from paddock.containers import record as containers
from paddock.nodes import changing, tombstones
from paddock.nodes import queries as nodes
from paddock.nodes.queries import NodeView
from paddock.proxmox import farewell
from paddock.proxmox.connections import Connections
from paddock.proxmox.farewell import Farewell
from paddock.watch.asking import ask
from paddock.watch.leaving import ContainersActive, Findings
from paddock.web import etags


@dataclass(frozen=True, slots=True)
class Removed:
    """What has become of it. `stones` are ids, by which the removal can be taken back."""

    names: tuple[str, ...]
    cluster: str
    cluster_removed: bool
    stones: tuple[str, ...]
    farewell: Farewell
    """What was taken away from Proxmox VE, and the commands for what was not; where the whole cluster went."""


async def look(ctx: Context, node_id: str) -> tuple[Findings, bool]:
    """What stands in the way of a removal now, and whether its cluster would go with it. Asks Proxmox VE."""
    await guard.require(ctx, "nodes.read", target=audit.Target("node", node_id))
    node = await nodes.get_node(ctx, node_id)
    return await ask(ctx, node), await _is_last(ctx, node)


async def look_at_cluster(ctx: Context, cluster_id: str) -> Sequence[Findings]:
    """As `look`, for every managed node of the cluster."""
    await guard.require(ctx, "clusters.read", target=audit.Target("cluster", cluster_id))
    await clusters.get_cluster(ctx, cluster_id)
    return await asyncio.gather(
        *(ask(ctx, node, with_cluster=True) for node in await _nodes_of(ctx, cluster_id))
    )


async def remove_node(
    ctx: Context,
    node_id: str,
    *,
    confirm: str,
    reason: str = "",
    expected: int | None = None,
    administrator: Administrator | None = None,
) -> Removed:
    """The node is managed no longer; with the last one its cluster goes. What runs in Proxmox VE is left alone.

    With an `administrator`, and where the cluster goes, what Paddock made on it for its sign-in is taken away first.

    Raises ContainersActive while active containers are there, Invalid unless `confirm` is the node's name, or
    where Proxmox VE cannot be asked and no reason is given; and as `leaving.take_away`. Then nothing is removed.
    """
    await guard.require(ctx, "nodes.remove", target=audit.Target("node", node_id))
    node = await nodes.get_node(ctx, node_id)
    _confirmed(confirm, node.name)
    cluster = await clusters.get_cluster(ctx, node.cluster_id)
    findings = [await ask(ctx, node)]
    target = audit.Target("node", node.id, node.name)
    await _allowed(ctx, "nodes.remove", target, findings, reason)
    last = await _is_last(ctx, node)
    etags.check(expected, node.version, what=f"Node {node.name}")
    goodbye = await _farewell(ctx, "nodes.remove", target, cluster, administrator if last else None)
    async with _told(ctx, "nodes.remove", target, goodbye, administrator), ctx.write() as tx:
        row = await changing.lock(ctx, tx, node_id, None if goodbye.gone else expected)
        siblings = await changing.others_of(tx, row)
        stone = await _gone(ctx, tx, row.id, cluster, findings[0], reason, None if siblings else goodbye)
        if not siblings:
            await _cluster_gone(ctx, tx, cluster)
        else:
            clusters_changing.edited(tx, cluster.id)
        for sibling in siblings:
            changing.note(ctx, tx, sibling, f"{node.name} was removed from Paddock")
        detail = _detail(findings, reason, goodbye, administrator) | {
            "cluster": cluster.name,
            "cluster_removed": not siblings,
        }
        audit.record(tx, ctx, "nodes.remove", target, detail=detail)
    if not siblings:
        await ctx.part(Connections).forget(cluster.id)
    # a member that was added meanwhile keeps the cluster, whose sign-in may be gone: whoever asked is told
    told = goodbye if goodbye.gone or not siblings else Farewell()
    return Removed((node.name,), cluster.name, not siblings, (stone,), told)


async def remove_cluster(
    ctx: Context,
    cluster_id: str,
    *,
    confirm: str,
    reason: str = "",
    expected: int | None = None,
    administrator: Administrator | None = None,
) -> Removed:
    """All nodes of a cluster, and the cluster. Raises as `remove_node`; `confirm` is the cluster's name."""
    await guard.require(ctx, "clusters.remove", target=audit.Target("cluster", cluster_id))
    cluster = await clusters.get_cluster(ctx, cluster_id)
    _confirmed(confirm, cluster.name)
    here = await _nodes_of(ctx, cluster_id)
    findings = await asyncio.gather(*(ask(ctx, node, with_cluster=True) for node in here))
    target = audit.Target("cluster", cluster.id, cluster.name)
    await _allowed(ctx, "clusters.remove", target, findings, reason)
    etags.check(expected, cluster.version, what=f"Cluster {cluster.name}")
    goodbye = await _farewell(ctx, "clusters.remove", target, cluster, administrator)
    stones = []
    async with _told(ctx, "clusters.remove", target, goodbye, administrator), ctx.write() as tx:
        await clusters_changing.lock(ctx, tx, cluster_id, None if goodbye.gone else expected)
        for node, found in zip(here, findings, strict=True):
            stones.append(await _gone(ctx, tx, node.id, cluster, found, reason, goodbye))
        await _cluster_gone(ctx, tx, cluster)
        audit.record(
            tx, ctx, "clusters.remove", target, detail=_detail(findings, reason, goodbye, administrator)
        )
    await ctx.part(Connections).forget(cluster.id)
    return Removed(tuple(node.name for node in here), cluster.name, True, tuple(stones), goodbye)


def _confirmed(typed: str, name: str) -> None:
    if typed != name:
        said = f"“{typed}” was typed" if typed else "nothing was typed"
        raise Invalid.field(
            "confirm",
            f"Nothing was removed: type the name {name} to confirm; {said}.",
            code="not_confirmed",
            hint="Names are case-sensitive.",
        )


async def _allowed(
    ctx: Context, action: str, target: audit.Target, findings: Sequence[Findings], reason: str
) -> None:
    held = any(one.refused for one in findings)
    silent = [one for one in findings if one.unasked]
    if not held and (not silent or reason.strip()):
        return
    code = "containers_active" if held else "reason_needed"
    await audit.record_alone(
        ctx, action, target, outcome="refused", code=code, detail=_detail(findings, reason)
    )
    if held:
        raise ContainersActive(findings)
    raise Invalid.field(
        "reason",
        f"Proxmox VE cannot be asked what runs on {silent[0].node}: {silent[0].unasked} Say why it is to be removed nevertheless.",
        code="reason_needed",
        hint="Active containers may be there. They go on running, and Paddock knows no more of them.",
    )


async def _farewell(
    ctx: Context, action: str, target: audit.Target, cluster: Cluster, administrator: Administrator | None
) -> Farewell:
    """What becomes of the sign-in on Proxmox VE. A failure is audited; nothing has changed anywhere then."""
    mine = await leaving.belongings(ctx, cluster.id)
    if administrator is None or not mine:
        made = mine or leaving.of_credential(cluster.credential_kind, cluster.credential_name)
        stays = (
            (f"the sign-in {cluster.credential_name}, which Paddock did not make",) if administrator else ()
        )
        return Farewell(kept=stays, commands=farewell.commands(made))
    try:
        return await leaving.take_away(ctx, cluster, mine, administrator)
    except PaddockError as error:
        detail = {"administrator": administrator.username.strip()}
        await audit.record_alone(ctx, action, target, outcome="failed", code=error.code, detail=detail)
        raise


@asynccontextmanager
async def _told(
    ctx: Context,
    action: str,
    target: audit.Target,
    goodbye: Farewell,
    administrator: Administrator | None,
) -> AsyncIterator[None]:
    """What was taken away from Proxmox VE stands in the audit, even where the removal is refused after that."""
    try:
        yield
    except PaddockError as error:
        if goodbye.gone:
            detail = _detail((), "", goodbye, administrator)
            await audit.record_alone(ctx, action, target, outcome="failed", code=error.code, detail=detail)
        raise


async def _gone(
    ctx: Context,
    tx: Write,
    node_id: str,
    cluster: Cluster,
    found: Findings,
    reason: str,
    goodbye: Farewell | None,
) -> str:
    row = await changing.lock(ctx, tx, node_id, None)
    member_id = row.member_id
    await containers.end_on_node(ctx, tx, cluster.id, row.id)
    stone = await tombstones.bury(
        ctx,
        tx,
        row,
        cluster,
        reason=reason.strip(),
        unasked=found.unasked,
        farewell=goodbye.wire() if goodbye else None,
    )
    if found.left:
        await clusters_changing.forget_member(tx, member_id)
    return stone.id


async def _cluster_gone(ctx: Context, tx: Write, cluster: Cluster) -> None:
    await containers.forget_cluster(ctx, tx, cluster.id)
    await clusters_changing.remove_cluster(tx, cluster.id)


async def _nodes_of(ctx: Context, cluster_id: str) -> list[NodeView]:
    return [node for node in await nodes.all_nodes(ctx) if node.cluster_id == cluster_id]


async def _is_last(ctx: Context, node: NodeView) -> bool:
    return len(await _nodes_of(ctx, node.cluster_id)) == 1


def _detail(
    findings: Sequence[Findings],
    reason: str,
    goodbye: Farewell | None = None,
    administrator: Administrator | None = None,
) -> dict[str, object]:
    """For the audit: what was found at that moment, and what was done on Proxmox VE, in few words."""
    taken = {}
    if goodbye and administrator:
        taken = {
            "administrator": administrator.username.strip(),
            "taken_away": list(goodbye.gone),
            "kept": list(goodbye.kept),
            "left": list(goodbye.commands),
        }
    return {
        "nodes": [one.node for one in findings],
        "active": [one.label for found in findings for one in found.active],
        "unasked": {one.node: one.unasked for one in findings if one.unasked},
        "reason": reason.strip(),
        **taken,
    }
