"""The import of 32 nodes and 2,000 containers: seconds and requests."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from typing import Any

import aiohttp

from bench.processes import Served, Simulated, estate, paddock
from bench.report import Figure

NODES, CONTAINERS = 32, 2000


async def measure() -> list[Figure]:
    figures = []
    for latency, goal in ((0, 1.0), (20, 1.5)):
        with estate(f"bench:{NODES}:{CONTAINERS}", latency=latency) as simulated, paddock() as served:
            figures += await _one(simulated, served, latency, goal)
    return figures


async def _one(simulated: Simulated, served: Served, latency: int, goal: float) -> list[Figure]:
    group = f"Import of {NODES} nodes and {CONTAINERS:,} containers, {latency} ms per answer"
    cluster = simulated.clusters["bench"]
    took = await import_cluster(served, cluster, "Bench")
    about_nodes: Counter[str] = Counter()
    about_cluster = 0
    for asked, calls in simulated.received().items():
        for call, count in calls.items():
            if match := re.search(r"/nodes/([^/]+)/", call):
                about_nodes[match[1]] += count
            elif call.endswith("/access/domains"):  # the sign of life of the node that is asked
                about_nodes[asked.partition("/")[2]] += count
            else:
                about_cluster += count
    return [
        Figure(group, "review, from the address to the table", took["preview"], "s"),
        Figure(group, "import, from the click to done", took["import"], "s", goal),
        Figure(group, "both", took["preview"] + took["import"], "s"),
        Figure(group, "requests about the cluster, until done", about_cluster, "", 10),
        Figure(group, "requests about the busiest node, until done", max(about_nodes.values()), "", 8),
        Figure(group, "requests in all, until done", about_cluster + sum(about_nodes.values()), ""),
    ]


async def import_cluster(served: Served, cluster: dict[str, Any], site: str) -> dict[str, float]:
    """With the full token and the confirmed fingerprint. Returns seconds."""
    first = cluster["nodes"][0]
    token = cluster["tokens"]["full"]
    headers = {"Authorization": f"Bearer {served.token}"}
    async with aiohttp.ClientSession(f"{served.base}/api/v1/", headers=headers) as session:
        made = await _post(session, "sites", {"name": site})
        begin = time.perf_counter()
        seen = await _post(
            session,
            "imports/preview",
            {
                "site_id": made["id"],
                "url": first["url"],
                "token_id": token["id"],
                "token_secret": token["secret"],
                "trust": {"mode": "cluster_ca", "fingerprint": first["fingerprint"]},
            },
        )
        reviewed = time.perf_counter()
        started = await _post(
            session,
            "imports",
            {"preview_id": seen["preview_id"], "members": [member["name"] for member in seen["members"]]},
        )
        while True:
            async with session.get(f"jobs/{started['job_id']}") as answer:
                job = await answer.json()
            if job["state"] not in {"queued", "running"}:
                break
            await asyncio.sleep(0.01)
        done = time.perf_counter()
    if job["state"] != "done":
        raise RuntimeError(job["error"])
    return {"preview": reviewed - begin, "import": done - reviewed}


async def _post(session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> dict[str, Any]:
    async with session.post(path, json=body) as answer:
        found: dict[str, Any] = await answer.json()
        if answer.status >= 400:
            raise RuntimeError(f"{path}: {answer.status} {found}")
        return found
