"""What stands in a data directory: the database, the key, and what is sealed with it.

Local commands work on it without the server's routes and pages, which take seconds to load.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import create_engine, inspect, make_url, select

import paddock.migrations.models  # noqa: F401 - rows refer to each other across the slices
from paddock.access import setup
from paddock.base import vault
from paddock.base.clock import Clock, SystemClock
from paddock.base.context import Objector, Services
from paddock.base.db import Database, sqlite_url
from paddock.base.events import Bus
from paddock.base.figures import Figures
from paddock.base.resealing import Sealed
from paddock.clusters.model import Cluster, Member
from paddock.clusters.record import own_context, seal_context
from paddock.jobs.model import Job
from paddock.jobs.record import job_context
from paddock.settings import Settings

SEALED = (
    Sealed(Cluster.credential_sealed, lambda row: seal_context(row.identity)),
    Sealed(Member.credential_sealed, lambda row: own_context(row.id)),
    Sealed(Job.sealed, lambda row: job_context(row.id)),
)
"""Every column that holds sealed secrets, and what each value is sealed to."""


def database_url(settings: Settings) -> str:
    return settings.database_url or sqlite_url(settings.data_dir / "paddock.sqlite")


def open_services(
    settings: Settings,
    clock: Clock | None = None,
    *,
    guards: Mapping[str, list[Objector]] | None = None,
) -> Services:
    """Database, key and who may come in; all that a local command needs."""
    services = Services(
        settings=settings,
        db=Database(database_url(settings)),
        clock=clock or SystemClock(),
        bus=Bus(),
        vault=_vault(settings),
        figures=Figures(),
        guards=guards or {},
    )
    setup.install(services)
    return services


def key_path(settings: Settings) -> Path:
    """The file with the key, where it does not come from the environment."""
    return settings.key_file or settings.data_dir / "secret.key"


def _vault(settings: Settings) -> vault.Vault:
    if settings.key:
        return vault.ring_of(vault.decode_key(settings.key))
    path = key_path(settings)
    if (waiting := vault.next_path(path)).exists():
        return vault.ring_of(vault.load_key(path), also=vault.load_key(waiting))
    if settings.key_file or path.exists() or _anything_sealed(database_url(settings)):
        return vault.ring_of(vault.load_key(path))
    return vault.ring_of(vault.create_key(path))


def _anything_sealed(url: str) -> bool:
    """Whether the database holds what only the key opens. Then no new key may take the place of a missing one."""
    file = make_url(url).database if url.startswith("sqlite") else None
    if file and not Path(file).exists():
        return False
    engine = create_engine(url.replace("+aiosqlite", ""))
    try:
        tables = set(inspect(engine).get_table_names())
        with engine.connect() as db:
            return any(
                db.scalar(select(place.column).where(place.column != "").limit(1)) is not None
                for place in SEALED
                if place.column.class_.__tablename__ in tables
            )
    finally:
        engine.dispose()
