"""Reads, and what passes over the wire."""

from __future__ import annotations

from tests.pvesim import recorded_scene as scenes
from tests.pvesim.sections.section import Section, three

_MAKING = (scenes.container(100), scenes.container(200, lock="create"))

SECTIONS = {
    "standalone": Section(1.0, 88, lambda: scenes.cluster(people=False)),
    "cluster": Section(0.98, 169, three(guests=scenes.ON_PVE1, notes="by token")),
    "http": Section(0.9, 56, lambda: scenes.cluster(guests=_MAKING)),
}
