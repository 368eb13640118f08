"""Reads, and what passes over the wire."""

from __future__ import annotations

from pvesim import Running
from tests.pvesim import recorded_scene as scenes
from tests.pvesim.recorded import Exchange
from tests.pvesim.sections.section import Section, three

_MAKING = (scenes.container(100), scenes.container(200, lock="create"))


def _by_token(running: Running, exchange: Exchange) -> None:
    """What other sections had done before, with the token."""
    if exchange.number == 1:
        tasks = running.estate["testcluster"].nodes["pve1"].tasks
        for failure in ("", "command 'termproxy' failed", "download failed"):
            tasks.done("vncproxy", "100", "root@pam!full", failure=failure)


SECTIONS = {
    "standalone": Section(1.0, 88, lambda: scenes.cluster(people=False)),
    "cluster": Section(1.0, 169, three(guests=scenes.ON_PVE1, notes="by token"), _by_token),
    "net": Section(1.0, 13, scenes.cluster),
    "http": Section(0.93, 73, lambda: scenes.cluster(guests=_MAKING)),
}
