"""Backups, uploads, virtual machines."""

from __future__ import annotations

from tests.pvesim.sections.section import Section

SECTIONS: dict[str, Section] = {}
