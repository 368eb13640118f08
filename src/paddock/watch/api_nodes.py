"""REST of what changes a managed node: the connection is tested, and Proxmox VE asked, at that moment."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from paddock.access.guard import api_context, check
from paddock.base.context import Context
from paddock.clusters import queries as clusters
from paddock.clusters.sign_in.wish import Administrator
from paddock.nodes import queries as nodes
from paddock.nodes.api import node_out
from paddock.nodes.schemas import NodeOut
from paddock.watch.actions import editing, joining, removing
from paddock.watch.actions.removing import Removed
from paddock.watch.schemas import (
    ClusterMemberOut,
    FindingsOut,
    ImportOut,
    MemberIn,
    NodePatch,
    RemovalIn,
    RemovedOut,
)
from paddock.web.etags import etag, if_match

router = APIRouter(tags=["nodes"])
Ctx = Annotated[Context, Depends(api_context)]
Confirm = Annotated[str, Query(description="The name of what is removed, exactly.")]
Reason = Annotated[
    str, Query(max_length=500, description="Needed where Proxmox VE cannot be asked what runs there.")
]
Expected = Annotated[int | None, Depends(if_match)]


@router.patch("/nodes/{node_id}")
async def edit_node(
    ctx: Ctx, node_id: str, body: NodePatch, response: Response, expected: Expected
) -> NodeOut:
    """Changes the given fields, after the connection was tested with them.

    Where the test fails nothing is saved: the answer is 502 (504 for a time-out) with the code of what failed and
    the `steps`, unless `save_anyway` gives a reason. A name that Proxmox does not use answers 422 with the right
    one as `called`. With `If-Match` only if nobody else changed the node since.
    """
    changes = editing.Changes(body.name, body.address, body.url, body.site_id)
    node = await editing.edit_node(ctx, node_id, changes, expected=expected, anyway=body.save_anyway)
    response.headers["ETag"] = etag(node.version)
    return NodeOut(**node_out(node))


@router.get("/nodes/{node_id}/dependents")
async def look(ctx: Ctx, node_id: str) -> FindingsOut:
    """Asks Proxmox VE now what runs on the node and what refers to it: what stands in the way of removing it."""
    findings, _ = await removing.look(ctx, node_id)
    return FindingsOut.model_validate(findings.wire())


@router.delete("/nodes/{node_id}")
async def remove_node(
    ctx: Ctx, node_id: str, expected: Expected, confirm: Confirm = "", reason: Reason = ""
) -> RemovedOut:
    """Removes the node from Paddock; with the last one its cluster goes. Nothing changes in Proxmox VE.

    While active containers are there it answers 409 with the code `containers_active` and what was found on each
    node, those included that Paddock did not know of. Where Proxmox VE cannot be asked, a `reason` is needed.
    """
    return _out(await removing.remove_node(ctx, node_id, confirm=confirm, reason=reason, expected=expected))


@router.delete("/clusters/{cluster_id}", tags=["clusters"])
async def remove_cluster(
    ctx: Ctx, cluster_id: str, expected: Expected, confirm: Confirm = "", reason: Reason = ""
) -> RemovedOut:
    """Removes all nodes of a cluster, and the cluster, from Paddock. Answers as the removal of a node."""
    return _out(
        await removing.remove_cluster(ctx, cluster_id, confirm=confirm, reason=reason, expected=expected)
    )


@router.post("/clusters/{cluster_id}/remove", tags=["clusters"])
async def remove_cluster_and_sign_in(
    ctx: Ctx, cluster_id: str, body: RemovalIn, expected: Expected
) -> RemovedOut:
    """Removes a cluster as `DELETE` does and, with an administrator's password, what Paddock made on it.

    What Paddock made for its sign-in is taken away first. Where that cannot be begun, nothing is removed; where it
    was begun, the cluster goes, and the answer has in `refused` and `clean_up` what is left to do by hand.
    """
    given = body.administrator
    administrator = Administrator(given.username, given.password) if given else None
    return _out(
        await removing.remove_cluster(
            ctx,
            cluster_id,
            confirm=body.confirm,
            reason=body.reason,
            expected=expected,
            administrator=administrator,
        )
    )


@router.get("/clusters/{cluster_id}/members", tags=["clusters"])
async def list_members(ctx: Ctx, cluster_id: str) -> list[ClusterMemberOut]:
    """All members of the cluster, those included that are not managed."""
    check(ctx, "clusters.read")
    await clusters.get_cluster(ctx, cluster_id)
    managed = {node.name for node in await nodes.all_nodes(ctx) if node.cluster_id == cluster_id}
    return [
        ClusterMemberOut(
            name=row.name,
            address=row.address,
            host=row.host,
            port=row.port,
            managed=row.name in managed,
            joined_at=row.joined_at,
            vanished_at=row.vanished_at,
        )
        for row in await clusters.members_of(ctx, cluster_id)
    ]


@router.post("/clusters/{cluster_id}/nodes", status_code=202)
async def add_member(ctx: Ctx, cluster_id: str, body: MemberIn) -> ImportOut:
    """Makes a node of a member of a managed cluster, with the cluster's own sign-in; follow `/jobs/{job_id}`."""
    return ImportOut(job_id=(await joining.add_member(ctx, cluster_id, body.name)).id)


@router.post("/clusters/{cluster_id}/members/{name}/decline", status_code=204)
async def decline_member(ctx: Ctx, cluster_id: str, name: str) -> None:
    """The member that joined is not offered any more."""
    await joining.decline_member(ctx, cluster_id, name)


def _out(removed: Removed) -> RemovedOut:
    return RemovedOut(
        names=list(removed.names),
        cluster=removed.cluster,
        cluster_removed=removed.cluster_removed,
        clean_up=list(removed.farewell.commands),
        taken_away=list(removed.farewell.gone),
        kept=list(removed.farewell.kept),
        refused=removed.farewell.why,
    )
