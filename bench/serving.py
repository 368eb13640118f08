"""REST and pages with an API token and a session, while the watch runs."""

from __future__ import annotations

import asyncio
import gzip
import re
import time

import aiohttp

from bench.importing import CONTAINERS, NODES, import_cluster
from bench.processes import ROOT, Served, estate, paddock
from bench.report import Figure, median, percentile

GROUP = f"REST and pages, {NODES} nodes and {CONTAINERS:,} containers watched"
ROUNDS = 100


async def measure() -> list[Figure]:
    with estate(f"bench:{NODES}:{CONTAINERS}") as simulated, paddock() as served:
        await import_cluster(served, simulated.clusters["bench"], "Bench")
        return [*await _rest(served), *await _pages(served), *_weights()]


async def _rest(served: Served) -> list[Figure]:
    headers = {"Authorization": f"Bearer {served.token}"}
    async with aiohttp.ClientSession(served.base, headers=headers) as session:
        nodes = await _times(session, "/api/v1/nodes", ROUNDS)
        containers = await _times(session, "/api/v1/containers?size=2000", 30)
        nothing = await _times(session, "/health", ROUNDS)
    return [
        Figure(GROUP, "floor: an answer that does nothing, p50", median(nothing), "ms"),
        Figure(GROUP, "list of 32 nodes, p50", median(nodes), "ms", 8),
        Figure(GROUP, "list of 32 nodes, p95", percentile(nodes, 0.95), "ms"),
        Figure(GROUP, "2,000 containers in one answer, p50", median(containers), "ms", 60),
        Figure(GROUP, "2,000 containers in one answer, p95", percentile(containers, 0.95), "ms"),
    ]


async def _pages(served: Served) -> list[Figure]:
    remembered = await sign_in(served)
    figures = []
    async with remembered as session:
        async with session.get("/api/v1/nodes?size=1") as answer:
            node = (await answer.json())["items"][0]["id"]
        paths = {
            "overview": "/",
            "nodes list": "/nodes",
            "node page": f"/nodes/{node}",
            "containers list": "/containers",
            "containers list, sorted by CPU": "/containers?sort=-cpu",
            "containers list, filtered": "/containers?q=ct1&status=running",
            "sites list": "/sites",
        }
        for name, path in paths.items():
            taken = await _times(session, path, 40)
            figures.append(Figure(GROUP, f"page: {name}, p95", percentile(taken, 0.95), "ms", 80))
    return figures


async def sign_in(served: Served) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(served.base, cookie_jar=aiohttp.CookieJar(unsafe=True))
    async with session.get("/signin") as answer:
        token = re.search(r'name="_csrf" value="([^"]+)"', await answer.text())
    form = {"name": "demo", "password": served.password, "_csrf": token[1] if token else ""}
    async with session.post("/signin", data=form, allow_redirects=False) as answer:
        if answer.status != 303:
            raise RuntimeError(f"sign-in: {answer.status}")
    return session


def _weights() -> list[Figure]:
    static = ROOT / "src/paddock/web/static"
    packed = sum(
        len(gzip.compress(path.read_bytes()))
        for path in static.rglob("*")
        if path.suffix in {".css", ".js"} and path.is_file()
    )
    return [Figure(GROUP, "scripts and styles of a page, gzipped", packed / 1000, "kB", 350)]


async def _times(session: aiohttp.ClientSession, path: str, rounds: int) -> list[float]:
    """Milliseconds of each of `rounds` reads, spread so that the watch's own work falls among them."""
    taken = []
    for round_ in range(rounds + 3):
        begin = time.perf_counter()
        async with session.get(path) as answer:
            body = await answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
        if round_ >= 3:
            taken.append((time.perf_counter() - begin) * 1000)
        await asyncio.sleep(0.02)
    return taken
