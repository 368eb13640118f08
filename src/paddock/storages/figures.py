"""Live use of a storage."""

from __future__ import annotations

from datetime import datetime

import msgspec

KIND = "storage"


class StorageFigures(msgspec.Struct, frozen=True, gc=False):
    """Bytes."""

    at: datetime
    used: int


def figures_id(node_id: str, name: str) -> str:
    return f"{node_id}/{name}"
