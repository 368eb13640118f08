"""Turns what a reader asked for into ORDER BY, LIMIT and OFFSET."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import Select

from paddock.web.paging import Paging

S = TypeVar("S", bound=Select[*tuple[Any, ...]])


def ordered(query: S, paging: Paging, columns: Mapping[str, Any], *, default: Any, tie: Any) -> S:
    """The asked page in the asked order; `default` where none is asked for, `tie` makes it stable."""
    column = columns.get(paging.sort)
    first = default if column is None else column.desc() if paging.descending else column.asc()
    return query.order_by(first, tie).limit(paging.size).offset(paging.offset)
