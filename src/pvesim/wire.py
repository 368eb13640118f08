"""Requests and answers as bytes: pveproxy's header order, reason phrases and bodies.

Source: pve-http-server `AnyEvent.pm` (`unshift_read_header`, `response`) and recordings of it.
"""

from __future__ import annotations

import random
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from sys import intern
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus

import msgspec

from pvesim.errors import ApiError
from pvesim.perljson import complaint
from pvesim.uploads import Upload

JSON = "application/json;charset=UTF-8"
HTML = "text/html; charset=utf-8"
MAX_HEADER_LINES = 64
MAX_HEADER_BYTES = 8192  # without the request line
MAX_HEAD = 65536
MAX_BODY = 512 * 1024
COMPRESS_ABOVE = 1024
SHUFFLE_BELOW = 100  # rows

_DECODING = " at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 934.\n"
_MERGING = " at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 978.\n"
_REQUEST_LINE = re.compile(rb"(\S+) (\S+) HTTP/(\d+)\.(\d+)")
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Request:
    """A request head, then its body."""

    method: str
    target: str
    minor: int  # of HTTP/1.x
    headers: dict[str, str]  # lower-case names
    body: bytes = b""
    signed: tuple[str, str] = ("", "")  # who asks: user or token, and the ticket
    meddlers: Sequence[Any] = ()  # faults that have chosen this request
    upload: Upload | None = None  # instead of a body

    @property
    def path(self) -> str:
        """The decoded path without host and query."""
        path = self.target.partition("?")[0]
        if path[:1] != "/" and "://" in path:
            path = "/" + path.partition("://")[2].partition("/")[2]
        return unquote(path) if "%" in path else path

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def length(self) -> int:
        value = self.headers.get("content-length", "0")
        return int(value) if value.isdigit() else 0

    @property
    def keep_alive(self) -> bool:
        connection = self.headers.get("connection", "").lower()
        return "close" not in connection and (self.minor > 0 or bool(connection))


#: What is sent of an answer's bytes, seconds to wait between, and RESET where the connection is torn; it is
#: closed at the end.
Delivery = Callable[[bytes], Iterator[bytes | float | None]]
RESET = None


@dataclass(slots=True)
class Answer:
    """An answer before it is bytes; `delay` seconds pass before it is sent. `hang`: never."""

    status: int = 200
    reason: str = "OK"
    body: bytes | None = None
    type: str | None = JSON
    delay: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    raw: bytes | None = None  # the whole answer, head included
    skew: float = 0.0  # seconds that the date is ahead
    delivery: Delivery | None = None  # how its bytes go out; None: at once
    stuck: bool = False  # nothing is said; the connection is closed when it has been idle for long enough


@dataclass(slots=True)
class Reply:
    """What a handler may return instead of bare data: data with siblings, rows encoded already, or a text
    to be downloaded as it is."""

    data: object = None
    raw: bytes | None = None
    text: str | None = None
    beside: Mapping[str, object] = field(default_factory=dict)  # total, changes


