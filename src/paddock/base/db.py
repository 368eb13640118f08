"""The database: declarative base, column types, and the two kinds of session.

SQLite in WAL mode has one writer; its transactions begin IMMEDIATE, since one that reads first and
writes later fails at once with "database is locked". Readers get their own connections, which cannot
write at all. On PostgreSQL both kinds come from one pool.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from sqlalchemy import (
    JSON,
    ColumnElement,
    DateTime,
    Dialect,
    MetaData,
    String,
    cast,
    event,
    func,
    literal,
    select,
)
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute, MappedAsDataclass
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

Id = String(36)
"""Column type of our UUIDv7 identifiers."""


_JSON: dict[str, Any] = {
    "json_serializer": lambda value: msgspec.json.encode(value).decode(),
    "json_deserializer": msgspec.json.decode,
}


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC in Python; stored naive in UTC, so that SQLite and PostgreSQL agree."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime: everything in Paddock is aware UTC")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Row(DeclarativeBase):
    """Base of all rows."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UtcDateTime()}


class Database:
    """Engines and sessions of one database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = make_url(url).get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._writer = _sqlite_engine(url, readonly=False)
            self._reader = _sqlite_engine(url, readonly=True)
        else:
            self._writer = self._reader = create_async_engine(url, pool_size=10, pool_pre_ping=True, **_JSON)
        self._write_sessions = async_sessionmaker(self._writer, expire_on_commit=False)
        self._read_sessions = async_sessionmaker(self._reader, expire_on_commit=False)

    @property
    def engine(self) -> AsyncEngine:
        return self._writer

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session that only reads."""
        async with self._read_sessions() as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """One short transaction: committed at the end of the block, rolled back on any exception."""
        async with self._write_sessions() as session, session.begin():
            yield session

    async def forget_deleted(self) -> None:
        """Leaves no trace of replaced values in the file. PostgreSQL sees to that by itself, in time."""
        if not self.is_sqlite:
            return
        async with self._writer.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                await driver.execute(statement)

    async def close(self) -> None:
        await self._reader.dispose()
        await self._writer.dispose()


def among(column: InstrumentedAttribute[str], ids: Sequence[str], db: Database) -> ColumnElement[bool]:
    """Whether a column is one of `ids`, which go as one parameter: there may be more of them than a statement takes."""
    text = msgspec.json.encode(ids).decode()
    listed = (
        func.json_each(text)
        if db.is_sqlite
        else func.json_array_elements_text(cast(literal(text, String), JSON))
    )
    return column.in_(select(listed.table_valued("value").c.value))


def sqlite_url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


class _Connection(sqlite3.Connection):
    """Gives its locks back when it is closed.

    SQLite keeps a closed connection alive, with its transaction and so with the write lock of the whole
    database, while any of its statements is: as after a task was cancelled in the middle of one.
    """

    def close(self) -> None:
        if self.in_transaction:
            self.rollback()
        super().close()


def _sqlite_engine(url: str, *, readonly: bool) -> AsyncEngine:
    options: dict[str, Any] = {"pool_size": 4 if readonly else 1, "max_overflow": 0, "pool_timeout": 30}
    if readonly:
        # Each statement reads for itself, as with PostgreSQL's READ COMMITTED: BEGIN and ROLLBACK around it, each a
        # trip to the connection's thread, would double what a read costs.
        options |= {
            "isolation_level": "AUTOCOMMIT",
            "skip_autocommit_rollback": True,
            "pool_reset_on_return": None,
        }
    engine = create_async_engine(url, connect_args={"factory": _Connection}, **options, **_JSON)

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA busy_timeout=15000")
        if readonly:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    if not readonly:

        @event.listens_for(engine.sync_engine, "begin")
        def _begin(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


__all__ = ["Database", "Id", "MappedAsDataclass", "Row", "UtcDateTime", "among", "sqlite_url"]
