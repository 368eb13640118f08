"""The data directory: a key that is never replaced, files for their owner only, one server at a time."""

from __future__ import annotations

import asyncio
import fcntl
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert

from paddock.base.clock import SystemClock
from paddock.base.context import Services
from paddock.base.vault import BadKey
from paddock.installation import database_url, open_services
from paddock.jobs.model import Job, JobState
from paddock.migrations.upgrade import HEAD, upgrade
from paddock.settings import Settings
from tests.app.cli.test_local import run, start


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    """Of a migrated, still empty Paddock."""
    made = Settings(data_dir=tmp_path / "data")
    made.data_dir.mkdir()
    await asyncio.to_thread(upgrade, database_url(made))
    return made


async def seal_something(services: Services) -> None:
    async with services.db.write() as session:
        await session.execute(
            insert(Job).values(
                type="a.b.v1",
                label="A job",
                state=JobState.QUEUED,
                arguments={},
                actor="m.huber",
                created_at=SystemClock().now(),
                sealed="v1.k1.AAAA",
            )
        )


async def test_a_key_is_made_while_nothing_is_sealed_and_never_in_place_of_a_lost_one(
    settings: Settings,
) -> None:
    key = settings.data_dir / "secret.key"
    services = open_services(settings)
    made = key.read_bytes()
    await seal_something(services)
    await services.db.close()
    key.unlink()
    with pytest.raises(BadKey, match=r"secret\.key is missing"):
        open_services(settings)
    assert not key.exists()
    key.write_bytes(made)
    await open_services(settings).db.close()


async def test_a_key_file_that_is_named_is_never_made(settings: Settings, tmp_path: Path) -> None:
    mistyped = tmp_path / "mistyped.key"
    with pytest.raises(BadKey, match=r"mistyped\.key is missing"):
        open_services(replace(settings, key_file=mistyped))
    assert not mistyped.exists()


def test_a_lost_key_is_told_in_a_sentence_and_a_next_step(settings: Settings) -> None:
    missing = str(settings.data_dir / "elsewhere.key")
    (settings.data_dir / "paddock.toml").write_text(f'key_file = "{missing}"\n')
    told = start("--data-dir", str(settings.data_dir), "--listen", "127.0.0.1:1")
    assert told.returncode == 1
    assert f"The key file {missing} is missing." in told.stderr
    assert "from your backup" in told.stderr
    assert "Traceback" not in told.stderr


def test_files_are_for_their_owner_only_in_a_directory_that_is_open(tmp_path: Path) -> None:
    data_dir = tmp_path / "open"
    data_dir.mkdir(mode=0o755)
    assert run("migrate", "--data-dir", str(data_dir)).returncode == 0
    assert modes(data_dir) == {0o600}
    (data_dir / "workflows.sqlite").touch()
    for path in data_dir.iterdir():
        path.chmod(0o644)
    assert run("admin", "setup-link", "--data-dir", str(data_dir)).returncode == 0
    assert (data_dir / "secret.key").exists()
    assert modes(data_dir) == {0o600}


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.parametrize("command", [["migrate"], ["admin", "setup-link"]])
def test_local_commands_do_not_migrate_under_a_server_that_runs(
    settings: Settings, command: list[str]
) -> None:
    database = settings.data_dir / "paddock.sqlite"
    with closing(sqlite3.connect(database)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '0000'")
    with (settings.data_dir / "lock").open("w+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711\nhttp://127.0.0.1:8080\n")
        lock.flush()
        told = run(*command, "--data-dir", str(settings.data_dir))
    assert told.returncode == 1
    assert f"has revision 0000, this Paddock needs {HEAD}" in told.stderr
    assert "process 4711" in told.stderr
    assert "Restart the server" in told.stderr
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchone() == ("0000",)


def test_local_commands_work_under_a_server_of_the_same_revision(settings: Settings) -> None:
    with (settings.data_dir / "lock").open("w+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711\nhttp://127.0.0.1:8099\n")
        lock.flush()
        link = run("admin", "setup-link", "--data-dir", str(settings.data_dir))
    assert link.stdout.startswith("http://127.0.0.1:8099/setup?token=")
