"""From bodies to structs: fast where all is well, field by field where it is not. Pure.

Whatever a peer sends ends in a value or in msgspec.DecodeError, never in anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

import msgspec

T = TypeVar("T")

# Longer texts are cut where a shape bounds them.
TEXT_LIMIT = 255


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


def read_json(body: bytes, kind: Any = Any) -> Any:
    """A whole JSON text as `kind`, for what has no `data` around it. Raises msgspec.DecodeError."""
    return _whole(msgspec.json.Decoder(kind, strict=False), body)


def decode(body: bytes, kind: type[T]) -> T:
    """The `data` of an answer. A field of the wrong type is left out where the struct allows it.

    Raises msgspec.DecodeError (ValidationError is one).
    """
    try:
        return cast(T, _whole(_decoder(cast(Any, kind)), body).data)
    except msgspec.ValidationError:
        return mended(_whole(_decoder(Any), body).data, kind)


def decode_rows(body: bytes, kind: type[T]) -> Rows[T]:
    """A list, decoded at once; only when that fails row by row. `data: null` is an empty list.

    Raises msgspec.DecodeError where it is no list at all.
    """
    try:
        rows = _whole(_decoder(cast(Any, list[kind])), body).data  # type: ignore[valid-type]
        _check_all(rows, kind)
        return Rows(rows)
    except msgspec.ValidationError:
        found = _whole(_decoder(cast(Any, list[Any] | None)), body).data or []
    items, unreadable = [], 0
    for row in found:
        try:
            items.append(mended(row, kind))
        except msgspec.ValidationError:
            unreadable += 1
    return Rows(items, unreadable)


def _check_all(rows: list[T], kind: type[T]) -> None:
    """Raises ValidationError where a field of some row does not pass its check."""
    for name, passes in getattr(kind, "checked", {}).items():
        values = {getattr(row, name) for row in rows}
        values.discard(None)
        if not all(map(passes, values)):
            raise msgspec.ValidationError(f"a `{name}` is not what it must be")


def _whole(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    # PostgreSQL holds no NUL in a text. Most bodies hold no backslash at all, and that is found out much faster.
    if b"\\" in body and b"\\u0000" in body:
        body = body.replace(b"\\u0000", b"\\ufffd")
    try:
        try:
            return decoder.decode(body)
        except UnicodeDecodeError:
            return decoder.decode(body.decode(errors="replace").encode())
    except RecursionError:
        raise msgspec.DecodeError("it is nested too deeply") from None


def _candidates(value: Any) -> tuple[Any, ...]:
    if isinstance(value, int | float):
        return value, str(value)
    return (value, value[:TEXT_LIMIT]) if isinstance(value, str) else (value,)


def mended(row: Any, kind: type[T]) -> T:
    """Converts, leaving out the fields that do not fit; a number where a text belongs becomes that text, and a text
    that is too long is cut.

    Raises msgspec.ValidationError where a required field is missing or wrong, or one of `kind.identifying` wrong.
    """
    if not isinstance(row, dict) or not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return msgspec.convert(row, kind, strict=False)
    good: dict[str, Any] = {}
    checked = getattr(kind, "checked", {})
    for field in msgspec.structs.fields(kind):
        if field.encode_name not in row:
            continue
        value = row[field.encode_name]
        for candidate in _candidates(value):
            try:
                fitting = msgspec.convert(candidate, field.type, strict=False)
                if field.name in checked and fitting is not None and not checked[field.name](fitting):
                    continue
            except msgspec.ValidationError:
                continue
            good[field.encode_name] = candidate
            break
        else:
            if field.name in getattr(kind, "identifying", ()):
                raise msgspec.ValidationError(f"`{field.encode_name}` is not what it must be")
    return cast(T, msgspec.convert(good, kind, strict=False))
