"""The life of containers: made, changed, started, stopped, destroyed."""

from __future__ import annotations

from tests.pvesim import recorded_scene as scenes
from tests.pvesim.sections.section import Section

SECTIONS = {
    "lxc": Section(0.99, 184, lambda: scenes.cluster(guests=(scenes.container(100),)), lag=10),
    "schema": Section(1.0, 138, lambda: scenes.cluster(guests=(scenes.container(100),), dns="")),
}
