"""From bodies to structs: fast where all is well, field by field where it is not. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

import msgspec

T = TypeVar("T")


@dataclass(frozen=True)
class Rows(Generic[T]):
    """A list as far as it could be read; `unreadable` counts the rows that could not."""

    items: list[T]
    unreadable: int = 0


class _Envelope(msgspec.Struct, Generic[T]):
    data: T


@lru_cache(maxsize=256)
def _decoder(kind: Any) -> msgspec.json.Decoder[_Envelope[Any]]:
    return msgspec.json.Decoder(_Envelope[kind], strict=False)


def decode(body: bytes, kind: type[T]) -> T:
    """The `data` of an answer. A field of the wrong type is left out where the struct allows it.

    Raises msgspec.DecodeError (ValidationError is one).
    """
    try:
        return cast(T, _decoder(cast(Any, kind)).decode(body).data)
    except msgspec.ValidationError:
        return mended(_decoder(Any).decode(body).data, kind)


def decode_rows(body: bytes, kind: type[T]) -> Rows[T]:
    """A list, decoded at once; only when that fails row by row. `data: null` is an empty list.

    Raises msgspec.DecodeError where it is no list at all.
    """
    try:
        return Rows(_decoder(cast(Any, list[kind])).decode(body).data)  # type: ignore[valid-type]
    except msgspec.ValidationError:
        found = _decoder(cast(Any, list[Any] | None)).decode(body).data or []
    items, unreadable = [], 0
    for row in found:
        try:
            items.append(mended(row, kind))
        except msgspec.ValidationError:
            unreadable += 1
    return Rows(items, unreadable)


def mended(row: Any, kind: type[T]) -> T:
    """Converts, leaving out the fields that do not fit; a number where a text belongs becomes that text.

    Raises msgspec.ValidationError where a required field is missing or wrong.
    """
    if not isinstance(row, dict) or not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return msgspec.convert(row, kind, strict=False)
    good: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.encode_name not in row:
            continue
        value = row[field.encode_name]
        for candidate in (value, str(value)) if isinstance(value, int | float) else (value,):
            try:
                msgspec.convert(candidate, field.type, strict=False)
            except msgspec.ValidationError:
                continue
            good[field.encode_name] = candidate
            break
    return cast(T, msgspec.convert(good, kind, strict=False))
