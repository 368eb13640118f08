"""How a recorded section is set up for being played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pvesim import ClusterScene, GuestScene, Running
from tests.pvesim import recorded_scene as scenes
from tests.pvesim.recorded import Exchange

OPSEP = "5f999587-2630-4d19-a83b-1d8fea63e298"
ALL: tuple[GuestScene, ...] = (*scenes.ON_PVE1, *scenes.RUNNING)


def nothing(running: Running, exchange: Exchange) -> None:
    return None


@dataclass(frozen=True)
class Section:
    """How a section is set up, and what share of its exchanges agreed when this was written."""

    floor: float
    covered: int
    scene: Callable[[], ClusterScene]
    before: Callable[[Running, Exchange], None] = nothing
    lag: float = 0.0
    seed: int = 1  # where chance decides, so that it decides as it did
    winners_first: bool = False  # of two calls at once, the one that went through is played first
    finished: bool = True  # every difference that is left has its reason
    signed_in: bool = False  # with a ticket of an earlier section
    timed: bool = True  # time passes as recorded; otherwise `before` says how


def three(**more: object) -> Callable[[], ClusterScene]:
    """The three nodes of `testcluster`."""
    return lambda: scenes.cluster(nodes=3, opsep=OPSEP, **more)  # type: ignore[arg-type]


def winners_first(exchanges: list[Exchange]) -> list[Exchange]:
    """Calls that were made at the same moment, in the order in which the server took them."""
    return sorted(exchanges, key=lambda each: (each.at, each.status != 200))
