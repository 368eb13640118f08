"""Live figures: in memory, and flushed so that a restart shows old ones with their age."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import func, select

from paddock.base.db import Database, Row, sqlite_url
from paddock.base.figures import CHUNK, Figures, FiguresRow, age_seconds

AT = datetime(2026, 11, 23, 3, 12, tzinfo=UTC)


class Load(msgspec.Struct, frozen=True):
    at: datetime
    cpu: float
    memory: int | None = None


def figures() -> Figures:
    made = Figures()
    made.register("node", Load)
    return made


@pytest.fixture
async def db(tmp_path: Path) -> Database:
    made = Database(sqlite_url(tmp_path / "x.sqlite"))
    async with made.engine.begin() as connection:
        await connection.run_sync(Row.metadata.create_all)
    return made


async def test_what_is_flushed_is_there_after_a_restart_with_its_age(db: Database) -> None:
    before = figures()
    before.put("node", "a", Load(AT, 0.5, 1 << 40))
    assert await before.flush(db) == 1
    after = figures()
    await after.load(db)
    assert after.get("node", "a") == Load(AT, 0.5, 1 << 40)


async def test_only_what_changed_is_written(db: Database) -> None:
    live = figures()
    for id in ("a", "b"):
        live.put("node", id, Load(AT, 0.1))
    assert await live.flush(db) == 2
    assert await live.flush(db) == 0
    live.put("node", "a", Load(AT, 0.2))
    assert await live.flush(db) == 1


async def test_what_is_forgotten_is_gone_after_a_restart(db: Database) -> None:
    live = figures()
    live.put("node", "a", Load(AT, 0.1))
    await live.flush(db)
    live.forget("node", ["a", "never there"])
    assert live.get("node", "a") is None
    await live.flush(db)
    after = figures()
    await after.load(db)
    assert after.all("node") == {}


async def test_what_was_seen_since_the_start_beats_what_was_flushed(db: Database) -> None:
    old = figures()
    old.put("node", "a", Load(AT, 0.1))
    await old.flush(db)
    live = figures()
    live.put("node", "a", Load(AT, 0.9))
    await live.load(db)
    found = live.get("node", "a")
    assert found is not None
    assert found.cpu == 0.9


async def test_a_thousand_and_more_are_flushed_in_one_go(db: Database) -> None:
    live = figures()
    for number in range(1234):
        live.put("node", f"n{number}", Load(AT, number / 1234))
    assert await live.flush(db) == 1234
    after = figures()
    await after.load(db)
    assert len(after.all("node")) == 1234


async def test_others_write_in_between_while_many_are_flushed(db: Database) -> None:
    live = figures()
    for number in range(5 * CHUNK):
        live.put("node", f"n{number:05}", Load(AT, 0.1))
    seen: list[int] = []

    async def write() -> None:
        async with db.write() as session:
            seen.append(await session.scalar(select(func.count()).select_from(FiguresRow)) or 0)

    flushing = asyncio.create_task(live.flush(db))
    while not flushing.done():
        await write()
    assert await flushing == 5 * CHUNK
    assert {count % CHUNK for count in seen} == {0}
    assert len(set(seen) - {0, 5 * CHUNK}) > 1, "the flush held the only writer from start to end"


async def test_a_flush_that_fails_in_the_middle_repeats_only_the_rest(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = figures()
    for number in range(3 * CHUNK):
        live.put("node", f"n{number:05}", Load(AT, 0.1))
    whole, calls = db.write, []

    def sometimes() -> object:
        calls.append(1)
        if len(calls) > 1:
            _refusing()
        return whole()

    with monkeypatch.context() as broken:
        broken.setattr(db, "write", sometimes)
        with pytest.raises(OSError, match="disk full"):
            await live.flush(db)
    assert await live.flush(db) == 2 * CHUNK
    after = figures()
    await after.load(db)
    assert len(after.all("node")) == 3 * CHUNK


async def test_a_flush_that_fails_loses_nothing(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    live = figures()
    live.put("node", "a", Load(AT, 0.1))
    with monkeypatch.context() as broken:
        broken.setattr(db, "write", _refusing)
        with pytest.raises(OSError, match="disk full"):
            await live.flush(db)
    assert await live.flush(db) == 1


def _refusing() -> None:
    raise OSError("disk full")


async def test_figures_that_no_longer_fit_their_shape_are_left_out(db: Database) -> None:
    class Older(msgspec.Struct):
        cpu: str

    before = Figures()
    before.register("node", Older)
    before.put("node", "a", Older("much"))
    await before.flush(db)
    after = figures()
    await after.load(db)
    assert after.all("node") == {}


def test_an_age_is_never_negative() -> None:
    assert age_seconds(AT, AT.replace(minute=11)) == 0.0
    assert age_seconds(AT, AT.replace(minute=13)) == 60.0


async def test_a_bounded_flush_writes_what_has_waited_longest(db: Database) -> None:
    live = figures()
    live.put_all("node", {f"n{n}": Load(AT, 0.1) for n in range(5)})
    live.put("node", "n0", Load(AT, 0.2))  # it waits on from its first time
    assert await live.flush(db, most=2) == 2
    assert set(await stored(db)) == {"n0", "n1"}
    live.put("node", "n0", Load(AT, 0.3))
    assert await live.flush(db, most=3) == 3
    assert set(await stored(db)) == {f"n{n}" for n in range(5)}
    assert await live.flush(db) == 1


async def stored(db: Database) -> list[str]:
    async with db.read() as session:
        return list(await session.scalars(select(FiguresRow.id)))
