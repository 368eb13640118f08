"""When a cluster goes: what Paddock made on Proxmox VE for its sign-in, and how that is taken away."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from paddock.base.context import Context
from paddock.base.errors import Invalid
from paddock.clusters.connecting import proxmox_members
from paddock.clusters.model import Cluster, Deed
from paddock.clusters.queries import members_of
from paddock.clusters.sign_in import record
from paddock.clusters.sign_in.wish import Administrator
from paddock.proxmox import farewell
from paddock.proxmox.connection import Connection
from paddock.proxmox.errors import LoginRefused
from paddock.proxmox.farewell import Belongings, Farewell
from paddock.proxmox.transport import HttpTransport


async def belongings(ctx: Context, cluster_id: str) -> Belongings:
    """What stands there by Paddock's own deeds. Empty where others made the sign-in."""
    async with ctx.read() as db:
        query = select(Deed.kind, Deed.name, Deed.verb).where(
            Deed.cluster_id == cluster_id, Deed.removed_at.is_(None)
        )
        return made_by((kind, name, verb) for kind, name, verb in await db.execute(query.order_by(Deed.at)))


def made_by(deeds: Iterable[tuple[str, str, str]]) -> Belongings:
    """Out of kind, name and verb of each deed. What was there before and only changed is not Paddock's."""
    found: dict[str, list[str]] = {"token": [], "user": [], "role": [], "acl": []}
    for kind, name, verb in deeds:
        if verb == "created" and kind in found:
            found[kind].append(name)
    holders = dict.fromkeys(who for name in found["acl"] if "!" not in (who := name.rpartition(" ")[2]))
    return Belongings(tuple(found["token"]), tuple(found["user"]), tuple(found["role"]), tuple(holders))


def of_credential(kind: str, name: str) -> Belongings:
    """What a sign-in consists of that others made; whether it was made for Paddock, a person has to know."""
    user = name.rpartition("!")[0] if kind == "token" else name
    return Belongings((name,) if kind == "token" else (), () if user == "root@pam" else (user,))


async def take_away(
    ctx: Context, cluster: Cluster, mine: Belongings, administrator: Administrator
) -> Farewell:
    """With the administrator's password, used this once. Raises Invalid beside `password`, Forbidden, Upstream."""
    credential = administrator.parsed()
    members = proxmox_members(cluster, await members_of(ctx, cluster.id))
    connection = Connection(cluster.name, members, credential, HttpTransport())
    try:
        done = await farewell.take_away(connection, mine, credential.username)
    except LoginRefused as error:
        raise Invalid.field(
            "password",
            f"Proxmox VE refused {credential.username}: {error.message}",
            code=error.code,
            hint=error.hint,
        ) from None
    finally:
        await connection.close()
    await record.record_removed(ctx, cluster.id, done.gone, ctx.actor.name)
    return done
