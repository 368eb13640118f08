"""Signing in, rights, and losing them."""

from __future__ import annotations

from pvesim import Running
from tests.pvesim import recorded_scene as scenes
from tests.pvesim.recorded import Exchange
from tests.pvesim.sections.section import ALL, Section, three

_MAKING = (scenes.container(100), scenes.container(200, lock="create"))


def _create_ends(running: Running, exchange: Exchange) -> None:
    """While `perm` was recorded, a container was just being created."""
    guest = running.estate["testcluster"].guests[200]
    if exchange.number > 4 and guest.lock:
        guest.lock = ""
        guest.touch()


SECTIONS = {
    "setup": Section(1.0, 45, lambda: scenes.cluster(dis=False)),
    "auth": Section(1.0, 74, scenes.cluster),
    "expired": Section(1.0, 34, three(guests=ALL)),
    "perm": Section(0.99, 140, lambda: scenes.cluster(guests=_MAKING), _create_ends),
    "access": Section(1.0, 26, three(guests=ALL, pools=("p1",))),
    "ceremony": Section(0.78, 38, three(guests=ALL)),
}
