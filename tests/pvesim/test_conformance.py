"""pvesim against recordings of a genuine Proxmox VE 9.2 cluster."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pvesim import ClusterScene, Estate, Running, Settings, serve
from tests import addresses
from tests.pvesim import recorded_scene as scenes
from tests.pvesim.known_differences import KNOWN
from tests.pvesim.recorded import Exchange, require, section
from tests.pvesim.replay import Player, Result


def _nothing(running: Running, exchange: Exchange) -> None:
    return None


def _in_trouble(fault: str) -> Callable[[Running, Exchange], None]:
    def before(running: Running, exchange: Exchange) -> None:
        if not running.faults:
            running.fault(fault, node="pve3")

    return before


def _just_died(running: Running, exchange: Exchange) -> None:
    if not running.faults:
        running.fault("node-down", node="pve3")
    elif exchange.number == 6:
        running.advance(30)  # the call before had to time out


def _local_daemon_down(running: Running, exchange: Exchange) -> None:
    if not running.faults:
        running.fault("backend-down", node="pve1")


def _no_quorum(running: Running, exchange: Exchange) -> None:
    if not running.faults:
        running.fault("quorum-lost")
        for name in ("pve2", "pve3"):
            running.fault("node-down", node=name)
        running.advance(30)


@dataclass(frozen=True)
class Section:
    """How a section is set up, and what share of its exchanges agreed when this was written."""

    floor: float
    covered: int
    scene: Callable[[], ClusterScene]
    before: Callable[[Running, Exchange], None] = _nothing
    lag: float = 0.0


def _three(**more: object) -> Callable[[], ClusterScene]:
    opsep = "5f999587-2630-4d19-a83b-1d8fea63e298"
    return lambda: scenes.cluster(nodes=3, opsep=opsep, **more)  # type: ignore[arg-type]


def _create_ends(running: Running, exchange: Exchange) -> None:
    """While `perm` was recorded, a container was just being created."""
    guest = running.estate["testcluster"].guests[200]
    if exchange.number > 4 and guest.lock:
        guest.lock = ""
        guest.touch()


def _since(running: Running, exchange: Exchange) -> None:
    """The section `stale` says how long the node has been down."""
    if not running.faults:
        running.advance(15 - running.estate.clock.now() % 10)  # the last figures are five seconds old
        running.fault("node-down", node="pve3")
    down = float(exchange.note.rpartition("since ")[2].partition(" ")[0])
    node = running.estate["testcluster"].nodes["pve3"]
    assert node.down_since is not None
    running.advance(max(0.0, node.down_since + down - running.estate.clock.now()))


_ALL = (*scenes.ON_PVE1, *scenes.RUNNING)
_MAKING = (scenes.container(100), scenes.container(200, lock="create"))

SECTIONS = {
    "standalone": Section(1.0, 76, lambda: scenes.cluster(people=False)),
    "setup": Section(1.0, 45, lambda: scenes.cluster(dis=False)),
    "auth": Section(1.0, 74, scenes.cluster),
    "expired": Section(1.0, 34, _three(guests=_ALL)),
    "perm": Section(0.99, 120, lambda: scenes.cluster(guests=_MAKING), _create_ends),
    "access": Section(1.0, 26, _three(guests=_ALL, pools=("p1",))),
    "cluster": Section(0.97, 124, _three(guests=scenes.ON_PVE1, notes="by token")),
    "offline": Section(1.0, 15, _three(offline=("pve3",), guests=_ALL)),
    "refused": Section(1.0, 2, _three(guests=_ALL), _in_trouble("daemon-down")),
    "hung": Section(1.0, 2, _three(guests=_ALL), _in_trouble("black-hole")),
    "stale": Section(
        1.0, 24, _three(guests=(*_ALL, scenes.BEING_MADE), pools=("p1",), shared=True), _since, lag=10
    ),
    "justdied": Section(1.0, 6, _three(guests=_ALL), _just_died),
    "ceremony": Section(0.78, 38, _three(guests=_ALL)),
    "nodaemon": Section(1.0, 4, _three(guests=_ALL), _local_daemon_down),
    "noquorum": Section(1.0, 14, _three(guests=(*_ALL, scenes.BEING_MADE)), _no_quorum),
    "http": Section(0.88, 45, lambda: scenes.cluster(guests=_MAKING)),
}


async def replay(name: str) -> list[Result]:
    """Play a section; every exchange with how it compares."""
    setup = SECTIONS[name]
    estate = Estate(
        [setup.scene()], settings=Settings.quick(auth_delay=0, delay_scale=0, lag=setup.lag, notice_after=10)
    )
    async with serve(estate, network=addresses.network()) as running:
        player = Player(running, before=setup.before)
        results = [await player.play(exchange) for exchange in section(name)]
    for result in results:
        result.known = _known(result)
    return results


def _known(result: Result) -> str:
    if not result.wrong:
        return ""
    exchange = result.exchange
    text = f"{exchange.section} {exchange.method} {exchange.data['path']} | {exchange.note} | {result.wrong}"
    return next((reason for pattern, reason in KNOWN if re.search(pattern, text)), "")


def summary(name: str, results: list[Result]) -> str:
    """One line, and one more for everything that is not as recorded."""
    covered = [result for result in results if result.covered]
    agree = [result for result in covered if not result.wrong]
    lines = [
        f"{name:<11} {len(agree):>4} of {len(covered):>4} agree ({len(agree) / max(1, len(covered)):6.1%});"
        f" {len(results) - len(covered)} not played here yet"
    ]
    for result in covered:
        if result.wrong:
            exchange = result.exchange
            mark = f"known: {result.known}" if result.known else "WRONG"
            lines.append(
                f"    {exchange.number}: {exchange.method} {exchange.data['path'][:70]} ({exchange.note[:40]}):"
                f" {result.wrong[:200]}  [{mark}]"
            )
    return "\n".join(lines)


@pytest.mark.shared
@pytest.mark.parametrize("name", SECTIONS)
async def test_recorded_exchanges_agree(name: str) -> None:
    require()
    results = await replay(name)
    report = summary(name, results)
    print("\n" + report)
    covered = [result for result in results if result.covered]
    agree = sum(not result.wrong for result in covered)
    floor = SECTIONS[name]
    assert agree / len(covered) >= floor.floor, report
    assert len(covered) >= floor.covered, report
    surprises = [result for result in covered if result.wrong and not result.known]
    assert not surprises, report
