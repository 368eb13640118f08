"""Following the certificates of a cluster's members: what is believed, what is refused, what the cluster vouches for.

A renewal is only ever learned from the cluster, over a connection that is trusted already. What a member shows
itself proves nothing.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from paddock.base.context import Context
from paddock.base.errors import Upstream
from paddock.clusters import queries as clusters
from paddock.clusters import record as cluster_record
from paddock.clusters.connecting import endpoint_of
from paddock.clusters.model import Cluster
from paddock.nodes import record as node_record
from paddock.nodes.record import Facts
from paddock.proxmox import certificates, reads
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.connection import Connection
from paddock.proxmox.connections import Connections
from paddock.proxmox.first_contact import served
from paddock.proxmox.server_names import server_name
from paddock.proxmox.trust import TrustMode

EVERY = timedelta(minutes=5)
SOON = timedelta(seconds=5)
"""At most so often the cluster is asked again because of one and the same certificate that is not believed."""


class Follower:
    """The certificates of one cluster, in memory, so that what has not changed is not written."""

    def __init__(self, ctx: Context, cluster: Cluster, connection: Connection) -> None:
        self._ctx = ctx
        self._cluster_id = cluster.id
        self._mode = TrustMode(cluster.trust_mode)
        self._connection = connection
        self.learned = 0
        """How often the cluster has told something new."""
        self._asking = asyncio.Lock()
        self._asked_at: datetime | None = None
        self._asked_about: dict[str, str] = {}
        """By member: the newest certificate because of which the cluster was asked, as SHA-256."""
        self._written: dict[str, tuple[str, str]] = {}
        self._believed: dict[str, Certificate] = {}
        self._refused: dict[str, Certificate] = {}

    async def load(self) -> None:
        """What is written down, before the first look."""
        for member in await clusters.members_of(self._ctx, self._cluster_id):
            self._written[member.name] = (member.certificate_pem, member.refused_pem)

    def believe(self, name: str, leaf: Certificate) -> None:
        self._refused.pop(name, None)
        self._believed[name] = leaf

    def refuse(self, name: str, leaf: Certificate) -> None:
        self._believed.pop(name, None)
        self._refused[name] = leaf

    def hurry(self) -> None:
        """A member has joined: the cluster is asked for its fingerprint with the next look."""
        self._asked_at = None

    async def record(self, node_ids: dict[str, str]) -> None:
        """Writes what has changed since the last time, and tells the nodes of it."""
        believed = {n: c for n, c in self._believed.items() if self._written.get(n) != (c.pem, "")}
        refused = {n: c for n, c in self._refused.items() if self._written.get(n, ("", ""))[1] != c.pem}
        self._believed, self._refused = {}, {}
        if not believed and not refused:
            return
        facts = {
            node_ids[name]: Facts(certificate_ends=leaf.not_after)
            for name, leaf in believed.items()
            if name in node_ids
        }
        async with self._ctx.write() as tx:
            await cluster_record.record_certificates(
                self._ctx,
                tx,
                self._cluster_id,
                {name: leaf.pem for name, leaf in believed.items()},
                {name: leaf.pem for name, leaf in refused.items()},
            )
            await node_record.record_facts(self._ctx, tx, facts)
            for name, leaf in believed.items():
                before = self._written.get(name, ("", ""))[0]
                if before and before != leaf.pem and name in node_ids:
                    text = f"Certificate renewed: {leaf.sha256[:23]}…, valid until {leaf.not_after:%Y-%m-%d}"
                    node_record.log(tx, node_ids[name], self._ctx.now(), "changed", "info", text)
        for name, leaf in believed.items():
            self._written[name] = (leaf.pem, "")
        for name, leaf in refused.items():
            self._written[name] = (self._written.get(name, ("", ""))[0], leaf.pem)

    async def follow(self, *, every: timedelta = EVERY) -> None:
        """Asks the cluster over a trusted member which certificates are its own.

        Nothing is learned where certificates are not checked. A pin is a person's decision: only a member that
        has none yet, because it has just joined, gets the one that the cluster reports.
        """
        if self._mode is TrustMode.OFF:
            return
        wanted_at = self._ctx.now()
        async with self._asking:
            if self._asked_at is None or (
                self._asked_at < wanted_at and self._ctx.now() - self._asked_at >= every
            ):
                await self._ask()

    async def follow_refused(self, name: str, leaf: Certificate) -> None:
        """The same because a member shows `leaf`, which is not believed: at once where it has not shown it before,
        however lately the cluster was asked in its turn, so that a renewal alarms nobody."""
        known = self._asked_about.get(name) == leaf.sha256
        self._asked_about[name] = leaf.sha256
        await self.follow(every=SOON if known else timedelta(0))

    async def _ask(self) -> None:
        now = self._ctx.now()
        try:
            rows = await reads.nodes(self._connection)
            names = await self._names() if self._mode is TrustMode.SYSTEM else {}
        except Upstream:
            return
        self._asked_at = now
        reported = {
            row.node: certificates.normal_fingerprint(row.ssl_fingerprint)
            for row in rows.items
            if row.ssl_fingerprint
        }
        changed = await cluster_record.record_fingerprints(
            self._ctx, self._cluster_id, reported, names, first_only=self._mode is TrustMode.PINNED
        )
        if changed:
            await self._ctx.part(Connections).reload(self._cluster_id)
            self.learned += 1

    async def _names(self) -> dict[str, str]:
        """For members that have come without a name: the one that their certificate is for. Raises Upstream."""
        found = {}
        for member in await clusters.members_of(self._ctx, self._cluster_id):
            if member.server_name or member.certificate_pem or member.vanished_at is not None:
                continue
            try:
                leaf = served((await reads.node_certificates(self._connection, member.name)).items)
            except Upstream:
                continue  # it is down, or the way there is
            if leaf is not None:
                found[member.name] = server_name(endpoint_of(member).host, member.name, leaf.names)
        return found
