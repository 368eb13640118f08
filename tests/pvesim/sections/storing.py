"""Backups, uploads, virtual machines."""

from __future__ import annotations

from pvesim import Running
from pvesim.sampling import sample_of
from tests.pvesim import recorded_scene as scenes
from tests.pvesim.recorded import Exchange
from tests.pvesim.sections.section import OPSEP, Section


def _just_looked(running: Running, exchange: Exchange) -> None:
    """pvestatd has just gone round when the machine is made, and has not again when it is looked for."""
    if exchange.number == 1:
        running.advance(10.5 - running.estate.clock.now() % 10)
        sample_of(running.estate["testcluster"].nodes["pve1"])


def _without_cstream(running: Running, exchange: Exchange) -> None:
    """The recorded host got it after its first backup had failed for want of it."""
    if exchange.number == 6:
        running.fault(
            "task-trouble", cluster="testcluster", type="vzdump", text="unable to find command 'cstream'"
        )


SECTIONS = {
    "backup": Section(
        0.98,
        69,
        lambda: scenes.cluster(
            nodes=3,
            opsep=OPSEP,
            guests=(
                scenes.container(100),
                scenes.container(104, template=True),
                scenes.container(105),
                scenes.container(151, status="running"),
            ),
            shared=True,
        ),
        _without_cstream,
    ),
    "qemu": Section(1.0, 14, lambda: scenes.cluster(guests=scenes.ON_PVE1), _just_looked, lag=10),
}
