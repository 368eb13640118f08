"""Live figures of a node, and the evidence of how it is."""

from __future__ import annotations

from datetime import datetime

import msgspec

from paddock.nodes import health

KIND = "node"


class NodeFigures(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Numbers are None where the cluster says nothing. Memory and storage in bytes, CPU in cores."""

    at: datetime | None = None
    """When the numbers were observed."""
    cpu: float | None = None
    memory: int | None = None
    storage_used: int | None = None
    """Of the node's own storages that hold guests; shared ones are not the node's."""
    storage_total: int | None = None
    uptime: int | None = None
    """Seconds."""
    load: float | None = None

    word: bool | None = None
    """What the cluster says: up, down, or nothing."""
    word_at: datetime | None = None
    word_since: datetime | None = None
    """Since when it says the same."""
    via: str = ""
    """The member that said so."""
    contact_at: datetime | None = None
    contact_ok_at: datetime | None = None
    contact_code: str = ""
    contact_text: str = ""

    @property
    def seen_at(self) -> datetime | None:
        """When there was last evidence that the node lives: own contact, or the cluster's word."""
        seen = [at for at in (self.contact_ok_at, self.word_at if self.word else None) if at is not None]
        return max(seen, default=None)


def evidence(live: NodeFigures, *, lone: bool, refused: str = "", unread: str = "") -> health.Evidence:
    """What is known of a node, as the rule wants it."""
    word = None
    if live.word is not None and live.word_at is not None:
        word = health.Word(live.word, live.word_at, live.word_since or live.word_at)
    contact = None
    if live.contact_at is not None:
        contact = health.Contact(live.contact_at, live.contact_code, live.contact_text)
    return health.Evidence(lone, word, contact, refused, unread)
