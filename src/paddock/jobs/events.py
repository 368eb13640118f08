"""What jobs tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from paddock.base.events import Event


@dataclass(frozen=True, slots=True)
class JobQueued(Event):
    views: ClassVar[frozenset[str]] = frozenset({"jobs"})
    job_id: str


@dataclass(frozen=True, slots=True)
class JobMoved(Event):
    """A job started, took a step, wrote a line or ended."""

    views: ClassVar[frozenset[str]] = frozenset({"jobs"})
    job_id: str
