"""The row of a node's newest diagnosis."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from paddock.base.db import Id, Row


class DiagnosisRow(Row):
    """The newest one of each node; it holds no secret."""

    __tablename__ = "diagnoses"

    node_id: Mapped[str] = mapped_column(Id, ForeignKey("nodes.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime]
    automatic: Mapped[bool] = mapped_column(default=False)
    """Nobody asked for it: the node had failed."""
    code: Mapped[str] = mapped_column(String(32))
    """Of the cause; `ok` where all is well."""
    step: Mapped[str] = mapped_column(String(16), default="")
    """Where it stopped; empty where nothing failed."""
    text: Mapped[str] = mapped_column(Text, default="")
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The whole, as `documents` writes it."""
