"""Run by Alembic. The connection is handed in by `upgrade.py`, or made from the URL for autogeneration."""

from __future__ import annotations

from typing import Literal

from alembic import context
from sqlalchemy import Connection, create_engine

from paddock.base.db import UtcDateTime
from paddock.migrations.models import METADATA


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Migrations do not depend on today's column types."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


connection = context.config.attributes.get("connection")
if connection is not None:
    run(connection)
else:
    with create_engine(context.config.get_main_option("sqlalchemy.url") or "sqlite://").connect() as own:
        run(own)
        own.commit()
