"""What runs on a node at this moment, and what refers to it. Each read raises the classes of `proxmox.errors`."""

from __future__ import annotations

from typing import Literal

from paddock.proxmox.connection import Connection
from paddock.proxmox.decoding import Rows
from paddock.proxmox.request import path_of
from paddock.proxmox.shapes import NodeName, Shape, Size, Text, Vmid


class Guest(Shape, frozen=True):
    """A row of /nodes/N/lxc or /nodes/N/qemu. `status` is running or stopped."""

    identifying = frozenset({"vmid"})

    vmid: Vmid
    name: Text | None = None
    status: Text | None = None
    lock: Text | None = None
    template: bool | None = None


class Task(Shape, frozen=True):
    """A row of /nodes/N/tasks. `id` is the guest or thing that it is about."""

    upid: Text
    type: Text | None = None
    id: Text | None = None
    user: Text | None = None
    starttime: Size | None = None


class HaStatus(Shape, frozen=True):
    """A row of /cluster/ha/status/current; of `type` service: `sid` is ct:101 or vm:101."""

    id: Text
    type: Text | None = None
    sid: Text | None = None
    node: Text | None = None
    state: Text | None = None


class HaRule(Shape, frozen=True):
    """A row of /cluster/ha/rules (9.x) or /cluster/ha/groups (8.x). `nodes`: `pve1:2,pve2`."""

    rule: Text | None = None
    group: Text | None = None
    nodes: Text | None = None

    def names(self, node: str) -> bool:
        return node in {each.partition(":")[0].strip() for each in (self.nodes or "").split(",")}


class ReplicationJob(Shape, frozen=True):
    """A row of /cluster/replication: the guest's disks are copied to `target`."""

    id: Text
    guest: Vmid | None = None
    target: NodeName | None = None


async def guests(connection: Connection, node: str, kind: Literal["lxc", "qemu"]) -> Rows[Guest]:
    """As the node itself says now; without VM.Audit an empty list."""
    return await connection.get_rows(path_of("nodes", node, kind), Guest)


async def running_tasks(connection: Connection, node: str) -> Rows[Task]:
    return await connection.get_rows(path_of("nodes", node, "tasks"), Task, {"source": "active"})


async def ha_status(connection: Connection) -> Rows[HaStatus]:
    return await connection.get_rows("/cluster/ha/status/current", HaStatus)


async def ha_rules(connection: Connection, *, groups: bool) -> Rows[HaRule]:
    """Rules since 9.0; groups before, which 9.x refuses."""
    return await connection.get_rows(f"/cluster/ha/{'groups' if groups else 'rules'}", HaRule)


async def replication_jobs(connection: Connection) -> Rows[ReplicationJob]:
    return await connection.get_rows("/cluster/replication", ReplicationJob)
