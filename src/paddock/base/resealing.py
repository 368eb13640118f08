"""All stored secrets sealed anew with another key, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from paddock.base.vault import Vault


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column that holds sealed values, and what a row's value is sealed to."""

    column: InstrumentedAttribute[str]
    context: Callable[[Any], str]


async def reseal(session: AsyncSession, places: Sequence[Sealed], old: Vault, new: Vault) -> int:
    """Returns how many values were sealed anew; those that `new` has sealed already stay.

    Raises VaultLocked where one opens with neither; then the caller must not commit.
    """
    count = 0
    for place in places:
        rows = await session.scalars(select(place.column.class_).where(place.column != ""))
        for row in rows:
            value = getattr(row, place.column.key)
            if new.is_own(value):
                continue
            context = place.context(row)
            setattr(row, place.column.key, new.seal(old.open(value, context=context), context=context))
            count += 1
    await session.flush()
    return count
