"""Backups, uploads, virtual machines."""

from __future__ import annotations

from tests.pvesim import recorded_scene as scenes
from tests.pvesim.sections.section import OPSEP, Section

SECTIONS: dict[str, Section] = {
    "qemu": Section(
        1.0,
        14,
        lambda: scenes.cluster(guests=(scenes.container(100), scenes.container(101, tags=["prod", "web"]))),
        lag=10,
    ),
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
    ),
}
