"""What every operation of REST promises besides its own answer: whatever goes wrong is problem+json."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

_REF = "#/components/schemas/Problem"
_NEVER_SENT = ("HTTPValidationError", "ValidationError")
"""FastAPI's own shapes of a refusal."""


class FieldProblem(BaseModel):
    field: str = Field(description="Name on the wire; empty means the whole.")
    message: str


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it. Some codes bring further members."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["/problems/not_found"])
    title: str
    status: int
    detail: str = Field(description="A sentence for people.")
    code: str = Field(description="Stable, for programs.", examples=["not_found"])
    hint: str | None = Field(None, description="What to do next.")
    errors: list[FieldProblem] | None = Field(None, description="What is wrong with which field.")


def install(app: FastAPI) -> None:
    """Puts the promise into the OpenAPI document of the application. Call when all routes are there."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document: dict[str, Any] = made()  # FastAPI makes it once and keeps it
        if "Problem" not in document["components"]["schemas"]:
            _promise(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _promise(document: dict[str, Any]) -> None:
    answer = {
        "description": "What went wrong",
        "content": {"application/problem+json": {"schema": {"$ref": _REF}}},
    }
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = answer
    schemas = document["components"]["schemas"]
    for name in _NEVER_SENT:
        schemas.pop(name, None)
    described = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(described.pop("$defs"))
    schemas["Problem"] = described
