"""What this slice publishes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from paddock.base.events import Event


@dataclass(frozen=True, slots=True)
class AccessChanged(Event):
    """Users, tokens or sessions are not what they were."""

    views: ClassVar[frozenset[str]] = frozenset({"access"})
