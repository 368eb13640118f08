"""Lists as CSV, for spreadsheets: a cell that looks like a formula is shown as text, never run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from fastapi import Response

Cell = str | int | float | datetime | None

_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # the last four are the full-width ones


def csv_response(name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """A download called `name`.csv in UTF-8. Times in UTC, ISO 8601; numbers plain, None empty."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return Response(
        out.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _cell(value: Cell) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, str) and {value[:1], _first_shown(value)} & _FORMULA:
        return f"'{value}"  # as OWASP advises against CSV injection
    return value


def _first_shown(text: str) -> str:
    """The first sign that a person sees: spreadsheets skip blanks and control signs before a formula."""
    return next((sign for sign in text if sign.isprintable() and not sign.isspace()), "")
