"""From the rows of a node to its examination."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from paddock.base.context import SYSTEM, Context
from paddock.base.errors import NotFound
from paddock.clusters import queries as clusters
from paddock.clusters.connecting import credential_for, endpoint_of, policy_for
from paddock.clusters.examination import Diagnosis, Key, Outcome, Subject, examine
from paddock.clusters.model import ClusterKind
from paddock.diagnosis.record import record_diagnosis
from paddock.nodes import queries as nodes
from paddock.proxmox.connections import Connections

MOST_AT_ONCE = 64


@dataclass(slots=True)
class Examiner:
    """A part of `Services`: bounds how many examinations run at the same time."""

    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_AT_ONCE))

    async def examine(self, subject: Subject, *, automatic: bool = False) -> Diagnosis:
        async with self.slots:
            return await examine(subject, automatic=automatic)


async def examine_node(ctx: Context, node_id: str, *, automatic: bool = False) -> Diagnosis:
    """Looks at a registered node and keeps what was found. Raises NotFound, or VaultLocked.

    By itself it does not try a credential that Proxmox VE has just refused; when somebody asks for it, it does.
    """
    subject = await subject_of(ctx, node_id, automatic=automatic)
    found = await ctx.part(Examiner).examine(subject, automatic=automatic)
    await record_diagnosis(ctx.acting_as(SYSTEM), node_id, found)
    if subject.peers is not None and found.step(Key.SIGN_IN).outcome is Outcome.PASSED:
        subject.peers.retry_sign_in()
    return found


async def subject_of(ctx: Context, node_id: str, *, automatic: bool) -> Subject:
    node = await nodes.get_node(ctx, node_id)
    cluster = await clusters.get_cluster(ctx, node.cluster_id)
    members = {member.name: member for member in await clusters.members_of(ctx, node.cluster_id)}
    member = members.get(node.name)
    if member is None:
        raise NotFound(f"{node.name} is no member of its cluster any more.", hint="Import the cluster again.")
    connection = await ctx.part(Connections).get(cluster.id)
    own = bool(member.credential_sealed)
    refusal = connection.refusal_of(member.name) if own else connection.sign_in_refusal
    return Subject(
        endpoint=endpoint_of(member),
        policy=policy_for(cluster, member),
        credential=credential_for(ctx.vault, cluster, member),
        node=node.name,
        cluster=cluster.name,
        identity=cluster.identity,
        reported=member.fingerprint,
        lone=cluster.kind == ClusterKind.STANDALONE,
        peers=connection,
        peer_names=tuple(
            name for name, other in members.items() if name != node.name and other.vanished_at is None
        ),
        refusal=refusal if automatic else None,
    )
