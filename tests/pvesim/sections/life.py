"""The life of containers: made, changed, started, stopped, destroyed."""

from __future__ import annotations

from pvesim import Running
from tests.pvesim import recorded_scene as scenes
from tests.pvesim.recorded import Exchange
from tests.pvesim.sections.section import Section


def _without_sendmail(running: Running, exchange: Exchange) -> None:
    """The recorded host lacked it, and a backup sends its report or fails."""
    if exchange.note == "vzdump 103":
        running.fault(
            "task-trouble", cluster="testcluster", type="vzdump", text="unable to find command 'sendmail'"
        )


SECTIONS = {
    "lxc": Section(
        1.0, 185, lambda: scenes.cluster(guests=(scenes.container(100),)), _without_sendmail, lag=10
    ),
    "schema": Section(1.0, 138, lambda: scenes.cluster(guests=(scenes.container(100),), dns="")),
}
