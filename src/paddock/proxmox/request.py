"""One call to Proxmox VE, encoded as it wants it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

Param = str | int | float | bool | None | Sequence[str]
Params = Mapping[str, Param]


@dataclass(frozen=True, slots=True)
class Request:
    """`path` begins after /api2/json and is encoded already, as are `query` and `form`.

    `reads` says that the call changes nothing, so that repeating it does no harm.
    """

    method: str
    path: str
    query: str = ""
    form: str | None = field(default=None, repr=False)  # may carry a password
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # may carry credentials
    reads: bool = False

    @property
    def call(self) -> str:
        return f"{self.method} {self.path}"


def request(method: str, path: str, params: Params | None = None) -> Request:
    """GET and DELETE take their parameters in the query only, POST and PUT as a form (501 otherwise)."""
    encoded = encode(params or {})
    if method in {"GET", "DELETE"}:
        return Request(method, path, query=encoded, reads=method == "GET")
    return Request(method, path, form=encoded)


def encode(params: Params) -> str:
    """A form: booleans are 1 and 0 (`true` is refused), None is left out, lists are joined with commas."""
    return urlencode(
        [(name, _text(value)) for name, value in params.items() if value is not None], quote_via=quote
    )


def path_of(*segments: str | int) -> str:
    """`path_of("nodes", "pve1", "lxc", 101)` is `/nodes/pve1/lxc/101`, every segment encoded."""
    return "".join(f"/{quote(str(segment), safe=':@!')}" for segment in segments)


def _text(value: Param) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(value)
    return str(value)
