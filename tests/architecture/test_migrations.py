"""Migrations and models say the same, and an upgrade is careful with what is there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from paddock.base.db import sqlite_url
from paddock.migrations import upgrade as module
from paddock.migrations.models import METADATA
from paddock.migrations.upgrade import HEAD, DatabaseTooNew, upgrade

# SQLAlchemy does not reflect indexes over expressions; `shape` reads them from SQLite itself.
pytestmark = pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A migrated, empty database."""
    path = tmp_path / "paddock.sqlite"
    assert upgrade(sqlite_url(path)) is True
    return path


def shape(connection: Connection) -> dict[str, Any]:
    """Everything that SQLite knows of its tables."""
    found: dict[str, Any] = {}
    looking = inspect(connection)
    for table in sorted(set(looking.get_table_names()) - {"alembic_version"}):
        found[table] = {
            "columns": {
                one["name"]: (str(one["type"]), one["nullable"], bool(one["primary_key"]))
                for one in looking.get_columns(table)
            },
            "primary key": looking.get_pk_constraint(table),
            "foreign keys": sorted(looking.get_foreign_keys(table), key=repr),
            "unique": sorted(looking.get_unique_constraints(table), key=repr),
            "checks": sorted(looking.get_check_constraints(table), key=repr),
            "indexes": sorted(
                (name, " ".join(sql.replace('"', "").split()))
                for name, sql in connection.execute(
                    text(
                        "SELECT name, sql FROM sqlite_master WHERE type='index' AND sql IS NOT NULL AND tbl_name=:t"
                    ),
                    {"t": table},
                )
            ),
        }
    return found


def test_migrating_an_empty_database_gives_what_the_models_say(path: Path, tmp_path: Path) -> None:
    migrated = create_engine(f"sqlite:///{path}")
    modelled = create_engine(f"sqlite:///{tmp_path / 'modelled.sqlite'}")
    METADATA.create_all(modelled)
    with migrated.connect() as one, modelled.connect() as other:
        found, wanted = shape(one), shape(other)
    assert sorted(found) == sorted(wanted)
    for table, details in wanted.items():
        for what, value in details.items():
            assert found[table][what] == value, f"{table}: {what}"
    migrated.dispose()
    modelled.dispose()


def test_alembic_itself_finds_nothing_to_do(path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_the_newest_revision_is_the_one_that_upgrade_names() -> None:
    scripts = ScriptDirectory.from_config(module._config())
    assert scripts.get_heads() == [HEAD]


def test_upgrading_twice_does_nothing_the_second_time(path: Path) -> None:
    before = path.read_bytes()
    assert upgrade(sqlite_url(path)) is False
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["paddock.sqlite"]


def test_a_database_of_a_newer_paddock_is_refused_and_left_alone(path: Path) -> None:
    set_revision(path, "9999")
    before = path.read_bytes()
    with pytest.raises(DatabaseTooNew) as caught:
        upgrade(sqlite_url(path))
    assert "9999" in caught.value.message
    assert caught.value.hint
    assert path.read_bytes() == before


def test_a_copy_is_kept_before_an_existing_database_is_changed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a next version had come out: its one migration finds a database of today's."""
    following = f"{int(HEAD) + 1:04}"
    monkeypatch.setattr(module, "HEAD", following)
    upgrade(sqlite_url(path))
    kept = path.with_name(f"paddock.sqlite.before-{following}")
    assert kept.exists()
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def set_revision(path: Path, revision: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()
