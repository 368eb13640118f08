"""The reads that Paddock makes, typed. Each raises the classes of `proxmox.errors`."""

from __future__ import annotations

from typing import Any

import msgspec

from paddock.proxmox import certificates
from paddock.proxmox.connection import Connection
from paddock.proxmox.decoding import Rows
from paddock.proxmox.lxc import LxcConfig, parse_config
from paddock.proxmox.permissions import Permissions
from paddock.proxmox.request import path_of
from paddock.proxmox.shapes import (
    Interface,
    LxcInterface,
    Node,
    NodeCertificate,
    NodeStatus,
    NodeStorage,
    NodeTime,
    Resource,
    StatusRow,
    Version,
)


async def version(connection: Connection, *, node: str | None = None) -> Version:
    """Needs any sign-in. `node` asks that member, else any."""
    return await connection.get("/version", as_type=Version, node=node)


async def cluster_status(connection: Connection, *, node: str | None = None) -> Rows[StatusRow]:
    """Who is a member, who is online, whether there is quorum. Needs Sys.Audit on /."""
    return await connection.get_rows("/cluster/status", StatusRow, node=node)


async def resources(
    connection: Connection, *, kind: str | None = None, node: str | None = None
) -> Rows[Resource]:
    """Everything with its figures, up to 10 s old. `kind` is vm, storage, node or sdn. Shows what one may see."""
    params = {"type": kind} if kind else None
    return await connection.get_rows("/cluster/resources", Resource, params, node=node)


async def nodes(connection: Connection) -> Rows[Node]:
    """All nodes with the SHA-256 fingerprint of the certificate that each serves, left out where it is none."""
    found = await connection.get_rows("/nodes", Node)
    return Rows([_with_sound_fingerprint(row) for row in found.items], found.unreadable)


def _with_sound_fingerprint(row: Node) -> Node:
    try:
        if row.ssl_fingerprint:
            certificates.normal_fingerprint(row.ssl_fingerprint)
    except ValueError:
        return msgspec.structs.replace(row, ssl_fingerprint=None)
    return row


async def node_status(connection: Connection, node: str) -> NodeStatus:
    return await connection.get(path_of("nodes", node, "status"), as_type=NodeStatus)


async def node_time(connection: Connection, node: str) -> NodeTime:
    """Its clock. Needs Sys.Audit on the node."""
    return await connection.get(path_of("nodes", node, "time"), as_type=NodeTime)


async def node_networks(connection: Connection, node: str) -> Rows[Interface]:
    """Interfaces and bridges; bridges without SDN.Audit or SDN.Use on them are left out by Proxmox VE."""
    return await connection.get_rows(path_of("nodes", node, "network"), Interface)


async def node_storages(connection: Connection, node: str) -> Rows[NodeStorage]:
    return await connection.get_rows(path_of("nodes", node, "storage"), NodeStorage)


async def node_certificates(connection: Connection, node: str) -> Rows[NodeCertificate]:
    """The cluster's CA and the node's certificates; one that is none counts as unreadable. Needs any sign-in."""
    found = await connection.get_rows(path_of("nodes", node, "certificates", "info"), NodeCertificate)
    good = [row for row in found.items if _sound(row)]
    return Rows(good, found.unreadable + len(found.items) - len(good))


def _sound(row: NodeCertificate) -> bool:
    try:
        if row.fingerprint:
            certificates.normal_fingerprint(row.fingerprint)
        if row.pem:
            certificates.parse(row.pem)
    except ValueError:
        return False
    return True


async def permissions(connection: Connection) -> Permissions:
    """What the credential itself may do, per path; see `permissions.permissions_summary`."""
    return await connection.get("/access/permissions", as_type=dict[str, dict[str, int]])


async def lxc_config(connection: Connection, node: str, vmid: int) -> LxcConfig:
    """Raises Gone where the container is not on that node (any more)."""
    raw: dict[str, Any] = await connection.get(
        path_of("nodes", node, "lxc", vmid, "config"), as_type=dict[str, Any]
    )
    return parse_config(raw)


async def lxc_interfaces(connection: Connection, node: str, vmid: int) -> Rows[LxcInterface]:
    """The addresses that a running container has; an empty list for a stopped one on some versions."""
    return await connection.get_rows(path_of("nodes", node, "lxc", vmid, "interfaces"), LxcInterface)
