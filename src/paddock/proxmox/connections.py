"""All connections of the process, one per cluster, made when first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from paddock.proxmox.connection import Connection
from paddock.proxmox.credentials import Credential
from paddock.proxmox.members import Member
from paddock.proxmox.transport import HttpTransport, Transport


@dataclass(frozen=True, slots=True)
class ConnectionPlan:
    """What a connection is made of; read from the database by the loader."""

    name: str
    members: tuple[Member, ...]
    credential: Credential


Loader = Callable[[str], Awaitable[ConnectionPlan]]


class Connections:
    """Connections by cluster id. `load` is asked on first use and on `reload`; what it raises goes through."""

    def __init__(
        self,
        load: Loader,
        *,
        transport: Callable[[], Transport] = HttpTransport,
        parallel: int = 12,
        per_member: int = 6,
    ) -> None:
        self._load = load
        self._transport = transport
        self._parallel = parallel
        self._per_member = per_member
        self._held: dict[str, tuple[ConnectionPlan, Connection]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, cluster_id: str) -> Connection:
        if cluster_id in self._held:
            return self._held[cluster_id][1]
        async with self._locks.setdefault(cluster_id, asyncio.Lock()):
            if cluster_id not in self._held:
                plan = await self._load(cluster_id)
                connection = Connection(
                    plan.name,
                    plan.members,
                    plan.credential,
                    self._transport(),
                    parallel=self._parallel,
                    per_member=self._per_member,
                )
                self._held[cluster_id] = plan, connection
            return self._held[cluster_id][1]

    async def reload(self, cluster_id: str) -> None:
        """After members or credential have changed. What stays the same keeps its record, ticket and breakers."""
        if cluster_id not in self._held:
            return
        async with self._locks.setdefault(cluster_id, asyncio.Lock()):
            plan = await self._load(cluster_id)
            old, connection = self._held[cluster_id]
            connection.replace_members(plan.members)
            if plan.credential != old.credential:
                connection.replace_credential(plan.credential)
            self._held[cluster_id] = plan, connection

    def open(self, cluster_id: str) -> Connection | None:
        """The connection if there is one already; for showing its state."""
        found = self._held.get(cluster_id)
        return found[1] if found else None

    async def forget(self, cluster_id: str) -> None:
        """Closes it; the next `get` makes a new one."""
        self._locks.pop(cluster_id, None)
        if found := self._held.pop(cluster_id, None):
            await found[1].close()

    async def close(self) -> None:
        for cluster_id in list(self._held):
            await self.forget(cluster_id)
