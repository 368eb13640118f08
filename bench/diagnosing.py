"""How long a diagnosis takes: of a healthy node, of silent ones, of many at once; over REST, Paddock in its own process."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp

from bench.importing import import_cluster
from bench.processes import Simulated, estate, paddock
from bench.report import Figure, median

NODES, CONTAINERS = 50, 500
TIMES = 10
SILENT = ("black-hole", {}), ("node-down", {"how": "silent"}), ("backlog-full", {})


async def measure() -> list[Figure]:
    with estate(f"bench:{NODES}:{CONTAINERS}") as simulated, paddock() as served:
        await import_cluster(served, simulated.clusters["bench"], "Bench")
        headers = {"Authorization": f"Bearer {served.token}"}
        async with aiohttp.ClientSession(f"{served.base}/api/v1/", headers=headers) as session:
            async with session.get("nodes?size=2000") as answer:
                ids = {node["name"]: node["id"] for node in (await answer.json())["items"]}
            return await _all(simulated, session, ids)


async def _all(simulated: Simulated, session: aiohttp.ClientSession, ids: dict[str, str]) -> list[Figure]:
    async def one(name: str) -> tuple[float, Any]:
        begin = time.perf_counter()
        async with session.post(f"nodes/{ids[name]}/diagnose") as answer:
            found = await answer.json()
            if answer.status != 200:
                raise RuntimeError(f"{name}: {answer.status} {found}")
        return time.perf_counter() - begin, found

    async def together() -> tuple[float, list[Any]]:
        begin = time.perf_counter()
        found = await asyncio.gather(*(one(name) for name in ids))
        return time.perf_counter() - begin, [each for _, each in found]

    group = f"Diagnosis, in a cluster of {NODES} nodes"
    healthy = [await one("pve7") for _ in range(TIMES)]
    _expect("ok", *(found for _, found in healthy))
    figures = [Figure(group, "a healthy node", median([took for took, _ in healthy]), "s", 0.5)]
    for fault, how in SILENT:
        simulated.fault(fault, cluster="bench", node="pve7", **how)
        took, found = await one("pve7")
        simulated.clear(fault, cluster="bench")
        if found["code"] == "ok":
            raise RuntimeError(f"{fault} was not seen")
        figures.append(Figure(group, f"a silent node ({fault}): {found['code']}", took, "s", 6))
    took, every = await together()
    _expect("ok", *every)
    figures.append(Figure(group, f"{NODES} healthy nodes at once", took, "s", 10))
    for name in list(ids)[: NODES // 2]:
        simulated.fault("black-hole", cluster="bench", node=name)
    took, every = await together()
    simulated.clear(cluster="bench")
    figures.append(Figure(group, f"{NODES} nodes at once, half of them silent", took, "s", 10))
    return figures


def _expect(code: str, *found: Any) -> None:
    for each in found:
        if each["code"] != code:
            raise RuntimeError(f"{each['name']}: {each['headline']} ({each['code']})")
