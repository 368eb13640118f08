"""A diagnosis as JSON, for the database and for REST. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from paddock.clusters.examination import Diagnosis, Outcome, Step


def to_document(diagnosis: Diagnosis) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(diagnosis)
    return document


def from_document(document: Mapping[str, Any]) -> Diagnosis:
    """Raises msgspec.ValidationError for what another version of Paddock has written differently."""
    return msgspec.convert(document, Diagnosis, strict=False)


def to_wire(diagnosis: Diagnosis) -> dict[str, Any]:
    """With what follows from the steps, so that nobody needs to work it out again."""
    return {
        **to_document(diagnosis),
        "code": diagnosis.code,
        "headline": diagnosis.headline,
        "failed_step": diagnosis.cause.key if diagnosis.cause else None,
        "counts": {str(outcome): diagnosis.count(outcome) for outcome in Outcome},
        "steps": [step_to_wire(step) for step in diagnosis.steps],
    }


def step_to_wire(step: Step) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(step)
    return {"title": step.title, **document}
