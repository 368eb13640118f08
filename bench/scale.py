"""Twenty clusters with a thousand nodes and fifty thousand containers, imported and settled."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from bench.importing import import_cluster
from bench.processes import Served, Simulated, estate, paddock
from paddock.access.setup import create_administrator, issue_token
from paddock.installation import open_services
from paddock.settings import Settings

CLUSTERS, NODES, CONTAINERS = 20, 50, 2500
INTERVAL = 10.0
PERSONS = 5
SETTLE = 75.0
"""Seconds after a start until every node was contacted and the first figures were flushed."""


@dataclass
class Scale:
    simulated: Simulated
    served: Served
    imported_in: float
    simulated_mib: float
    """Of the simulator at its start, before anything was asked of it."""
    tokens: list[str] = field(default_factory=list)
    """Of several persons: streams are limited per person."""


@contextmanager
def simulated() -> Iterator[Simulated]:
    with estate(*(f"c{n + 1:02}:{NODES}:{CONTAINERS}" for n in range(CLUSTERS))) as found:
        yield found


@asynccontextmanager
async def watched(simulator: Simulated, memory: float) -> AsyncIterator[Scale]:
    """Imported, restarted as after a quarter of an hour, and settled."""
    with TemporaryDirectory(prefix="paddock-scale-") as folder:
        data_dir = Path(folder)
        begin = time.perf_counter()
        with paddock(data_dir) as served:
            for name, cluster in simulator.clusters.items():
                await import_cluster(served, cluster, f"Site {name}")
        imported_in = time.perf_counter() - begin
        age_details(data_dir / "paddock.sqlite")
        tokens = _persons(data_dir)
        with paddock(data_dir) as served:
            await asyncio.sleep(SETTLE)
            yield Scale(simulator, served, imported_in, memory, tokens)


def addresses(vmid: int, status: str) -> list[str]:
    """What the simulator's configuration and lease of the container say, so that reading them again changes nothing."""
    number = vmid - 100
    if number % 2:
        return [f"10.{10 + number // 60000}.{number // 250 % 240}.{number % 250 + 2}"]
    return [f"10.250.{vmid // 256}.{vmid % 256}"] if status == "running" else []


def age_details(database: Path) -> None:
    """As if the details of all containers had been read within half an hour, and the first were due again."""
    now = datetime.now(UTC).replace(tzinfo=None)
    with closing(sqlite3.connect(database)) as db, db:
        rows = db.execute(
            "SELECT id, vmid, status FROM containers WHERE ended_at IS NULL ORDER BY cluster_id, vmid"
        ).fetchall()
        db.executemany(
            "UPDATE containers SET details_at = ?, addresses = ?, ostype = 'debian', unprivileged = 1 WHERE id = ?",
            [
                (
                    (now - timedelta(seconds=2000 * number / len(rows))).isoformat(" "),
                    json.dumps(addresses(vmid, status)),
                    id,
                )
                for number, (id, vmid, status) in enumerate(rows)
            ],
        )


def _persons(data_dir: Path) -> list[str]:
    async def make() -> list[str]:
        services = open_services(Settings(data_dir=data_dir))
        try:
            tokens = []
            for number in range(PERSONS):
                name = f"person{number}"
                await create_administrator(services, name, f"a-long-password-{number}")
                tokens.append(await issue_token(services, name, "bench"))
            return tokens
        finally:
            await services.db.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(make())).result()


@asynccontextmanager
async def rest(served: Served) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {served.token}"}
    async with aiohttp.ClientSession(f"{served.base}/api/v1/", headers=headers) as session:
        yield session


async def get(session: aiohttp.ClientSession, path: str) -> Any:
    async with session.get(path) as answer:
        found = await answer.json()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {found}")
        return found
