"""What only the configuration of a container says: read afterwards, at a bounded rate."""

from __future__ import annotations

import asyncio
import logging
from ipaddress import ip_interface

from paddock.base.context import Context
from paddock.base.errors import Upstream
from paddock.containers import record
from paddock.containers.record import Details, Wanted
from paddock.proxmox import reads
from paddock.proxmox.connection import Connection

log = logging.getLogger(__name__)


async def read_some(ctx: Context, cluster_id: str, connection: Connection) -> int:
    """Reads as many as one second allows, oldest first; returns how many. One that fails is noted, not fatal."""
    wanted = await record.wanting_details(ctx, cluster_id, limit=max(1, int(ctx.settings.details_per_second)))
    if not wanted:
        return 0
    answers = await asyncio.gather(*(_read(connection, one) for one in wanted), return_exceptions=True)
    found: dict[str, Details] = {}
    for one, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, Details):
            found[one.id] = answer
        elif isinstance(answer, Exception):
            log.error("container %s cannot be read", one.vmid, exc_info=answer)
            found[one.id] = Details((), "", None, "Its configuration could not be understood.")
    await record.record_details(ctx, found, cluster_id, ctx.now())
    return len(wanted)


async def _read(connection: Connection, one: Wanted) -> Details:
    try:
        config = await reads.lxc_config(connection, one.node_name, one.vmid)
        addresses = config.addresses
        leased = any(net.ip == "dhcp" or net.ip6 in {"dhcp", "auto"} for net in config.nets)
        if leased and one.status == "running":
            rows = await reads.lxc_interfaces(connection, one.node_name, one.vmid)
            addresses += tuple(address for row in rows.items for address in row.addresses)
        return Details(_useful(addresses), config.ostype or "", config.unprivileged)
    except Upstream as error:
        return Details((), "", None, error.message)


def _useful(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Without prefix, loopback and link-local, each once."""
    found: dict[str, None] = {}
    for text in addresses:
        try:
            address = ip_interface(text).ip
        except ValueError:
            continue
        if not (address.is_loopback or address.is_link_local):
            found[str(address)] = None
    return tuple(found)
