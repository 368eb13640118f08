"""Paddock on a large estate: what watching costs, how steady it is, how fast lists and pages are meanwhile."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from datetime import datetime

import aiohttp

from bench import pictures, scale
from bench.processes import Served, Simulated, cpu_seconds, memory_mib
from bench.report import Figure, median, percentile
from bench.scale import CLUSTERS, CONTAINERS, INTERVAL, NODES, Scale, get, rest
from bench.serving import sign_in

SIZE = f"{CLUSTERS} clusters, {CLUSTERS * NODES:,} nodes, {CLUSTERS * CONTAINERS:,} containers"
SIMULATOR = f"The simulator: {SIZE}"
WATCH = f"Watching {SIZE}"
PAGES = f"REST and pages at 20 requests a second, {SIZE} watched"
BROWSERS = 100
RATE = 20.0
SECONDS = 60.0


async def measure() -> list[Figure]:
    with scale.simulated() as simulated:
        started = memory_mib(simulated.pid)
        figures = [*await _ceiling(simulated), *await pictures.measure(simulated)]
        floor = next(figure.value for figure in figures if figure.name.startswith("floor: bare"))
        async with scale.watched(simulated, started) as estate:
            figures += await _watch(estate, floor)
            figures += await _hung(estate)
            figures += await _pages(estate)
            figures += await _browsers(estate)
            figures.append(
                Figure(
                    WATCH, "memory of Paddock after all of this", memory_mib(estate.served.pid), "MiB", 400
                )
            )
            told = Figure(SIMULATOR, "memory after all of this", memory_mib(simulated.pid), "MiB", 400)
    first = [
        Figure(SIMULATOR, "start, from exec to connections", simulated.started_in, "s", 5),
        Figure(SIMULATOR, "memory at its start", started, "MiB", 400),
        told,
    ]
    figures.sort(key=lambda figure: figure.group != SIMULATOR)
    return first + figures


async def _ceiling(simulated: Simulated) -> list[Figure]:
    """What one core of the simulator serves; whoever measures faster than that measures the simulator."""
    clusters = list(simulated.clusters.values())

    async def asked(path: str, rounds: int) -> float:
        async with aiohttp.ClientSession() as session:
            begin = cpu_seconds(simulated.pid)
            for _ in range(rounds):
                for cluster in clusters:
                    token = cluster["tokens"]["full"]
                    headers = {"Authorization": f"PVEAPIToken={token['id']}={token['secret']}"}
                    url = f"{cluster['nodes'][0]['url']}/api2/json{path}"
                    async with session.get(url, headers=headers, ssl=False) as answer:
                        await answer.read()
            return rounds * len(clusters) / (cpu_seconds(simulated.pid) - begin)

    small = await asked("/version", 60)
    whole = await asked("/cluster/resources", 6)
    rows = CONTAINERS + 3 * NODES
    note = "per second of its own CPU"
    return [
        Figure(SIMULATOR, "ceiling: small requests", small, "/s", note=note),
        Figure(SIMULATOR, "ceiling: rows of /cluster/resources", whole * rows, "/s", note=note),
    ]


async def _watch(estate: Scale, floor: float) -> list[Figure]:
    pid = estate.served.pid
    async with rest(estate.served) as session:
        begin, used = time.perf_counter(), cpu_seconds(pid)
        await asyncio.sleep(SECONDS)
        per_cycle = (cpu_seconds(pid) - used) / (time.perf_counter() - begin) * INTERVAL
        process = await get(session, "overview/process")
        looks = await _looks(session, 4 * INTERVAL)
        nodes = (await get(session, "nodes?size=2000"))["items"]
    intervals = [gap for moments in looks.values() for gap in _gaps(moments)]
    phases = sorted(moments[-1].timestamp() % INTERVAL for moments in looks.values())
    widest = max(b - a for a, b in itertools.pairwise([*phases, phases[0] + INTERVAL]))
    return [
        Figure(WATCH, "import of all clusters, one after the other", estate.imported_in, "s"),
        Figure(WATCH, "nodes that are not online", sum(node["status"] != "online" for node in nodes), "", 0),
        Figure(
            WATCH,
            "CPU of a cycle: everything the process does in 10 s",
            per_cycle,
            "s",
            pictures.goal(0.7, floor),
            f"0.7 s where the bare reader takes {pictures.BARE} s",
        ),
        Figure(WATCH, "the same, as a multiple of the bare reader", per_cycle / floor, "×"),
        Figure(WATCH, "lateness of the event loop, p99 of a minute", process["lag_p99"] * 1000, "ms", 30),
        Figure(WATCH, "lateness of the event loop, most", process["lag_most"] * 1000, "ms"),
        Figure(WATCH, "seconds between two looks at a cluster, p50", median(intervals), "s", 10.1),
        Figure(WATCH, "seconds between two looks at a cluster, most", max(intervals), "s"),
        Figure(WATCH, "clusters spread over the interval: widest gap", widest, "s", note="0.5 s is perfect"),
        Figure(WATCH, "memory of Paddock", process["memory"] / 2**20, "MiB", 400),
    ]


async def _looks(session: aiohttp.ClientSession, seconds: float) -> dict[str, list[datetime]]:
    """When each cluster was looked at, for some time: by the age of its nodes' figures."""
    seen: dict[str, dict[datetime, None]] = defaultdict(dict)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for node in (await get(session, "nodes?size=2000"))["items"]:
            if node["figures_at"] and node["name"] == "pve1":
                seen[node["cluster"]][datetime.fromisoformat(node["figures_at"])] = None
        await asyncio.sleep(2)
    return {cluster: sorted(moments) for cluster, moments in seen.items()}


