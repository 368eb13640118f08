"""Rows of storages."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from paddock.base.db import Id, Row


class Storage(Row):
    """A storage as one node sees it. A shared one has a row per node, so its size must not be summed."""

    __tablename__ = "storages"

    node_id: Mapped[str] = mapped_column(Id, ForeignKey("nodes.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    cluster_id: Mapped[str] = mapped_column(Id, ForeignKey("clusters.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(32))
    """Proxmox's plug-in: dir, zfspool, lvmthin, nfs, rbd …"""
    shared: Mapped[bool]
    content: Mapped[str] = mapped_column(String(255))
    """Kinds of content, sorted and joined by a comma."""
    status: Mapped[str] = mapped_column(String(16))
    """available · unknown"""
    total: Mapped[int] = mapped_column(BigInteger, default=0)
    """Bytes."""

    __table_args__ = (Index("ix_storages_cluster_id", "cluster_id"),)
