"""What only the configuration of a container says: read afterwards, at a bounded rate.

What is new or has changed comes first. What is merely old is read again at a rate that all clusters share: on a
large estate it would otherwise keep Paddock and the clusters busier than everything else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from ipaddress import ip_interface

from paddock.base.context import Context
from paddock.base.errors import Upstream
from paddock.containers import record
from paddock.containers.record import Details, Wanted
from paddock.proxmox import reads
from paddock.proxmox.connection import Connection
from paddock.watch.pacing import Share

log = logging.getLogger(__name__)


NEW_PER_SECOND = 60.0
AGAIN_PER_SECOND = 4.0
"""Of all clusters together: half an hour does for 7,200 containers, larger estates take longer."""
REST_SECONDS = 30.0
"""How long the database is not asked again after it wanted nothing."""


class Pace:
    """How many details all clusters together may read."""

    def __init__(self) -> None:
        self.new = Share(NEW_PER_SECOND)
        self.again = Share(AGAIN_PER_SECOND)


class Reader:
    """Reads the details of one cluster, a round per second."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._new_from = self._again_from = 0.0

    def wake(self) -> None:
        """The picture has brought something."""
        self._new_from = 0.0

    async def round(self, ctx: Context, cluster_id: str, connection: Connection) -> None:
        limit = _limit(ctx)
        now = time.monotonic()
        wanted: list[Wanted] = []
        if now >= self._new_from:
            new = await record.wanting_details(ctx, cluster_id, new=True, limit=limit)
            if not new:
                self._new_from = now + REST_SECONDS
            else:
                wanted = new[: self._pace.new.take(cluster_id, len(new))]
        if now >= self._again_from and (left := self._pace.again.take(cluster_id, limit - len(wanted))):
            old = await record.wanting_details(ctx, cluster_id, new=False, limit=left)
            if not old:
                self._again_from = now + REST_SECONDS
            wanted += old
        await _read_all(ctx, cluster_id, connection, wanted)


async def read_some(ctx: Context, cluster_id: str, connection: Connection) -> int:
    """Reads as many as one second allows to one cluster, oldest first; returns how many."""
    limit = _limit(ctx)
    wanted = await record.wanting_details(ctx, cluster_id, new=True, limit=limit)
    wanted += await record.wanting_details(ctx, cluster_id, new=False, limit=limit - len(wanted))
    await _read_all(ctx, cluster_id, connection, wanted)
    return len(wanted)


def _limit(ctx: Context) -> int:
    return max(1, int(ctx.settings.details_per_second))


async def _read_all(ctx: Context, cluster_id: str, connection: Connection, wanted: Sequence[Wanted]) -> None:
    """One that fails is noted, not fatal."""
    if not wanted:
        return
    answers = await asyncio.gather(*(_read(connection, one) for one in wanted), return_exceptions=True)
    found: dict[str, Details] = {}
    for one, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, Details):
            found[one.id] = answer
        elif isinstance(answer, Exception):
            log.error("container %s cannot be read", one.vmid, exc_info=answer)
            found[one.id] = Details((), "", None, "Its configuration could not be understood.")
    await record.record_details(ctx, found, cluster_id, ctx.now())


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
