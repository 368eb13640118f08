"""Diagnose a node, or an address before anything is registered."""

from __future__ import annotations

from paddock.access import audit, guard
from paddock.base.context import Context
from paddock.base.errors import Invalid, PaddockError
from paddock.clusters.examination import Diagnosis
from paddock.diagnosis.node_examination import Examiner, examine_node
from paddock.diagnosis.wish import UrlWish
from paddock.nodes import queries as nodes
from paddock.proxmox.address import parse_api_url


async def diagnose_node(ctx: Context, node_id: str) -> Diagnosis:
    """Looks now, and keeps the result. Raises NotFound, or VaultLocked; what is wrong with the node is the result."""
    target = audit.Target("node", node_id)
    await guard.require(ctx, "nodes.diagnose", target=target)
    node = await nodes.get_node(ctx, node_id)
    target = audit.Target("node", node_id, node.name)
    try:
        found = await examine_node(ctx, node_id)
    except PaddockError as error:
        await audit.record_alone(ctx, "nodes.diagnose", target, outcome="failed", code=error.code)
        raise
    await audit.record_alone(ctx, "nodes.diagnose", target, outcome="ok", detail={"found": found.code})
    return found


async def diagnose_url(ctx: Context, wish: UrlWish) -> Diagnosis:
    """Looks now and keeps nothing, least of all the credential. Raises Invalid beside the fields.

    It calls out on a person's behalf: link-local and metadata addresses are refused.
    """
    target = audit.Target("url", label=_shown(wish.url))
    await guard.require(ctx, "nodes.diagnose", target=target)
    subject = wish.subject()
    found = await ctx.part(Examiner).examine(subject)
    await audit.record_alone(ctx, "nodes.diagnose", target, outcome="ok", detail={"found": found.code})
    return found


def _shown(url: str) -> str:
    """An address for the audit; what cannot be read may hold a password, and is left out."""
    try:
        return parse_api_url(url).authority
    except Invalid:
        return ""
