"""Reads of diagnoses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import select

from paddock.base.context import Context
from paddock.base.errors import NotFound
from paddock.clusters.examination import Diagnosis
from paddock.diagnosis.documents import from_document
from paddock.diagnosis.model import DiagnosisRow
from paddock.nodes import queries as nodes


@dataclass(frozen=True, slots=True)
class Kept:
    """A node's newest diagnosis."""

    at: datetime
    diagnosis: Diagnosis


async def find_diagnosis(ctx: Context, node_id: str) -> Kept | None:
    """Of a node in the caller's scope. Raises NotFound for the node."""
    await nodes.get_node(ctx, node_id)
    async with ctx.read() as db:
        row = await db.scalar(select(DiagnosisRow).where(DiagnosisRow.node_id == node_id))
    if row is None:
        return None
    try:
        return Kept(row.at, from_document(row.document))
    except msgspec.ValidationError:
        return None  # of another version of Paddock; the next one replaces it


async def get_diagnosis(ctx: Context, node_id: str) -> Kept:
    """Raises NotFound for the node, or where it was never diagnosed."""
    if (kept := await find_diagnosis(ctx, node_id)) is None:
        raise NotFound(
            "This node has not been diagnosed yet.",
            code="no_diagnosis",
            hint="Diagnose it: paddock nodes diagnose NODE",
        )
    return kept
