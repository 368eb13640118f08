"""The realms that a cluster offers, for the field in which a user name is typed. They are told without a sign-in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from paddock.base.context import Context
from paddock.base.errors import Upstream
from paddock.clusters.connecting import proxmox_members
from paddock.clusters.queries import get_cluster, members_of
from paddock.proxmox.identify import identify
from paddock.proxmox.shapes import Realm
from paddock.proxmox.transport import HttpTransport

MOST = 50
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.\-_]{0,63}")


@dataclass(frozen=True, slots=True)
class Offered:
    """`name` is what stands after the @. `suggestion` is a whole user name."""

    name: str
    text: str
    default: bool

    @property
    def suggestion(self) -> str:
        return "root@pam" if self.name == "pam" else f"@{self.name}"


def offered(found: Iterable[Realm]) -> tuple[Offered, ...]:
    """Whoever answers may be anybody: what is no name of a realm is left out. Pure."""
    rows = [
        Offered(one.realm, (one.comment or one.type or "")[:200], bool(one.default))
        for one in found
        if _NAME.fullmatch(one.realm)
    ]
    return tuple(sorted(rows, key=lambda one: (not one.default, one.name != "pam", one.name))[:MOST])


async def realms_of(ctx: Context, cluster_id: str) -> tuple[Offered, ...]:
    """Of a registered cluster; empty where no member answers. Raises NotFound."""
    cluster = await get_cluster(ctx, cluster_id)
    members = proxmox_members(cluster, await members_of(ctx, cluster_id))
    transport = HttpTransport()
    try:
        for member in members[:3]:
            try:
                return offered((await identify(member.endpoint, member.policy, transport)).items)
            except Upstream:
                continue
    finally:
        await transport.close()
    return ()
