"""Rows of nodes, their bridges and their events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from paddock.base.db import Id, Row
from paddock.base.ids import new_id


class Node(Row):
    """A registered Proxmox VE server: the operator's view of a cluster member."""

    __tablename__ = "nodes"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(Id, ForeignKey("sites.id", ondelete="RESTRICT"))
    cluster_id: Mapped[str] = mapped_column(Id, ForeignKey("clusters.id", ondelete="RESTRICT"))
    member_id: Mapped[str] = mapped_column(Id, ForeignKey("members.id", ondelete="RESTRICT"), unique=True)
    name: Mapped[str] = mapped_column(String(63))
    """Exactly as Proxmox writes it; case-sensitive."""
    address: Mapped[str] = mapped_column(String(255))
    url: Mapped[str] = mapped_column(String(300))

    status: Mapped[str] = mapped_column(String(16), default="unknown")
    status_since: Mapped[datetime]
    status_code: Mapped[str] = mapped_column(String(32), default="")
    status_reason: Mapped[str] = mapped_column(Text, default="")

    pve_version: Mapped[str] = mapped_column(String(32), default="")
    kernel: Mapped[str] = mapped_column(String(128), default="")
    cpu_model: Mapped[str] = mapped_column(String(128), default="")
    cores: Mapped[int] = mapped_column(default=0)
    memory: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bytes."""
    certificate_ends: Mapped[datetime | None] = mapped_column(default=None)

    containers_running: Mapped[int] = mapped_column(default=0)
    containers_total: Mapped[int] = mapped_column(default=0)
    vms_running: Mapped[int] = mapped_column(default=0)
    vms_total: Mapped[int] = mapped_column(default=0)

    vanished_at: Mapped[datetime | None] = mapped_column(default=None)
    """Since when the cluster no longer lists it as a member."""
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("cluster_id", "name"),
        Index("ix_nodes_site_id", "site_id"),
        Index("ix_nodes_name", "name"),
    )


class Bridge(Row):
    """A network bridge of a node (`/nodes/{node}/network`, type bridge or OVSBridge)."""

    __tablename__ = "bridges"

    node_id: Mapped[str] = mapped_column(Id, ForeignKey("nodes.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    cidr: Mapped[str] = mapped_column(String(43), default="")
    ports: Mapped[str] = mapped_column(String(255), default="")
    vlan_aware: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=False)


class NodeEvent(Row):
    """One line of a node's event log."""

    __tablename__ = "node_events"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    node_id: Mapped[str] = mapped_column(Id, ForeignKey("nodes.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(32))
    """status · imported · changed · vanished · returned · diagnosed"""
    level: Mapped[str] = mapped_column(String(8))
    """ok · info · warn · bad"""
    text: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_node_events_node_id_at", "node_id", "at"),)


class Tombstone(Row):
    """A node that was removed, so that its return is recognised and the removal can be taken back."""

    __tablename__ = "tombstones"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    identity: Mapped[str] = mapped_column(String(95))
    """Of its cluster: SHA-256 of the root CA."""
    cluster: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(63))
    address: Mapped[str] = mapped_column(String(255))
    url: Mapped[str] = mapped_column(String(300))
    site_id: Mapped[str | None] = mapped_column(Id, ForeignKey("sites.id", ondelete="SET NULL"), default=None)
    trust_mode: Mapped[str] = mapped_column(String(16))
    credential_kind: Mapped[str] = mapped_column(String(16))
    credential_name: Mapped[str] = mapped_column(String(255))
    removed_at: Mapped[datetime]
    removed_by: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text, default="")
    unasked: Mapped[str] = mapped_column(Text, default="")
    """Why Proxmox VE could not be asked what runs there; empty where it was asked."""
    farewell: Mapped[dict[str, Any] | None] = mapped_column(JSON, default=None)
    """Where its cluster went with it: what became of Paddock's sign-in on Proxmox VE, as `Farewell.wire` gives it."""
    returned_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (Index("ix_tombstones_identity_name", "identity", "name"),)
