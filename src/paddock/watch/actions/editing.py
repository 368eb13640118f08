"""Short verb: change how a node is reached, what it is called, or its site; tested before it is saved."""

from __future__ import annotations

from dataclasses import dataclass

from paddock.access import audit, guard
from paddock.base.context import Context
from paddock.base.errors import Invalid, NotFound, PaddockError, StaleVersion, Upstream
from paddock.clusters import changing as clusters_changing
from paddock.clusters import queries as clusters
from paddock.clusters import reaching
from paddock.clusters.connecting import way_of
from paddock.clusters.model import Cluster, Member
from paddock.clusters.reaching import Way
from paddock.containers import record as containers
from paddock.nodes import changing
from paddock.nodes import queries as nodes
from paddock.nodes.queries import NodeView
from paddock.proxmox.connections import Connections
from paddock.sites import queries as sites
from paddock.watch.trial import NotSaved, try_node
from paddock.web import etags


@dataclass(frozen=True, slots=True)
class Changes:
    """What a person wants to be otherwise; None stays. `url` in any form that `parse_api_url` takes."""

    name: str | None = None
    address: str | None = None
    url: str | None = None
    site_id: str | None = None


async def edit_node(
    ctx: Context, node_id: str, changes: Changes, *, expected: int | None = None, anyway: str = ""
) -> NodeView:
    """Tests the connection with the new configuration, and saves it where that went well.

    `anyway` is a person's reason to save although the test failed; that does not help where another node
    answers. Raises Invalid beside the field, StaleVersion, AlreadyExists, NotSaved, NameMismatch, AnotherCluster.
    """
    await guard.require(ctx, "nodes.edit", target=audit.Target("node", node_id))
    try:
        return await _edit(ctx, node_id, changes, expected, anyway)
    except StaleVersion:
        if expected is not None:
            raise
        # Nobody asked for a version; mostly Paddock itself has followed an address while this was tested.
        return await _edit(ctx, node_id, changes, expected, anyway)


async def _edit(ctx: Context, node_id: str, changes: Changes, expected: int | None, anyway: str) -> NodeView:
    node = await nodes.get_node(ctx, node_id)
    etags.check(expected, node.version, what=f"Node {node.name}")
    cluster = await clusters.get_cluster(ctx, node.cluster_id)
    member = await clusters.get_member(ctx, node.cluster_id, node.name)
    before = way_of(member)
    way = reaching.changed(before, address=changes.address, url=changes.url)
    name = node.name if changes.name is None else changes.name.strip()
    if not name:
        raise Invalid.field("name", "Give the node's name, exactly as Proxmox shows it.")
    site = await _site(ctx, changes.site_id or node.site_id)
    detail = _differences(node, name, before, way, site)
    if name != node.name or way != before or site == (node.site_id, node.site):
        detail |= await _tested(ctx, cluster, member, way, name, anyway.strip(), node)
    async with ctx.write() as tx:
        row = await changing.lock(ctx, tx, node_id, node.version)
        if name != row.name:
            await changing.name_is_free(tx, row, name)
            await clusters_changing.rename_member(tx, row.member_id, name)
            changing.rename(ctx, tx, row, name)
        if way != before:
            await clusters_changing.set_way(tx, row.member_id, way)
            changing.set_way(ctx, tx, row, way)
        if site[0] != row.site_id:
            await clusters_changing.move_to_site(ctx, tx, row.cluster_id, site[0])
            await tx.session.flush()
            await changing.move_to_site(ctx, tx, row.cluster_id, site[0])
            await containers.move_to_site(tx, row.cluster_id, site[0])
        if said := _sentence(detail):
            changing.note(ctx, tx, node_id, said, "warn" if "saved_anyway" in detail else "info")
            if site[0] == node.site_id:
                row.version += 1
            audit.record(tx, ctx, "nodes.edit", audit.Target("node", node_id, name), detail=detail)
    await ctx.part(Connections).reload(node.cluster_id)
    return await nodes.get_node(ctx, node_id)


async def _tested(
    ctx: Context, cluster: Cluster, member: Member, way: Way, name: str, anyway: str, node: NodeView
) -> dict[str, object]:
    try:
        await try_node(ctx.vault, cluster, member, way.endpoint, name)
    except Upstream as error:
        if anyway:
            return {"saved_anyway": anyway, "failed": error.code}
        await _failed(ctx, node, error)
        raise NotSaved(error, cluster.trust_mode) from error
    except PaddockError as error:
        await _failed(ctx, node, error)
        raise
    return {}


async def _failed(ctx: Context, node: NodeView, error: PaddockError) -> None:
    target = audit.Target("node", node.id, node.name)
    await audit.record_alone(ctx, "nodes.edit", target, outcome="failed", code=error.code)


async def _site(ctx: Context, site_id: str) -> tuple[str, str]:
    try:
        found = await sites.get_site(ctx, site_id)
    except NotFound as error:
        raise Invalid.field("site_id", error.message, hint="Choose another one.") from None
    return found.id, found.name


def _differences(
    node: NodeView, name: str, before: Way, way: Way, site: tuple[str, str]
) -> dict[str, object]:
    """What changes, as [before, after] by field: for the audit."""
    pairs = {
        "name": [node.name, name],
        "address": [before.address, way.address],
        "url": [before.endpoint.url, way.endpoint.url],
        "site": [node.site, site[1]],
    }
    return {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}


_WORDS = {"name": "Name", "address": "Address", "url": "API URL", "site": "Site"}


def _sentence(detail: dict[str, object]) -> str:
    """`Address a → b, API URL c → d`, for the node's log; empty where nothing changed."""
    pairs = [(word, detail[field]) for field, word in _WORDS.items() if field in detail]
    text = ", ".join(f"{word} {pair[0]} → {pair[1]}" for word, pair in pairs if isinstance(pair, list))
    if text and "saved_anyway" in detail:
        text += f". Saved although the test failed ({detail['failed']}), because: {detail['saved_anyway']}"
    return text
