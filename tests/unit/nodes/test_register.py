"""The nodes in memory are read again whenever a change of a row is told."""

from __future__ import annotations

from collections.abc import Iterator

import paddock.app  # noqa: F401 - knows every event there is
from paddock.base.events import Event
from paddock.containers.events import ContainersChanged, DetailsChanged
from paddock.diagnosis.events import NodeDiagnosed
from paddock.nodes.queries import Register

ELSEWHERE = {ContainersChanged, DetailsChanged, NodeDiagnosed}
"""They change pages of nodes, but no row of them."""


def every(kind: type[Event]) -> Iterator[type[Event]]:
    for one in kind.__subclasses__():
        yield one
        yield from every(one)


def test_every_event_about_nodes_makes_them_be_read_again() -> None:
    about = {
        kind for kind in every(Event) if kind.__module__.startswith("paddock.") and "nodes" in kind.views
    }
    assert about - ELSEWHERE <= set(Register.TOLD_BY)
    assert set(Register.TOLD_BY) - about <= {kind for kind in Register.TOLD_BY if "sites" in kind.views}
