"""The database: aware times, readers that cannot write, writers that wait for each other."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import MetaData, func, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from paddock.base.db import Database, UtcDateTime, sqlite_url


class Own(DeclarativeBase):
    metadata = MetaData()


class Thing(Own):
    __tablename__ = "things"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime | None] = mapped_column(UtcDateTime())


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(sqlite_url(tmp_path / "x.sqlite"))
    async with made.engine.begin() as connection:
        await connection.run_sync(Own.metadata.create_all)
    yield made
    await made.close()


async def test_a_naive_time_is_refused(db: Database) -> None:
    with pytest.raises(StatementError, match="naive datetime"):
        async with db.write() as session:
            session.add(Thing(id=1, at=datetime(2026, 1, 1)))  # noqa: DTZ001


async def test_a_time_comes_back_as_utc(db: Database) -> None:
    vienna = timezone(timedelta(hours=2))
    async with db.write() as session:
        session.add(Thing(id=1, at=datetime(2026, 6, 1, 12, tzinfo=vienna)))
        session.add(Thing(id=2, at=None))
    async with db.read() as session:
        assert await session.scalar(select(Thing.at).where(Thing.id == 1)) == datetime(
            2026, 6, 1, 10, tzinfo=UTC
        )
        found = await session.scalar(select(Thing.at).where(Thing.id == 1))
        assert found is not None
        assert found.tzinfo is UTC


async def test_a_reader_cannot_write(db: Database) -> None:
    with pytest.raises(DBAPIError, match="readonly"):
        async with db.read() as session:
            await session.execute(insert(Thing).values(id=1))
    async with db.read() as session:
        assert await session.scalar(select(func.count()).select_from(Thing)) == 0


async def test_writers_that_read_first_wait_for_each_other(db: Database, tmp_path: Path) -> None:
    other = Database(sqlite_url(tmp_path / "x.sqlite"))

    async def add(where: Database) -> None:
        async with where.write() as session:
            highest = await session.scalar(select(func.max(Thing.id))) or 0
            await asyncio.sleep(0.001)
            session.add(Thing(id=highest + 1, at=None))

    await asyncio.gather(*(add(where) for where in (db, other) for _ in range(20)))
    async with db.read() as session:
        assert await session.scalar(select(func.count()).select_from(Thing)) == 40
    await other.close()


async def test_readers_see_the_last_commit_while_somebody_writes(db: Database) -> None:
    async with db.write() as session:
        session.add(Thing(id=1, at=None))
        await session.flush()
        async with asyncio.timeout(5), db.read() as reading:
            assert await reading.scalar(select(func.count()).select_from(Thing)) == 0
    async with db.read() as reading:
        assert await reading.scalar(select(func.count()).select_from(Thing)) == 1


async def test_a_transaction_that_fails_leaves_nothing(db: Database) -> None:
    async def twice() -> None:
        async with db.write() as session:
            for _ in range(2):
                await session.execute(insert(Thing).values(id=1))

    with pytest.raises(IntegrityError):
        await twice()
    async with db.read() as session:
        assert await session.scalar(select(func.count()).select_from(Thing)) == 0


async def test_a_writer_that_is_cancelled_at_any_moment_gives_its_lock_back(db: Database) -> None:
    async def write() -> None:
        async with db.write() as session:
            for _ in range(3):
                await session.execute(insert(Thing).values(at=None).returning(Thing.id))
                (await session.execute(select(Thing))).first()

    started = asyncio.get_running_loop().time()
    await write()
    whole = asyncio.get_running_loop().time() - started
    for part in range(40):
        writers = [asyncio.create_task(write()) for _ in range(2)]
        await asyncio.sleep(whole * part / 20)
        for one in writers:
            one.cancel()
        await asyncio.gather(*writers, return_exceptions=True)
        async with asyncio.timeout(5):
            await write()
