"""The long verb that makes a node of a member that Paddock knows already, with the cluster's own sign-in."""

from __future__ import annotations

from typing import Any

from paddock.base.errors import WrongState
from paddock.clusters import connecting
from paddock.clusters import queries as clusters
from paddock.clusters import record as cluster_record
from paddock.jobs.run import JobType, Run
from paddock.nodes import record as nodes
from paddock.nodes.record import Registration
from paddock.proxmox.connections import Connections
from paddock.watch import reading, recording
from paddock.watch.jobs import contact_all

TYPE = "watch.add_member.v1"


async def add_member(run: Run) -> dict[str, Any]:
    """Read and record · contact. A member that has left meanwhile is an expected failure."""
    recorded = await run.step("Read and record", lambda: _record(run))
    results = await run.step("Contact the node", lambda: contact_all(run, recorded))
    return {key: recorded[key] for key in ("cluster_id", "cluster", "containers")} | {
        "nodes": results,
        "imported": len(results),
    }


ADD = JobType(TYPE, add_member)


async def _record(run: Run) -> dict[str, Any]:
    ctx, name = run.ctx, run.arguments["name"]
    cluster = await clusters.get_cluster(ctx, run.arguments["cluster_id"])
    member = await clusters.get_member(ctx, cluster.id, name)
    seen = await reading.read(await ctx.part(Connections).get(cluster.id), ctx.now())
    if name not in seen.present:
        raise WrongState(
            f"{name} is not a member of {cluster.name} any more.", hint="Look at the cluster in Proxmox VE."
        )
    way = Registration(member.id, name, member.address, connecting.endpoint_of(member).url)
    async with ctx.write() as tx:
        new = await nodes.register(ctx, tx, site_id=cluster.site_id, cluster_id=cluster.id, members=[way])
        await cluster_record.take_up(tx, cluster.id, member.id)
        await recording.recognise(ctx, tx, cluster.identity, new)
        node_ids = await nodes.registered_in(tx, cluster.id)
        recorded = await recording.record_reading(
            ctx, tx, seen, cluster_id=cluster.id, site_id=cluster.site_id, node_ids=node_ids
        )
    recording.observe(ctx, seen, cluster.id, node_ids, recorded.living)
    return {
        "cluster_id": cluster.id,
        "cluster": cluster.name,
        "via": seen.via,
        "lone": seen.name is None,
        "node_ids": new,
        "online": [] if name in seen.offline else [name],
        "containers": len(recorded.living),
    }
