"""What sites tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from paddock.base.events import Event


@dataclass(frozen=True, slots=True)
class SiteChanged(Event):
    """A site was created, edited or deleted."""

    views: ClassVar[frozenset[str]] = frozenset({"sites", "overview", "frame"})
    site_id: str
