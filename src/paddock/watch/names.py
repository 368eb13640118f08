"""Under which names the certificates of a cluster that is being imported are checked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from paddock.base.errors import Upstream
from paddock.proxmox import reads
from paddock.proxmox.first_contact import Reached, served
from paddock.proxmox.server_names import covers, server_name
from paddock.proxmox.trust import TrustMode
from paddock.watch.reading import Reading


async def server_names(reached: Reached, seen: Reading, addresses: Mapping[str, str]) -> dict[str, str]:
    """Names that certificates are checked for where they are not the addresses under which members are called.

    The first member's is the one that the person typed. Those of the others stand in the certificates that the
    cluster reports over this connection, which is trusted.
    """
    local, host = reached.local_node, reached.endpoint.host
    at = {member.name: addresses.get(member.name) or member.ip or member.name for member in seen.members}
    if reached.policy.mode is TrustMode.CLUSTER_CA and reached.policy.server_name and at[local] == host:
        return {local: reached.policy.server_name}
    if reached.policy.mode is not TrustMode.SYSTEM:
        return {}

    async def one(name: str) -> str:
        if name == local:
            return "" if at[name] == host or covers(reached.certificate.names, at[name]) else host
        try:
            leaf = served((await reads.node_certificates(reached.connection, name)).items)
        except Upstream:
            return ""
        return server_name(at[name], name, leaf.names) if leaf else ""

    names = [member.name for member in seen.members if member.online]
    return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))
