"""Storages on the wire."""

from __future__ import annotations

from pydantic import BaseModel, Field


class StorageOut(BaseModel):
    name: str
    type: str
    shared: bool = Field(description="Seen by several nodes; its size must not be summed.")
    content: list[str]
    status: str
    total: int = Field(description="Bytes.")
    used: int | None = Field(description="Bytes; null where nothing is known.")
