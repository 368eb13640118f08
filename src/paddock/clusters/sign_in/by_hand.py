"""What somebody runs on a node instead of giving Paddock an administrator's password."""

from __future__ import annotations

from dataclasses import dataclass

from paddock.base.context import Context
from paddock.base.ids import new_id
from paddock.clusters.queries import get_cluster, role_given
from paddock.clusters.sign_in import commands, naming
from paddock.proxmox.farewell import token_command
from paddock.proxmox.token_plan import USER
from paddock.proxmox.wanted import ROLE_NAMES, Level


@dataclass(frozen=True, slots=True)
class ByHand:
    """`commands` in their order; `afterwards` when Paddock signs in with the new token."""

    token_id: str
    commands: tuple[str, ...]
    afterwards: tuple[str, ...]
    level: Level


async def steps(ctx: Context, cluster_id: str, level: Level | None = None) -> ByHand:
    """A new token beside the present one; without a `level` with as much as Paddock gave the present one.

    Raises NotFound.
    """
    cluster = await get_cluster(ctx, cluster_id)
    if level is None:
        given = await role_given(ctx, cluster_id, cluster.credential_name)
        level = Level.OBSERVER if given == ROLE_NAMES[Level.OBSERVER] else Level.OPERATOR
    plan = naming.plan(level, USER, "", ctx.now(), new_id())
    afterwards = (token_command(cluster.credential_name),) if cluster.credential_kind == "token" else ()
    return ByHand(plan.token, commands.making(plan), afterwards, level)
