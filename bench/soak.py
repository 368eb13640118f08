"""`make soak`: a served Paddock and a simulated estate in which something breaks every second.

Afterwards everything is mended, and then: nothing unhandled in the logs, no answer of 500, no growth of memory, sockets
or tasks, and what Paddock shows is what the simulator says. Writes build/soak.json.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bench.importing import import_cluster
from bench.processes import ROOT, Served, Simulated, estate, paddock
from bench.report import median
from bench.scale import get, rest
from bench.serving import sign_in
from pvesim.control import ControlError
from pvesim.faults import FAULTS, Fault

ESTATE = ("alpha:5:60", "beta:3:40", "gamma:1:10")
LASTS = (2.0, 25.0)
"""Seconds that a fault lasts, at random."""
SAMPLE_SECONDS = 10.0
SETTLE_SECONDS = 60.0
TRUTH_SECONDS = 300.0
"""How long Paddock may take to be right again: a certificate, a sign-in and a flapping node have their calm."""
STREAMS = 6
UNHANDLED = re.compile(
    r"Traceback|failed; the next round|a listener failed|never retrieved|was never awaited|CRITICAL"
)
MORE = {"tasks": 10, "sockets": 12, "memory": 24 * 2**20}
"""What may be more at the end than at the beginning: keep-alive connections come and go, and the heap warms up."""


@dataclass
class Report:
    minutes: float
    seed: int
    caused: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)
    """Faults that the simulator would not cause, and why."""
    requests: int = 0
    bad_answers: list[str] = field(default_factory=list)
    unhandled: list[str] = field(default_factory=list)
    samples: list[dict[str, float]] = field(default_factory=list)
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)
    right_after: float | None = None
    """Seconds from the end of the last fault until Paddock showed the truth; None: it did not."""
    differences: list[str] = field(default_factory=list)

    def failures(self) -> list[str]:
        found = [f"unhandled: {line}" for line in self.unhandled[:20]]
        found += [f"answer: {line}" for line in self.bad_answers[:20]]
        for name, more in MORE.items():
            if self.after[name] > self.before[name] + more:
                found.append(f"{name} grew from {self.before[name]:,.0f} to {self.after[name]:,.0f}")
        if self.right_after is None:
            found += [f"not the truth: {line}" for line in self.differences[:20]]
        return found


def _site(cluster: str) -> str:
    return f"Site {cluster}"


def _say(text: str) -> None:
    """Progress, beside the report."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def reversible(fault: Fault) -> bool:
    """Whether everything is as before once the fault has ended; it says so itself where it is not."""
    return bool(getattr(fault, "reversible", True))


async def soak(minutes: float, seed: int) -> Report:
    report = Report(minutes, seed)
    with tempfile.TemporaryDirectory(prefix="paddock-soak-") as folder:
        logs = [Path(folder) / "paddock.log", Path(folder) / "pvesim.log"]
        with (
            estate(*ESTATE, log=logs[1]) as simulated,
            paddock(log=logs[0], watch_interval="5", contact_interval="15", log_level="WARNING") as served,
        ):
            _say("importing")
            for name, cluster in simulated.clusters.items():
                await import_cluster(served, cluster, _site(name))
            async with rest(served) as session:
                await _until_right(session, simulated, report)
                report.right_after, report.differences = None, []
                await asyncio.sleep(min(SETTLE_SECONDS, minutes * 15))
                report.before = await _condition(session)
                _say(f"breaking something every second for {minutes:g} minutes")
                users = [asyncio.create_task(work) for work in _users(served, report)]
                users.append(asyncio.create_task(_sample(session, report)))
                await _break_things(simulated, report, until=time.monotonic() + minutes * 60)
                await _stop(users, report)
                simulated.clear()
                _say(f"{report.caused.total()} faults are over; until Paddock shows the truth")
                await _until_right(session, simulated, report)
                await asyncio.sleep(min(SETTLE_SECONDS, minutes * 15))
                report.after = await _condition(session)
        for log in logs:
            report.unhandled += [
                line[:300] for line in log.read_text().splitlines() if UNHANDLED.search(line)
            ]
            kept = ROOT / "build" / f"soak-{log.name}"
            kept.write_text(log.read_text())
    return report


async def _break_things(simulated: Simulated, report: Report, *, until: float) -> None:
    """Something new each second. One trouble at a time per node and one per cluster, since two on one thing cannot be
    undone out of order; several nodes and clusters are in trouble together all the same."""
    chance = random.Random(report.seed)
    active: dict[tuple[str, str], tuple[str, float]] = {}
    kinds = [one for one in FAULTS.values() if reversible(one)]
    while time.monotonic() < until:
        for target, (name, ends) in list(active.items()):
            if time.monotonic() >= ends:
                await asyncio.to_thread(simulated.clear, name, cluster=target[0], node=target[1])
                del active[target]
        kind = chance.choice(kinds)
        cluster = chance.choice(list(simulated.clusters))
        node = chance.choice(simulated.clusters[cluster]["nodes"])["name"] if "node" in kind.scope else ""
        if (cluster, node) not in active:
            try:
                await asyncio.to_thread(simulated.fault, kind.name, cluster=cluster, node=node)
            except ControlError as error:
                report.refused.setdefault(kind.name, str(error))
            else:
                report.caused[kind.name] += 1
                active[cluster, node] = (kind.name, time.monotonic() + chance.uniform(*LASTS))
        await asyncio.sleep(1)


