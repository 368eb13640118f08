"""Jobs on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel


class LinkOut(BaseModel):
    kind: str
    id: str
    label: str


class StepOut(BaseModel):
    name: str
    state: str
    started_at: datetime
    ended_at: datetime | None


class LineOut(BaseModel):
    at: datetime
    level: str
    subject: str
    text: str


class JobOut(BaseModel):
    id: str
    type: str
    label: str
    state: str
    done: int
    total: int
    actor: str
    links: list[LinkOut]
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    cancel_wanted: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class JobDetailOut(JobOut):
    steps: list[StepOut]
    lines: list[LineOut]
