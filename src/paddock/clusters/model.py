"""Rows of clusters and their members."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from paddock.base.db import Id, Row
from paddock.base.ids import new_id


class ClusterKind(StrEnum):
    CLUSTER = "cluster"
    STANDALONE = "standalone"


class Cluster(Row):
    """One Proxmox VE cluster, or a lone host as a cluster of one.

    `identity` is the SHA-256 of the cluster's root CA: made when the first node was installed and kept
    when a lone host becomes a cluster, so it recognises the same cluster under another name or address.
    """

    __tablename__ = "clusters"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    site_id: Mapped[str] = mapped_column(Id, ForeignKey("sites.id", ondelete="RESTRICT"))
    name: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    identity: Mapped[str] = mapped_column(String(95))
    trust_mode: Mapped[str] = mapped_column(String(16))
    ca_pem: Mapped[str] = mapped_column(Text, default="")
    """What is trusted: the cluster's CA under `cluster_ca`, CAs of one's own under `system`; otherwise empty."""
    credential_kind: Mapped[str] = mapped_column(String(16))
    credential_name: Mapped[str] = mapped_column(String(255))
    """user@realm, or user@realm!token."""
    credential_sealed: Mapped[str] = mapped_column(Text)
    credential_since: Mapped[datetime | None] = mapped_column(default=None)
    """When this credential was saved; None for one that is older than the column."""
    quorate: Mapped[bool | None] = mapped_column(default=None)
    """None for a lone host, or before the first reading."""
    quorate_since: Mapped[datetime | None] = mapped_column(default=None)
    trouble: Mapped[str] = mapped_column(String(32), default="")
    """Code of the error that keeps Paddock from reading the cluster; empty when all is well."""
    trouble_text: Mapped[str] = mapped_column(Text, default="")
    trouble_since: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("identity"),
        Index("ix_clusters_site_id", "site_id"),
    )


class Member(Row):
    """A member of a cluster, as `/cluster/status` names it. Only some members are registered as nodes."""

    __tablename__ = "members"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    cluster_id: Mapped[str] = mapped_column(Id, ForeignKey("clusters.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(63))
    nodeid: Mapped[int] = mapped_column(default=0)
    """Corosync's number; 0 for a lone host."""
    address: Mapped[str] = mapped_column(String(255))
    """IP address, or the host name under which it was first reached."""
    host: Mapped[str] = mapped_column(String(255), default="")
    """Host of its API URL where that is another than the address; empty where it is the address."""
    port: Mapped[int] = mapped_column(default=8006)
    reported: Mapped[str] = mapped_column(String(255), default="")
    """The address that the cluster itself reports; followed as long as `address` is the same."""
    fingerprint: Mapped[str] = mapped_column(String(95), default="")
    """SHA-256 that the cluster itself reports for the certificate on port 8006 (`ssl_fingerprint` of `/nodes`).
    Under `pinned` the one certificate that is believed, however it came here."""
    server_name: Mapped[str] = mapped_column(String(255), default="")
    """Name that its certificate is checked for, where that is not the address."""
    certificate_pem: Mapped[str] = mapped_column(Text, default="")
    """The certificate that Paddock has last seen and believed."""
    refused_pem: Mapped[str] = mapped_column(Text, default="")
    """The certificate that it shows instead and that is not believed; empty when all is well."""
    refused_at: Mapped[datetime | None] = mapped_column(default=None)
    """When that one was first seen."""
    vanished_at: Mapped[datetime | None] = mapped_column(default=None)
    joined_at: Mapped[datetime | None] = mapped_column(default=None)
    """Since when it has been offered: it joined between two imports, and nobody has decided about it."""
    credential_kind: Mapped[str] = mapped_column(String(16), default="")
    """Of its own credential; empty where it takes the cluster's."""
    credential_name: Mapped[str] = mapped_column(String(255), default="")
    credential_sealed: Mapped[str] = mapped_column(Text, default="")
    """Sealed to `member:<id>`."""

    __table_args__ = (UniqueConstraint("cluster_id", "name"),)


class Deed(Row):
    """Something that Paddock has made or changed on the cluster itself, and whether it is still there."""

    __tablename__ = "deeds"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    cluster_id: Mapped[str] = mapped_column(Id, ForeignKey("clusters.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    """role · user · token · acl"""
    name: Mapped[str] = mapped_column(String(400))
    verb: Mapped[str] = mapped_column(String(16))
    """created · changed"""
    detail: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    administrator: Mapped[str] = mapped_column(String(255), default="")
    """The account on Proxmox VE with which it was done."""
    removed_at: Mapped[datetime | None] = mapped_column(default=None)
    removed_by: Mapped[str] = mapped_column(String(64), default="")

    __table_args__ = (Index("ix_deeds_cluster_id", "cluster_id"),)
