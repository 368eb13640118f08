"""Short verbs about members that joined a managed cluster: add them, or stop offering them."""

from __future__ import annotations

from paddock.access import audit, guard
from paddock.base.context import Context
from paddock.base.errors import AlreadyExists, Detail, Invalid, NotFound
from paddock.clusters import changing as clusters_changing
from paddock.clusters import queries as clusters
from paddock.jobs import record as jobs
from paddock.jobs.model import Job
from paddock.nodes import queries as nodes
from paddock.sites import queries as sites
from paddock.watch import adding


async def add_member(ctx: Context, cluster_id: str, name: str) -> Job:
    """Queues what makes a node of a member, with the cluster's own sign-in: no password is asked.

    Raises NotFound for the cluster, Invalid for a name that is no member, AlreadyExists for one that is a node.
    """
    await guard.require(ctx, "nodes.import", target=audit.Target("cluster", cluster_id, name))
    cluster = await clusters.get_cluster(ctx, cluster_id)
    if any(node.cluster_id == cluster_id and node.name == name for node in await nodes.all_nodes(ctx)):
        message = f"{name} is managed already."
        raise AlreadyExists(message, details=[Detail("name", message)])
    try:
        member = await clusters.get_member(ctx, cluster_id, name)
    except NotFound as error:
        raise Invalid.field("name", error.message, hint=error.hint) from None
    label = f"Add {member.name} of {cluster.name}"
    site = await sites.get_site(ctx, cluster.site_id)
    async with ctx.write() as tx:
        job = jobs.queue(
            ctx,
            tx,
            adding.TYPE,
            {"cluster_id": cluster_id, "name": member.name},
            label=label,
            site_id=cluster.site_id,
            links=[{"kind": "site", "id": site.id, "label": site.name}],
            total=1,
        )
        audit.record(tx, ctx, "nodes.import", audit.Target("job", job.id, label), detail={"members": [name]})
    return job


async def decline_member(ctx: Context, cluster_id: str, name: str) -> None:
    """The member is not offered any more. It still serves fail-over, and can be imported. Raises NotFound."""
    await guard.require(ctx, "nodes.import", target=audit.Target("cluster", cluster_id, name))
    await clusters.get_cluster(ctx, cluster_id)
    async with ctx.write() as tx:
        await clusters_changing.decline(tx, cluster_id, name)
        audit.record(tx, ctx, "nodes.decline", audit.Target("cluster", cluster_id, name))
