"""Members that joined a managed cluster and are offered: add them, or leave them alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from paddock.base.context import Context
from paddock.clusters import queries as clusters
from paddock.nodes import queries
from paddock.nodes.attention import Attention
from paddock.nodes.queries import NodeView


@dataclass(frozen=True, slots=True)
class Offer:
    """`renamed` is the node that this member seems to be under a new name: it is gone, at the same address."""

    cluster_id: str
    cluster: str
    site_id: str
    name: str
    address: str
    since: datetime
    renamed: NodeView | None = None
    before: NodeView | None = None
    """The node as which it has been managed so far, on its own or in another cluster."""

    @property
    def title(self) -> str:
        if self.renamed is not None:
            return f"{self.renamed.name} seems to be called {self.name} now"
        return f"{self.name} joined {self.cluster}: add?"

    @property
    def text(self) -> str:
        if self.renamed is not None:
            return f"Both at {self.address}. Take the new name, and it keeps its history."
        if self.before is not None:
            return (
                f"It has been managed as {self.before.name} of {self.before.cluster} so far, with another CA. "
                "Remove that one, then add it here."
            )
        return f"At {self.address}. The cluster's sign-in works for it too."

    @property
    def attention(self) -> Attention:
        target = ("cluster", self.cluster_id) if self.renamed is None else ("node", self.renamed.id)
        path = f"/nodes?cluster={self.cluster_id}" if self.renamed is None else self.rename_path
        step = "Add it" if self.renamed is None else "Take the name"
        return Attention(
            "wish", "plus", self.title, self.text, "member_joined", *target, self.since, step, path
        )

    @property
    def rename_path(self) -> str:
        return f"/nodes/{self.renamed.id}/edit?name={self.name}" if self.renamed is not None else ""


async def list_offers(ctx: Context, *, site_id: str = "", cluster_id: str = "") -> Sequence[Offer]:
    """Within the caller's scope, the oldest first."""
    found = await clusters.joined(ctx)
    if not found:
        return []
    every = await queries.all_nodes(ctx)
    gone = {(node.cluster_id, node.address): node for node in every if node.vanished_at is not None}
    places = {(node.name, node.address): node for node in every}
    offers = [
        Offer(
            cluster.id,
            cluster.name,
            cluster.site_id,
            member.name,
            member.address,
            member.joined_at,
            gone.get((cluster.id, member.address)),
            places.get((member.name, member.address)),
        )
        for member, cluster in found
        if member.joined_at is not None
    ]
    return [one for one in offers if site_id in ("", one.site_id) and cluster_id in ("", one.cluster_id)]
