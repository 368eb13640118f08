"""Migration, and what may go wrong while containers are made or moved."""

from __future__ import annotations

from tests.pvesim.sections.section import Section

SECTIONS: dict[str, Section] = {}
