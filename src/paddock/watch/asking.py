"""Asks Proxmox VE at this moment what runs on a node and what refers to it. Writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Iterable
from typing import TypeVar

from paddock.base.context import Context
from paddock.base.errors import PaddockError, Upstream
from paddock.containers import queries as containers
from paddock.nodes import queries as nodes
from paddock.nodes.queries import NodeView
from paddock.proxmox import dependents, reads
from paddock.proxmox.connections import Connections
from paddock.proxmox.decoding import Rows
from paddock.proxmox.dependents import Guest, Task
from paddock.proxmox.wanted import permissions_summary
from paddock.watch import leaving
from paddock.watch.leaving import Findings, Resident

ASK_SECONDS = 12.0

T = TypeVar("T")


async def ask(ctx: Context, node: NodeView, *, with_cluster: bool = False) -> Findings:
    """Never raises for what Proxmox VE does or does not say: that is in the findings. `with_cluster`: all its
    siblings go too."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return await _asked(ctx, node, movable=not (node.lone or with_cluster))
    except TimeoutError:
        return Findings(node.name, ctx.now(), unasked=f"No answer within {ASK_SECONDS:.0f} s.")
    except PaddockError as error:
        return Findings(node.name, ctx.now(), unasked=error.message)


async def _asked(ctx: Context, node: NodeView, *, movable: bool) -> Findings:
    connection = await ctx.part(Connections).get(node.cluster_id)
    members = [row for row in (await reads.cluster_status(connection)).items if row.type == "node"]
    managed = {one.name for one in await nodes.all_nodes(ctx) if one.cluster_id == node.cluster_id}
    called = leaving.called(node.name, node.address, members, managed, lone=node.lone)
    if called is None:
        return Findings(node.name, ctx.now(), left=True)
    if not permissions_summary(await reads.permissions(connection)).sees_guests:
        why = "Paddock's sign-in may not see containers there: it lacks VM.Audit on /vms."
        return Findings(node.name, ctx.now(), unasked=why)
    version, lxc = await asyncio.gather(
        reads.version(connection), dependents.guests(connection, called, "lxc")
    )
    if lxc.unreadable:
        raise Upstream(f"{lxc.unreadable} of its containers could not be read.", code="unreadable")
    unread: list[str] = []

    async def rest(what: str, reading: Awaitable[Rows[T]]) -> list[T]:
        try:
            return (await reading).items
        except Upstream as error:
            unread.append(f"{what}: {error.message}")
            return []

    known = await containers.vmids_of(ctx, node.cluster_id)
    groups = version.version.startswith(("7.", "8."))
    vms, tasks, services, rules, jobs = await asyncio.gather(
        rest("Virtual machines", dependents.guests(connection, called, "qemu")),
        rest("Running tasks", dependents.running_tasks(connection, called)),
        rest("HA resources", dependents.ha_status(connection)),
        rest("HA rules", dependents.ha_rules(connection, groups=groups)),
        rest("Replication", dependents.replication_jobs(connection)),
    )
    here = {guest.vmid for guest in (*lxc.items, *vms)}
    ha = [f"{one.sid} ({one.state})" for one in services if one.type == "service" and one.node == called]
    ha += [f"{'group' if groups else 'rule'} {one.rule or one.group}" for one in rules if one.names(called)]
    return Findings(
        node=node.name,
        at=ctx.now(),
        called=called,
        movable=movable,
        containers=_residents(lxc.items, known),
        vms=_residents(vms, None),
        tasks=tuple(_task(one) for one in tasks),
        ha=tuple(ha),
        replication=tuple(
            f"{job.id} to {job.target}" for job in jobs if job.target == called or job.guest in here
        ),
        unread=tuple(unread),
    )


def _residents(found: Iterable[Guest], known: Collection[int] | None) -> tuple[Resident, ...]:
    return tuple(
        Resident(one.vmid, one.name or "", one.status or "unknown", known=known is None or one.vmid in known)
        for one in sorted(found, key=lambda one: one.vmid)
        if not one.template
    )


def _task(task: Task) -> str:
    about = f" of {task.id}" if task.id else ""
    return f"{task.type or 'task'}{about}" + (f", started by {task.user}" if task.user else "")
