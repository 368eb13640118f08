"""Brings the database up to date. Alembic takes half a second to load, so it is loaded only to migrate."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import DBAPIError

from paddock.base.errors import PaddockError

if TYPE_CHECKING:
    from alembic.config import Config

log = logging.getLogger(__name__)

HEAD = "0007"
"""The newest revision; a test compares it with the scripts."""


class DatabaseTooNew(PaddockError):
    default_code = "database_too_new"


def upgrade(url: str) -> bool:
    """Migrates the database at `url` (SQLAlchemy, async or sync driver). Returns whether anything was done.

    Of an existing SQLite file a copy is kept beside it first (`paddock.sqlite.before-0005`). Raises
    DatabaseTooNew where a newer Paddock has been at work.
    """
    sync_url = url.replace("+aiosqlite", "")
    engine = create_engine(sync_url)
    try:
        revision = current(engine)
        if revision == HEAD:
            return False
        from alembic import command
        from alembic.script import ScriptDirectory

        config = _config()
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if revision is not None and revision not in known:
            raise DatabaseTooNew(
                f"The database has revision {revision}, which this Paddock does not know: a newer one has used it.",
                hint="Start the newer Paddock, or restore the backup made before the upgrade.",
            )
        if revision is not None:
            _keep_copy(sync_url)
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        log.info("database migrated from %s to %s", revision or "nothing", HEAD)
        return True
    finally:
        engine.dispose()


def current(engine: Engine) -> str | None:
    """The revision in the database; None where there is none yet."""
    try:
        with engine.connect() as connection:
            found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return found
    except DBAPIError:
        return None


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def _keep_copy(sync_url: str) -> None:
    database = make_url(sync_url).database
    if not sync_url.startswith("sqlite") or not database:
        return
    path = Path(database)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy2(path, path.with_name(f"{path.name}.before-{HEAD}"))
