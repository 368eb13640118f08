"""Everything that can go wrong, as one tree. No HTTP here: `web.problems` maps classes to statuses.

Every error has a stable machine-readable `code`, a `message` for the operator, and where possible a
`hint`: what to do next, as a sentence or a command that works when pasted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Detail:
    """One fault of one field. `field` is the name on the wire; an empty one means the whole."""

    field: str
    message: str


class PaddockError(Exception):
    """Base of all errors that are meant to be shown."""

    default_code: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        details: Sequence[Detail] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint
        self.details = tuple(details)

    def extra(self) -> dict[str, Any]:
        """Further members for the wire, for example the objections of `InUse`. JSON-ready."""
        return {}


class NotFound(PaddockError):
    default_code = "not_found"


class Invalid(PaddockError):
    """The wish itself is wrong; `details` name the fields."""

    default_code = "invalid"

    @classmethod
    def field(cls, field: str, message: str, *, code: str | None = None, hint: str | None = None) -> Invalid:
        return cls(message, code=code, hint=hint, details=[Detail(field, message)])


class Denied(PaddockError):
    """Signed in, but not allowed."""

    default_code = "denied"


class NotLoggedIn(Denied):
    default_code = "not_signed_in"


class Throttled(PaddockError):
    """Too many attempts; `seconds` says when the next one is allowed."""

    default_code = "throttled"

    def __init__(self, message: str, *, seconds: float, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.seconds = seconds


class Prerequisite(PaddockError):
    """The wish is fine, the world is not."""

    default_code = "prerequisite"


class AlreadyExists(Prerequisite):
    default_code = "already_exists"


class StaleVersion(Prerequisite):
    """Somebody else changed the thing since it was read."""

    default_code = "stale_version"


class Conflict(Prerequisite):
    """Two wrote at the same moment what only one may: the database let the other one through."""

    default_code = "conflict"


class WrongState(Prerequisite):
    default_code = "wrong_state"


class InUse(Prerequisite):
    """Refused because something stands on it; `objections` name what."""

    default_code = "in_use"

    def __init__(self, message: str, *, objections: Sequence[str], **rest: Any) -> None:
        super().__init__(message, **rest)
        self.objections = tuple(objections)

    def extra(self) -> dict[str, Any]:
        return {"objections": list(self.objections)}


class Upstream(PaddockError):
    """The outside failed. The classes for Proxmox VE are in `proxmox.errors`."""

    default_code = "upstream"

    def __init__(
        self,
        message: str,
        *,
        cluster: str | None = None,
        node: str | None = None,
        call: str | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(message, **rest)
        self.cluster = cluster
        self.node = node
        self.call = call

    def extra(self) -> dict[str, Any]:
        return {k: v for k, v in (("cluster", self.cluster), ("node", self.node), ("call", self.call)) if v}


class Bug(PaddockError):
    """Our own fault; shown with an id to quote."""

    default_code = "bug"
