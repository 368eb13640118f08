"""A cluster that answers with anything: named rightly, alone in its trouble, bounded in memory, and well again afterwards."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from paddock.proxmox import transport
from paddock.proxmox.connection import Connection
from pvesim import ClusterScene
from pvesim.faults.odd_answers import _KINDS
from tests.app.conftest import Estates
from tests.app.security.conftest import Crashes
from tests.harness import Paddock

WELL = frozenset({""})
UNREADABLE = frozenset({"unreadable"})
TOO_MUCH = frozenset({"too_large", "timed_out"})
"""Which of the two comes first is up to how busy the machine is."""

RUBBISH: dict[str, frozenset[str]] = {
    "markup": UNREADABLE,  # the members' own names are none any more
    "control": UNREADABLE,
    "long": UNREADABLE,
    "invalid-json": UNREADABLE,
    "not-json": UNREADABLE,
    "mistyped": WELL,
    "empty": UNREADABLE,
    "wrong-type": UNREADABLE,
    "binary": UNREADABLE,
    "deep": UNREADABLE,
    "numbers": UNREADABLE,
    "doubled": UNREADABLE,
    "many": UNREADABLE,
    "huge": UNREADABLE,
    "header": UNREADABLE,
    "headers": UNREADABLE,
    "endless": TOO_MUCH,
    "bomb": TOO_MUCH,
}
"""What Paddock calls a cluster whose every answer is so, by the `how` of pvesim's fault."""
CASES: list[tuple[str, dict[str, Any], frozenset[str]]] = [
    *(("rubbish", {"how": how}, codes) for how, codes in RUBBISH.items()),
    *(
        ("rubbish", {"how": how, "path": "/resources$"}, WELL)
        for how in ("markup", "control", "long", "mistyped")
    ),
    ("drip", {"size": 1, "seconds": 0.1}, frozenset({"timed_out"})),
    ("answer-cut", {"count": 0}, frozenset({"connection_reset"})),
    ("answer-cut", {"count": 0, "how": "close"}, frozenset({"connection_reset"})),
    ("answer-lost", {"count": 0, "path": ""}, frozenset({"connection_reset"})),
    ("overloaded", {}, frozenset({"gateway_failed"})),
    ("overloaded", {"status": 302, "reason": "Found"}, frozenset({"not_proxmox"})),
    ("overloaded", {"status": 500, "reason": '<script>alert(1)</script>"%00'}, frozenset({"refused"})),
]
MOST_MEMORY = 512 << 20
"""Bytes more. The simulator makes and buffers the answers in the same process: about 330 MiB were seen with a dozen of
10 MB on their way to reading and diagnosis. What Paddock itself holds is pinned by tests/contract/test_too_large.py."""


def test_every_kind_of_rubbish_has_its_row() -> None:
    assert set(RUBBISH) == set(_KINDS)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives an answer 3 s and 12 MiB instead of 25 s and 64 MiB."""
    monkeypatch.setattr(transport, "BODY_LIMIT", 12 << 20)
    for asking in (Connection.get, Connection.get_rows):
        monkeypatch.setitem(asking.__kwdefaults__, "timeout", 3.0)


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Look:
    """What Paddock shows of two clusters, and the most memory it took meanwhile."""

    def __init__(self, paddock: Paddock, sick: str) -> None:
        self._paddock = paddock
        self._sick = sick
        self._before = resident()
        self.grown = 0

    async def trouble(self) -> tuple[str, str]:
        found = await self._paddock.api.get(f"/clusters/{self._sick}")
        self.grown = max(self.grown, resident() - self._before)
        return found["trouble"], found["trouble_text"]

    async def until(self, codes: frozenset[str], seconds: float = 30) -> str:
        """Waits for one of these codes; returns the sentence."""
        code = text = ""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    code, text = await self.trouble()
                    if code in codes:
                        return text
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"the trouble is {code!r} ({text}), not one of {sorted(codes)}") from None


@pytest.mark.parametrize(
    ("name", "how", "codes"), CASES, ids=["-".join(map(str, (n, *h.values()))) for n, h, _ in CASES]
)
async def test_a_sick_cluster_harms_itself_alone(
    paddock: Paddock,
    estates: Estates,
    impatient: None,
    crashes: Crashes,
    name: str,
    how: dict[str, Any],
    codes: frozenset[str],
) -> None:
    prod = ClusterScene.simple("prod", nodes=3, containers=6)
    async with estates(prod, ClusterScene.simple("edge", nodes=2, containers=4)) as running:
        job = await paddock.imported(await paddock.site("Vienna"), running["prod"])
        await paddock.imported(await paddock.site("Graz"), running["edge"])
        sick = job["result"]["cluster_id"]
        look = Look(paddock, sick)
        running.fault(name, cluster="prod", **how)
        if codes == WELL:
            for _ in range(25):
                await asyncio.sleep(0.1)
                assert (await look.trouble())[0] == ""
        else:
            text = await look.until(codes)
            assert 10 < len(text) < 700
        others = await edge(paddock)
        assert {one["status"] for one in others} == {"online"}
        async with asyncio.timeout(15):  # the figures of the other one move on
            while (later := await edge(paddock)) and [one["figures_at"] for one in later] == [
                one["figures_at"] for one in others
            ]:
                await asyncio.sleep(0.2)
        assert look.grown < MOST_MEMORY, f"{look.grown >> 20} MiB more"
        running.clear()
        await look.until(WELL)
        for one in ("pve1", "pve2", "pve3"):
            await online_again(paddock, sick, one)
        kept = await paddock.api.get(f"/clusters/{sick}")
        assert (kept["kind"], kept["nodes"]) == ("cluster", 3), "no word of it is believed to be a lone host"
        assert (await paddock.api.get("/containers"))["total"] == 10
    assert crashes() == []


async def edge(paddock: Paddock) -> list[Any]:
    found = (await paddock.api.get("/nodes?size=2000"))["items"]
    return [one for one in found if one["site"] == "Graz"]


async def online_again(paddock: Paddock, cluster_id: str, name: str) -> None:
    one: Any = None
    try:
        async with asyncio.timeout(30):
            while True:
                found = (await paddock.api.get(f"/nodes?cluster={cluster_id}"))["items"]
                one = next(one for one in found if one["name"] == name)
                if one["status"] == "online":
                    return
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"{name} stays {one['status']}: {one['status_reason']}") from None
