"""How a cluster's sign-in stands: what it is, whose, whether it works, and what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from paddock.base.context import Context
from paddock.clusters.model import Cluster
from paddock.clusters.queries import members_of, tokens_made, view_cluster
from paddock.proxmox import reads
from paddock.proxmox.connections import Connections
from paddock.proxmox.wanted import Level, Want, level_of, table

REFUSALS = frozenset({"password_refused", "token_refused", "two_factor_required", "ticket_refused"})


@dataclass(frozen=True, slots=True)
class OwnSignIn:
    """A member that does not sign in as the cluster does. `refusal` is empty where it works."""

    member: str
    kind: str
    name: str
    refusal: str


@dataclass(frozen=True, slots=True)
class Standing:
    cluster: Cluster
    site: str
    members: tuple[str, ...]
    own: tuple[OwnSignIn, ...]
    made_here: bool
    """Whether the token is one that Paddock has made."""

    @property
    def refused(self) -> bool:
        return self.cluster.trouble in REFUSALS

    @property
    def guess(self) -> str:
        """What can be said about a refusal without an administrator: Proxmox VE gives no reason."""
        return guess(self.cluster.trouble, self.cluster.trouble_since, self.cluster.credential_since)


@dataclass(frozen=True, slots=True)
class Rights:
    """Every privilege that Paddock wants, and whether the sign-in has it."""

    wants: tuple[Want, ...]
    level: Level | None
    nothing: bool
    """Signed in, but without any right at all."""


async def standing(ctx: Context, cluster_id: str) -> Standing:
    """Raises NotFound."""
    view = await view_cluster(ctx, cluster_id)
    rows = [one for one in await members_of(ctx, cluster_id) if one.vanished_at is None]
    connection = ctx.part(Connections).open(cluster_id)
    own = []
    for row in rows:
        if row.credential_name:
            refusal = connection.refusal_of(row.name) if connection else None
            own.append(
                OwnSignIn(
                    row.name, row.credential_kind, row.credential_name, refusal.message if refusal else ""
                )
            )
    return Standing(
        view.row,
        view.site,
        tuple(row.name for row in rows),
        tuple(own),
        (cluster_id, view.row.credential_name) in await tokens_made(ctx),
    )


async def rights(ctx: Context, cluster_id: str) -> Rights:
    """Asks Proxmox VE now. Raises NotFound and Upstream."""
    await view_cluster(ctx, cluster_id)
    connection = await ctx.part(Connections).get(cluster_id)
    permissions = await reads.permissions(connection)
    return Rights(table(permissions), level_of(permissions), not permissions)


def guess(trouble: str, since: datetime | None, saved: datetime | None) -> str:
    """Pure. It did work once: a credential is tried before it is saved."""
    if trouble == "password_refused":
        return (
            "It worked before, so the password was changed in Proxmox VE since, or the user was disabled, "
            "has expired or was deleted. Proxmox VE answers all of these alike."
        )
    if trouble == "token_refused":
        return (
            "It worked before, so since then the token was deleted or regenerated, has expired, or its user was "
            "disabled or deleted. Proxmox VE answers all of these alike."
        )
    if trouble == "two_factor_required":
        return "A second factor was set up for this user. Only an API token goes without."
    return ""