class BadHead(Exception):
    """A request line that pveproxy refuses before anything else."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def parse_head(head: bytes) -> Request:
    """Parse what stands before the empty line. Raises BadHead."""
    line, _, rest = head.partition(b"\r\n")
    match = _REQUEST_LINE.match(line)
    if match is None:
        raise BadHead(400, "bad request")
    method, target, major, minor = match.groups()
    if major != b"1":
        raise BadHead(506, f"http protocol version {int(major)}.{int(minor)} not supported")
    headers: dict[str, str] = {}
    for each in rest.split(b"\r\n"):
        name, colon, value = each.partition(b":")
        if colon:
            headers[intern(name.decode("latin-1").strip().lower())] = value.decode("latin-1").strip()
    return Request(method.decode("latin-1"), target.decode("latin-1"), int(minor), headers)


def parameters(request: Request) -> dict[str, object]:
    """Query and body together; the query wins. Raises ApiError 500 for malformed JSON (as plain text)."""
    found: dict[str, object] = {}
    if request.method in ("POST", "PUT"):
        if request.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
            found |= _json(request.body)
        elif request.body:
            _form(request.body.decode("utf-8", "replace"), found)
    if request.query:
        of_query: dict[str, object] = {}
        _form(request.query, of_query)
        found |= of_query
    if request.upload is not None:
        found |= request.upload.fields
    return found


def _form(text: str, into: dict[str, object]) -> None:
    for name, value in parse_qsl(text.replace(";", "&"), keep_blank_values=True):
        known = into.get(name)
        into[name] = value if name not in into else [*(known if isinstance(known, list) else [known]), value]


def _json(body: bytes) -> dict[str, object]:
    """As Perl reads it, and complains (`AnyEvent.pm`, extract_params)."""
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBody(f"{complaint(body.decode('utf-8', 'replace'))}{_DECODING}") from error
    except RecursionError as error:
        raise MalformedBody(f"{_TOO_DEEP}{_DECODING}") from error
    if isinstance(data, dict):
        return data
    if isinstance(data, list):
        raise MalformedBody(f"Not a HASH reference{_MERGING}")
    if data is None:
        raise MalformedBody(f"Can't use an undefined value as a HASH reference{_MERGING}")
    shown = ("1" if data else "0") if isinstance(data, bool) else data
    raise MalformedBody(f'Can\'t use string ("{shown}") as a HASH ref while "strict refs" in use{_MERGING}')


_TOO_DEEP = "json text or perl structure exceeds maximum nesting level (max_depth set too low?)"


class MalformedBody(Exception):
    """A body that is not what its type says; answered as 500 in plain text."""


def form_value(body: bytes, name: str) -> str | None:
    """One value of a form, for what must be known before parameters are verified."""
    for pair in body.decode("utf-8", "replace").split("&"):
        key, _, value = pair.partition("=")
        if key == name:
            return unquote_plus(value)
    return None


def success(data: object, chance: random.Random | None) -> bytes:
    """`{"data":…}`; with `chance` in random key order, as Perl has it."""
    if isinstance(data, Reply):
        body = data.raw if data.raw is not None else _encode(mixed(data.data, chance))
        beside = b"".join(b',"%s":%s' % (k.encode(), _encode(v)) for k, v in data.beside.items())
        return b'{"data":%s%s}' % (body, beside)
    return b'{"data":%s}' % _encode(mixed(data, chance))


def mixed(data: object, chance: random.Random | None) -> object:
    """The same data with the keys of its objects in random order."""
    if chance is None:
        return data
    if isinstance(data, dict):
        items = list(data.items())
        chance.shuffle(items)
        return dict(items)
    if isinstance(data, list) and len(data) < SHUFFLE_BELOW:
        return [mixed(each, chance) if isinstance(each, dict) else each for each in data]
    return data


def refusal(error: ApiError, *, with_message: bool = True) -> Answer:
    """The answer for an error."""
    reason = error.text.partition("\n")[0]
    if error.bare:
        return Answer(error.status, reason, None, None, error.delay)
    body: dict[str, object] = {"data": None}
    if with_message:
        body["message"] = error.text if error.status in (424, 501) else f"{error.text}\n"
    if error.errors:
        body["errors"] = dict(error.errors)
    return Answer(error.status, reason, _encode(body), JSON, error.delay)


def plain(status: int, text: str) -> Answer:
    """An error of the protocol itself: text, without a type."""
    return Answer(status, text.partition("\n")[0], text.encode(), None)


class Head:
    """Builds answer heads; keeps the date of the current second."""

    __slots__ = ("_date", "_second")

    def __init__(self) -> None:
        self._second = 0
        self._date = ""

    def render(self, answer: Answer, *, minor: int, close: bool, gzip: bool = False) -> bytes:
        if answer.raw is not None:
            return answer.raw
        second = int(time.time() + answer.skew)
        if second != self._second:
            self._second = second
            self._date = formatdate(second, usegmt=True)
        body = answer.body
        lines = [
            f"HTTP/1.{minor} {answer.status} {answer.reason}",
            "Cache-Control: max-age=0",
            "Connection: close" if close else "Connection: Keep-Alive",
            f"Date: {self._date}",
            "Pragma: no-cache",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
            "Server: pve-api-daemon/3.0",
        ]
        if body is not None and gzip and len(body) > COMPRESS_ABOVE:
            packer = zlib.compressobj(1, zlib.DEFLATED, 31)
            body = packer.compress(body) + packer.flush()
            lines.append("Content-Encoding: gzip")
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        if answer.type:
            lines.append(f"Content-Type: {answer.type}")
        lines.append(f"Expires: {self._date}\r\n\r\n")
        head = "\r\n".join(lines).encode("utf-8", "replace")
        return head + body if body else head