def _gaps(moments: list[datetime]) -> list[float]:
    return [(b - a).total_seconds() for a, b in itertools.pairwise(moments)]


async def _hung(estate: Scale) -> list[Figure]:
    """One cluster accepts connections and never answers: do the others notice?"""
    broken = next(iter(estate.simulated.clusters))

    async def others() -> list[float]:
        async with rest(estate.served) as session:
            looks = await _looks(session, 5 * INTERVAL)
        return [gap for name, moments in looks.items() if name != broken for gap in _gaps(moments)]

    before = await others()
    for node in estate.simulated.clusters[broken]["nodes"]:
        estate.simulated.fault("black-hole", cluster=broken, node=node["name"])
    await asyncio.sleep(INTERVAL)
    used, begin = cpu_seconds(estate.served.pid), time.perf_counter()
    after = await others()
    cpu = (cpu_seconds(estate.served.pid) - used) / (time.perf_counter() - begin) * INTERVAL
    estate.simulated.clear(cluster=broken)
    await asyncio.sleep(3 * INTERVAL)
    group = f"{WATCH}, one of them hung"
    figures = []
    for name, gaps in (("all well", before), ("one hung", after)):
        figures += [
            Figure(group, f"looks at the others, {name}: p50", median(gaps), "s"),
            Figure(group, f"looks at the others, {name}: p99", percentile(gaps, 0.99), "s", 11),
        ]
    return [*figures, Figure(group, "CPU of a cycle meanwhile", cpu, "s")]


async def _pages(estate: Scale) -> list[Figure]:
    served = estate.served
    async with rest(served) as session:
        node = (await get(session, "nodes?size=1"))["items"][0]["id"]
        cluster = (await get(session, "clusters?size=1"))["items"][0]["id"]
    paths = {
        "REST: nodes": "/api/v1/nodes",
        "REST: containers": "/api/v1/containers",
        "REST: containers by CPU": "/api/v1/containers?sort=-cpu",
        "page: nodes": "/nodes",
        "page: a node": f"/nodes/{node}",
        "page: containers": "/containers",
        "page: containers by memory in use": "/containers?sort=-memory",
        "page: containers by node": "/containers?sort=node",
        "page: containers searched": "/containers?q=ct12&status=running",
        "page: containers of a cluster": f"/containers?cluster={cluster}&sort=-cpu",
        "page: containers of a node": f"/containers?node={node}&size=10",
    }
    taken: dict[str, list[float]] = {name: [] for name in paths}
    used, begin = cpu_seconds(served.pid), time.perf_counter()
    async with await sign_in(served) as session:

        async def ask(name: str, path: str) -> None:
            asked = time.perf_counter()
            async with session.get(path) as answer:
                body = await answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
            taken[name].append((time.perf_counter() - asked) * 1000)

        async with asyncio.TaskGroup() as group:
            for number, (name, path) in zip(
                range(round(RATE * SECONDS)), itertools.cycle(paths.items()), strict=False
            ):
                await asyncio.sleep(begin + number / RATE - time.perf_counter())
                group.create_task(ask(name, path))
    cpu = (cpu_seconds(served.pid) - used) / (time.perf_counter() - begin)
    figures = [
        Figure(PAGES, f"{name}, p95", percentile(times[2:], 0.95), "ms", 80) for name, times in taken.items()
    ]
    every = [one for times in taken.values() for one in times[2:]]
    return [
        *figures,
        Figure(PAGES, "all together, p50", median(every), "ms"),
        Figure(PAGES, "share of a core, the watch too", 100 * cpu, "%"),
    ]


async def _browsers(estate: Scale) -> list[Figure]:
    """Streams alone: what the pages fetch when they are told is measured above."""
    without = await _share(estate.served)
    heard = 0

    async def listen(session: aiohttp.ClientSession) -> None:
        nonlocal heard
        async with session.get("/live") as answer:
            if answer.status != 200:
                raise RuntimeError(f"/live: {answer.status}")
            async for line in answer.content:
                heard += line.startswith(b"event: views")

    async with AsyncExitStack() as stack:
        listening = []
        for number in range(BROWSERS):
            token = estate.tokens[number % len(estate.tokens)]
            session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    estate.served.base,
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=aiohttp.ClientTimeout(total=None),
                )
            )
            listening.append(asyncio.create_task(listen(session)))
        await asyncio.sleep(2)
        with_streams = await _share(estate.served)
        ended = sum(task.done() for task in listening)
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
    group = f"{BROWSERS} browsers with open event streams"
    return [
        Figure(group, "share of a core for the streams", max(0.0, with_streams - without), "%", 15),
        Figure(group, "share of a core, the watch too", with_streams, "%"),
        Figure(group, "messages that a browser heard", heard / BROWSERS, ""),
        Figure(group, "streams that ended by themselves", ended, "", 0),
    ]


async def _share(served: Served) -> float:
    used, begin = cpu_seconds(served.pid), time.perf_counter()
    await asyncio.sleep(SECONDS / 2)
    return 100 * (cpu_seconds(served.pid) - used) / (time.perf_counter() - begin)
