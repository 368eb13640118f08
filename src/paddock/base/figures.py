"""Live figures: the newest CPU, memory, disk and network numbers, held in memory per process.

Facts (names, states, sizes) are rows. Figures change at every look and are worth a row only about once
a minute: then they are flushed as one JSON document per thing, so that a restart shows old figures
with their true age rather than none.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import LargeBinary, String, delete, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from paddock.base.db import Database, Row

CHUNK = 500
"""Figures per transaction: some milliseconds, in which nobody else can write."""


class FiguresRow(Row):
    """The last flushed figures of one thing."""

    __tablename__ = "figures"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    id: Mapped[str] = mapped_column(String(140), primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class Figures:
    """Newest figures by kind and id. A kind is registered with its struct; `at` is when it was observed."""

    def __init__(self) -> None:
        self._kinds: dict[str, type[Any]] = {}
        self._values: dict[str, dict[str, Any]] = {}
        self._dirty: dict[str, dict[str, None]] = {}
        """Ids in the order in which they became dirty."""

    def register(self, kind: str, struct: type[Any]) -> None:
        self._kinds[kind] = struct
        self._values.setdefault(kind, {})
        self._dirty.setdefault(kind, {})

    def put(self, kind: str, id: str, figures: Any) -> None:
        self._values[kind][id] = figures
        self._dirty[kind][id] = None

    def put_all(self, kind: str, figures: Mapping[str, Any]) -> None:
        """Many at once, by id."""
        self._values[kind].update(figures)
        self._dirty[kind].update(dict.fromkeys(figures))

    def get(self, kind: str, id: str) -> Any | None:
        return self._values[kind].get(id)

    def all(self, kind: str) -> dict[str, Any]:
        """The live mapping itself: read it, do not change it."""
        return self._values[kind]

    def forget(self, kind: str, ids: Iterable[str]) -> None:
        for id in ids:
            self._values[kind].pop(id, None)
            self._dirty[kind][id] = None

    async def load(self, db: Database) -> None:
        """Reads what the last process flushed; what an older version wrote in another shape is left out."""
        async with db.read() as session:
            rows = (await session.execute(select(FiguresRow.kind, FiguresRow.id, FiguresRow.body))).all()
        for kind, id, body in rows:
            if struct := self._kinds.get(kind):
                with contextlib.suppress(msgspec.DecodeError):
                    self._values[kind].setdefault(id, msgspec.msgpack.decode(body, type=struct))

    async def flush(self, db: Database, *, most: int | None = None) -> int:
        """Writes what changed since it was last written; returns how many. What is put meanwhile waits for the next.

        With `most` per kind no more than that, those that have waited longest first: on a large estate writing
        everything each time would cost more than watching it. In many short transactions, since SQLite has one
        writer; what could not be written stays for the next.
        """
        written = 0
        for kind, dirty in self._dirty.items():
            for chunk in _chunks(list(islice(dirty, most)), CHUNK):
                for id in chunk:
                    dirty.pop(id, None)
                try:
                    await self._replace(db, kind, chunk)
                except BaseException:
                    dirty.update(dict.fromkeys(chunk))
                    raise
                written += len(chunk)
                await asyncio.sleep(0)
        return written

    async def _replace(self, db: Database, kind: str, ids: list[str]) -> None:
        values = self._values[kind]
        rows = [
            {"kind": kind, "id": id, "body": msgspec.msgpack.encode(values[id])} for id in ids if id in values
        ]
        async with db.write() as session:
            await session.execute(delete(FiguresRow).where(FiguresRow.kind == kind, FiguresRow.id.in_(ids)))
            if rows:
                await session.execute(insert(FiguresRow), rows)


def age_seconds(at: datetime, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds())


def _chunks(items: list[str], size: int) -> Iterable[list[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
