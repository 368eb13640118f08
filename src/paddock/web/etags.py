"""ETags of rows that people edit: the version in quotes. `If-Match` guards against overwriting another's change."""

from __future__ import annotations

from fastapi import Header

from paddock.base.errors import Invalid, StaleVersion


def etag(version: int) -> str:
    """The ETag of a version, with its quotes."""
    return f'"{version}"'


def if_match(
    value: str | None = Header(
        None, alias="If-Match", description='The ETag that was read, for example `"3"`; absent or `*`: any.'
    ),
) -> int | None:
    """A dependency: the version that the caller has read, or None where any will do. Raises Invalid."""
    if value is None or value.strip() == "*":
        return None
    text = value.strip().removeprefix("W/").strip('"')
    version = version_of(text)
    if version is None:
        raise Invalid.field("If-Match", 'If-Match takes the ETag that was read, for example "3".')
    return version


def version_of(text: str) -> int | None:
    """A version as a form or header gives it; None where it is none. `isdigit` alone would let "²" pass."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def check(expected: int | None, actual: int, *, what: str) -> None:
    """Raises StaleVersion where `what` (for example "Site Vienna") was changed since it was read."""
    if expected is not None and expected != actual:
        raise StaleVersion(
            f"{what} was changed by somebody else in the meantime.",
            hint="Read it again, look at what changed, and repeat your change.",
        )
