"""The nodes in memory are read again whenever a change of a row is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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


def names(kinds: Iterable[type[Event]]) -> set[str]:
    """Dataclasses with slots are made twice, so a class is known by its name."""
    return {f"{kind.__module__}.{kind.__name__}" for kind in kinds}


def test_every_event_about_nodes_makes_them_be_read_again() -> None:
    ours = [kind for kind in every(Event) if kind.__module__.startswith("paddock.")]
    about = names(kind for kind in ours if "nodes" in kind.views)
    assert "paddock.nodes.events.NodeChanged" in about
    assert about == names(ELSEWHERE) | names(Register.TOLD_BY) - {"paddock.sites.events.SiteChanged"}
