"""The recorded sections and how each is set up."""

from __future__ import annotations

from tests.pvesim.sections import access, life, moving, reading, storing, trouble
from tests.pvesim.sections.section import Section

SECTIONS: dict[str, Section] = {
    **reading.SECTIONS,
    **access.SECTIONS,
    **life.SECTIONS,
    **moving.SECTIONS,
    **storing.SECTIONS,
    **trouble.SECTIONS,
}

__all__ = ["SECTIONS", "Section"]
