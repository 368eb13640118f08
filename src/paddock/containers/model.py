"""Rows of containers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from paddock.base.db import Id, Row
from paddock.base.ids import new_id


class Container(Row):
    """An LXC container. Among living rows (cluster, vmid) is unique; a reused vmid is a new row."""

    __tablename__ = "containers"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(Id, ForeignKey("sites.id", ondelete="RESTRICT"))
    cluster_id: Mapped[str] = mapped_column(Id, ForeignKey("clusters.id", ondelete="CASCADE"))
    node_id: Mapped[str | None] = mapped_column(Id, ForeignKey("nodes.id", ondelete="SET NULL"))
    """None while it lies on a member that is not registered."""
    node_name: Mapped[str] = mapped_column(String(63))
    vmid: Mapped[int]
    name: Mapped[str] = mapped_column(String(255), default="")
    status: Mapped[str] = mapped_column(String(16))
    """running · stopped · unknown, and what else Proxmox may say"""
    status_since: Mapped[datetime]
    lock: Mapped[str] = mapped_column(String(32), default="")
    tags: Mapped[str] = mapped_column(Text, default="")
    """Sorted, joined by a semicolon, as Proxmox keeps them."""
    pool: Mapped[str] = mapped_column(String(64), default="")
    cores: Mapped[float] = mapped_column(default=0)
    memory: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bytes."""
    disk: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bytes of the root disk."""
    addresses: Mapped[list[str]] = mapped_column(JSON, default=list)
    ostype: Mapped[str] = mapped_column(String(32), default="")
    unprivileged: Mapped[bool | None] = mapped_column(default=None)
    details_at: Mapped[datetime | None] = mapped_column(default=None)
    """When its configuration was last read; None: not yet, or not since it was started."""
    details_error: Mapped[str] = mapped_column(Text, default="")
    first_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        Index(
            "uq_containers_living",
            "cluster_id",
            "vmid",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "ix_containers_details",
            "cluster_id",
            "details_at",
            "vmid",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_containers_node_id", "node_id"),
        Index("ix_containers_site_id", "site_id"),
    )
