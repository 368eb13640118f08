"""The watch over one cluster: pictures, own contacts, details. Alone in its failure."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import Counter
from datetime import datetime, timedelta

from paddock.base.context import Context
from paddock.base.errors import Upstream
from paddock.base.loops import breathe, every, stop
from paddock.clusters import queries as clusters
from paddock.clusters import record as cluster_record
from paddock.clusters.model import ClusterKind
from paddock.nodes import health
from paddock.nodes import record as node_record
from paddock.proxmox import reads
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.connection import Connection
from paddock.proxmox.connections import Connections
from paddock.proxmox.errors import LoginRefused, Untrusted
from paddock.watch import details, following, reading, recording

log = logging.getLogger(__name__)

CONTACT_SECONDS = 6.0
CONTACTS_AT_ONCE = 16


class ClusterWatch:
    """Looks at one cluster until stopped. `ctx` acts as Paddock itself."""

    def __init__(
        self, ctx: Context, cluster_id: str, connection: Connection, pace: details.Pace | None = None
    ) -> None:
        self.cluster_id = cluster_id
        self.connection = connection
        self._ctx = ctx
        self._interval = timedelta(seconds=ctx.settings.watch_interval)
        self._loaded = False
        self._site_id = ""
        self._credential = ""
        self._port = 8006
        self._lone = False
        self._trouble = ""
        self._refused = ""
        self._unread = ""
        self._node_ids: dict[str, str] = {}
        self._living: dict[int, str] = {}
        self._missing: frozenset[int] = frozenset()
        self._shown: dict[str, health.Shown] = {}
        self._contacted: dict[str, datetime] = {}
        self._urgent: set[str] = set()
        self._digest: int | None = None
        self._state: tuple[bool | None, str | None] | None = None
        self._follower: following.Follower | None = None
        self._reader = details.Reader(pace or details.Pace())
        self._settling = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(cls, ctx: Context, cluster_id: str, pace: details.Pace | None = None) -> ClusterWatch:
        """Raises NotFound, or VaultLocked where the credential cannot be unsealed."""
        return cls(ctx, cluster_id, await ctx.part(Connections).get(cluster_id), pace)

    async def _load(self) -> None:
        """What is written down, read when the first look begins: an import may still be writing before."""
        async with self._settling:
            if self._loaded:
                return
            cluster = await clusters.get_cluster(self._ctx, self.cluster_id)
            self._site_id = cluster.site_id
            self._credential = cluster.credential_name
            self._follower = following.Follower(self._ctx, cluster, self.connection)
            await self._follower.load()
            self._lone = cluster.kind == ClusterKind.STANDALONE
            self._trouble = cluster.trouble
            self._node_ids = await node_record.registered(self._ctx, self.cluster_id)
            self._shown = await node_record.load_shown(self._ctx, self.cluster_id)
            if members := await clusters.members_of(self._ctx, self.cluster_id):
                self._port = Counter(member.port for member in members).most_common(1)[0][0]
            self._loaded = True

    def start(self, *, delay: float = 0) -> None:
        seconds = self._interval.total_seconds()
        name = f"cluster {self.connection.name}"
        self._tasks = [
            asyncio.create_task(every(seconds, self.cycle, name=f"watch of {name}", delay=delay)),
            asyncio.create_task(every(seconds, self.contacts, name=f"contacts of {name}", delay=delay)),
            asyncio.create_task(every(1.0, self._details, name=f"details of {name}", delay=delay + 1)),
        ]

    async def stop(self) -> None:
        """Ends the looking; the connection stays with `Connections`."""
        await stop(self._tasks)

    async def cycle(self) -> None:
        """One picture, recorded. "Unreachable" is a reading too."""
        await self._load()
        try:
            seen = await reading.read(self.connection, self._ctx.now())
        except Upstream as error:
            await self._failed_reading(error)
        else:
            await self._record(seen)
            await self._certificates.follow()
        await self._settle()

    async def _record(self, seen: reading.Reading) -> None:
        self._refused = self._unread = ""
        turned, self._lone = self._lone != (seen.name is None), seen.name is None
        await breathe()
        digest = reading.digest(seen)
        await breathe()
        blind = await self._blind()
        if digest != self._digest or self._missing:
            async with self._ctx.write() as tx:
                changed = await recording.follow_membership(
                    self._ctx, tx, seen, self.cluster_id, port=self._port, turned=turned
                )
                recorded = await recording.record_reading(
                    self._ctx,
                    tx,
                    seen,
                    cluster_id=self.cluster_id,
                    site_id=self._site_id,
                    node_ids=self._node_ids,
                    may_end=frozenset() if blind else self._missing,
                )
            self._living, self._missing = recorded.living, recorded.missing
            self._digest = digest
            self._reader.wake()
            if changed:
                self._certificates.hurry()
                await self._ctx.part(Connections).reload(self.cluster_id)
        await breathe()
        self._urgent |= recording.observe(self._ctx, seen, self.cluster_id, self._node_ids, self._living)
        if blind:
            await self._note_trouble(blind)
            return
        state = (seen.quorate, seen.name)
        if self._trouble or state != self._state:
            await cluster_record.record_state(
                self._ctx, self.cluster_id, quorate=seen.quorate, name=seen.name
            )
            self._trouble, self._state = "", state

    async def _failed_reading(self, error: Upstream) -> None:
        log.info("cluster %s cannot be read: %s", self.connection.name, error.message)
        self._unread = error.message
        if isinstance(error, LoginRefused):
            self._refused = f"{error.message} Paddock signs in as {self._credential}."
        else:
            self._refused = ""
        await self._note_trouble(error)

    async def _note_trouble(self, error: Upstream) -> None:
        if self._trouble != error.code:
            await cluster_record.record_trouble(self._ctx, self.cluster_id, error)
            self._trouble = error.code

    async def _blind(self) -> Upstream | None:
        """Asked when containers are missing: whether the credential still may see them at all."""
        if not self._missing:
            return None
        try:
            permissions = await reads.permissions(self.connection)
        except Upstream as error:
            return error
        return reading.guests_hidden(self._credential, permissions)

    async def contacts(self) -> None:
        """Contacts members that are due: never more of them in a round than spreads all over the interval."""
        await self._load()
        now = self._ctx.now()
        due = timedelta(seconds=self._ctx.settings.contact_interval)
        rounds = max(1, round(self._ctx.settings.contact_interval / self._interval.total_seconds()))
        names = sorted(
            self._node_ids,
            key=lambda name: self._contacted.get(name, datetime.min.replace(tzinfo=now.tzinfo)),
        )
        failing = {state.member.name for state in self.connection.member_states() if state.error is not None}
        urgent = [name for name in names if name not in self._contacted or name in self._urgent | failing]
        waiting = [
            name
            for name in names
            if name not in urgent and now - self._contacted[name] >= due - self._interval
        ]
        chosen = urgent + waiting[: math.ceil(len(names) / rounds)]
        slots = asyncio.Semaphore(CONTACTS_AT_ONCE)

        async def one(name: str) -> None:
            async with slots:
                await self._contact(name)

        await asyncio.gather(*(one(name) for name in chosen))
        if chosen:
            await self._certificates.record(self._node_ids)
            await self._settle()

    async def _contact(self, name: str) -> None:
        code, text = "", ""
        try:
            async with asyncio.timeout(CONTACT_SECONDS):
                self._certificates.believe(name, await self._reach(name))
        except Upstream as error:
            code, text = error.code, error.message
            if isinstance(error, Untrusted):
                self._certificates.refuse(name, error.certificate)
        except TimeoutError:
            code, text = "timed_out", f"No answer within {CONTACT_SECONDS:.0f} s."
        except KeyError:
            return  # it has just left the cluster
        at = self._ctx.now()
        self._contacted[name] = at
        (self._urgent.add if code else self._urgent.discard)(name)
        recording.observe_contact(self._ctx, self._node_ids[name], at, code, text)

    async def _reach(self, name: str) -> Certificate:
        """Where a certificate is not believed, the cluster may just not have been asked since it was renewed."""
        known = self._certificates.learned
        try:
            return await self.connection.contact(name)
        except Untrusted as error:
            await self._certificates.follow_refused(name, error.certificate)
            if self._certificates.learned == known:
                raise
        return await self.connection.contact(name)

    @property
    def _certificates(self) -> following.Follower:
        assert self._follower is not None, "not loaded yet"
        return self._follower

    async def _settle(self) -> None:
        async with self._settling:
            await node_record.settle(
                self._ctx,
                self._shown,
                lone=self._lone,
                interval=self._interval,
                refused=self._refused,
                unread=self._unread,
            )

    async def _details(self) -> None:
        if not self._trouble:
            await self._reader.round(self._ctx, self.cluster_id, self.connection)
