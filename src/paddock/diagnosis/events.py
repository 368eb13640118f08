"""What diagnoses tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from paddock.base.events import Event


@dataclass(frozen=True, slots=True)
class NodeDiagnosed(Event):
    views: ClassVar[frozenset[str]] = frozenset({"nodes"})
    node_id: str
    code: str
