"""One node or its daemons in trouble, seen from another; quorum lost."""

from __future__ import annotations

from collections.abc import Callable

from pvesim import Running
from tests.pvesim import recorded_scene as scenes
from tests.pvesim.recorded import Exchange
from tests.pvesim.sections.section import ALL, Section, three


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


def _since(running: Running, exchange: Exchange) -> None:
    """The section `stale` says how long the node has been down."""
    if not running.faults:
        running.advance(15 - running.estate.clock.now() % 10)  # the last figures are five seconds old
        running.fault("node-down", node="pve3")
    down = float(exchange.note.rpartition("since ")[2].partition(" ")[0])
    node = running.estate["testcluster"].nodes["pve3"]
    assert node.down_since is not None
    running.advance(max(0.0, node.down_since + down - running.estate.clock.now()))


SECTIONS = {
    "offline": Section(1.0, 15, three(offline=("pve3",), guests=ALL)),
    "refused": Section(1.0, 2, three(guests=ALL), _in_trouble("daemon-down")),
    "hung": Section(1.0, 2, three(guests=ALL), _in_trouble("black-hole")),
    "stale": Section(
        1.0,
        24,
        three(guests=(*ALL, scenes.BEING_MADE), pools=("p1",), shared=True),
        _since,
        lag=10,
        timed=False,
    ),
    "justdied": Section(1.0, 6, three(guests=ALL), _just_died, timed=False),
    "nodaemon": Section(1.0, 4, three(guests=ALL), _local_daemon_down),
    "noquorum": Section(1.0, 14, three(guests=(*ALL, scenes.BEING_MADE)), _no_quorum),
}
