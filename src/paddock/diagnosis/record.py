"""Diagnoses written down; no actor, no audit."""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import select

from paddock.base.context import Context
from paddock.base.errors import Conflict
from paddock.clusters.examination import Diagnosis
from paddock.diagnosis.documents import to_document
from paddock.diagnosis.events import NodeDiagnosed
from paddock.diagnosis.model import DiagnosisRow
from paddock.nodes import record as nodes

log = logging.getLogger(__name__)


async def record_diagnosis(ctx: Context, node_id: str, diagnosis: Diagnosis) -> None:
    """Replaces the one before. A line in the node's log where the cause is another one. Nothing where the node is gone."""
    cause = diagnosis.cause
    at = ctx.now()
    values = {
        "at": at,
        "automatic": diagnosis.automatic,
        "code": diagnosis.code[:32],
        "step": str(cause.key) if cause else "",
        "text": cause.text if cause else "",
        "document": to_document(diagnosis),
    }
    try:
        async with ctx.write() as tx:
            row = await tx.session.scalar(select(DiagnosisRow).where(DiagnosisRow.node_id == node_id))
            told = row.code if row is not None else "ok"
            if row is None:
                tx.session.add(DiagnosisRow(node_id=node_id, **values))
            else:
                for name, value in values.items():
                    setattr(row, name, value)
            if cause is not None and told != diagnosis.code:
                nodes.log(tx, node_id, at, "diagnosed", "warn", f"Diagnosis: {cause.title}: {cause.text}")
            tx.publish(NodeDiagnosed(node_id, diagnosis.code))
    except Conflict:
        log.info("node %s is gone or was diagnosed twice at once: this diagnosis is not kept", node_id)


async def times(ctx: Context) -> dict[str, datetime]:
    """When each node was diagnosed last; for Paddock itself."""
    async with ctx.read() as db:
        rows = await db.execute(select(DiagnosisRow.node_id, DiagnosisRow.at))
        return dict(rows.all())
