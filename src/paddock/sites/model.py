"""Rows of sites."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from paddock.base.db import Id, Row
from paddock.base.ids import new_id


class Site(Row):
    """A place with its network. Addresses are canonical texts; an empty one means "not set"."""

    __tablename__ = "sites"

    id: Mapped[str] = mapped_column(Id, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64))
    domain: Mapped[str] = mapped_column(String(253), default="")
    subnet: Mapped[str] = mapped_column(String(43), default="")
    """CIDR, IPv4 or IPv6."""
    range_start: Mapped[str] = mapped_column(String(39), default="")
    range_end: Mapped[str] = mapped_column(String(39), default="")
    gateway: Mapped[str] = mapped_column(String(39), default="")
    forwarders: Mapped[list[str]] = mapped_column(JSON, default=list)
    external_ip: Mapped[str] = mapped_column(String(39), default="")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (Index("uq_sites_name_folded", func.lower(name), unique=True),)