def _users(served: Served, report: Report) -> list[Any]:
    """People who look at pages, programs that ask, browsers that come and go."""

    def noted(path: str, status: int) -> None:
        report.requests += 1
        if status >= 500:
            report.bad_answers.append(f"{path}: {status}")

    async def pages() -> None:
        async with await sign_in(served) as session, rest(served) as by_token:
            while True:
                for path in ("/", "/nodes", "/containers?sort=-cpu", "/containers?q=ct1", "/sites", "/jobs"):
                    async with session.get(path) as answer:
                        await answer.read()
                        noted(path, answer.status)
                    await asyncio.sleep(0.3)
                async with by_token.get("nodes?size=200") as answer:
                    noted("nodes", answer.status)
                    node = (await answer.json())["items"][0]["id"]
                async with session.get(f"/nodes/{node}") as answer:
                    await answer.read()
                    noted("/nodes/{node}", answer.status)

    async def stream(number: int) -> None:
        chance = random.Random(number)
        while True:
            async with rest(served) as session:
                with contextlib.suppress(TimeoutError):
                    async with (
                        asyncio.timeout(chance.uniform(1, 20)),
                        session.get(f"{served.base}/live") as answer,
                    ):
                        noted("/live", answer.status)
                        async for _ in answer.content:
                            pass

    return [pages(), *(stream(number) for number in range(STREAMS))]


async def _stop(tasks: list[asyncio.Task[Any]], report: Report) -> None:
    for task in tasks:
        if task.done() and (error := task.exception()):
            report.bad_answers.append(f"a reader ended: {error!r}")
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _sample(session: aiohttp.ClientSession, report: Report) -> None:
    begin = time.monotonic()
    while True:
        await asyncio.sleep(SAMPLE_SECONDS)
        found = await get(session, "overview/process")
        report.samples.append({"at": round(time.monotonic() - begin), **found})


async def _condition(session: aiohttp.ClientSession) -> dict[str, float]:
    """The median of some, with garbage collected."""
    found = []
    for _ in range(5):
        found.append(await get(session, "overview/process?collect=true"))
        await asyncio.sleep(2)
    return {name: median([one[name] for one in found]) for name in found[0]}


async def _until_right(session: aiohttp.ClientSession, simulated: Simulated, report: Report) -> None:
    begin = time.monotonic()
    while time.monotonic() - begin < TRUTH_SECONDS:
        report.differences = await _differences(session, simulated)
        if not report.differences:
            report.right_after = time.monotonic() - begin
            return
        await asyncio.sleep(2)
    report.right_after = None
    _say(f"Paddock does not show the truth, e.g. {report.differences[0]}")


async def _differences(session: aiohttp.ClientSession, simulated: Simulated) -> list[str]:
    truth, shown = set(), set()
    for called, cluster in simulated.clusters.items():
        name = _site(called)  # a lone host becomes a cluster and changes its name
        for row in await _resources(cluster):
            if row["type"] == "node":
                truth.add(f"{name}/{row['node']} is {row['status']}")
            elif row["type"] == "lxc" and not row.get("template"):
                truth.add(f"{name}/{row['vmid']} {row['name']} is {row['status']} on {row['node']}")
    for node in (await get(session, "nodes?size=2000"))["items"]:
        gone = " and no member" if node["vanished_at"] else ""
        shown.add(f"{node['site']}/{node['name']} is {node['status']}{gone}")
    for one in (await get(session, "containers?size=2000"))["items"]:
        shown.add(f"{one['site']}/{one['vmid']} {one['name']} is {one['status']} on {one['node']}")
    return sorted([f"missing: {one}" for one in truth - shown] + [f"wrong: {one}" for one in shown - truth])


async def _resources(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    token = cluster["tokens"]["full"]
    headers = {"Authorization": f"PVEAPIToken={token['id']}={token['secret']}"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(
            f"{cluster['nodes'][0]['url']}/api2/json/cluster/resources", headers=headers, ssl=False
        ) as answer,
    ):
        rows: list[dict[str, Any]] = (await answer.json())["data"]
        return rows


def _told(report: Report) -> str:
    lines = [
        f"{report.minutes:g} minutes, {report.caused.total()} faults of {len(report.caused)} kinds, "
        f"{report.requests:,} requests meanwhile",
        *(f"  {count:4} × {name}" for name, count in sorted(report.caused.items())),
        *(f"     0 × {name}: {why}" for name, why in report.refused.items() if not report.caused[name]),
        *(
            f"{name:8} {report.before[name]:>14,.0f} before {report.after[name]:>14,.0f} after"
            for name in MORE
        ),
        f"lateness of the event loop, p99 at the end: {report.after['lag_p99'] * 1000:.1f} ms",
    ]
    if report.right_after is not None:
        lines.append(f"Paddock showed the truth {report.right_after:.0f} s after the last fault.")
    failures = report.failures()
    return "\n".join([*lines, *failures, "FAILED" if failures else "ok"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    wanted = parser.parse_args()
    (ROOT / "build").mkdir(exist_ok=True)
    report = asyncio.run(soak(wanted.minutes, wanted.seed))
    failures = report.failures()
    (ROOT / "build" / "soak.json").write_text(json.dumps(vars(report) | {"failures": failures}, indent=1))
    print(f"seed {report.seed}")
    print(_told(report))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
