"""Replays recorded sections against a scene that is set up alike."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import re
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import quote, unquote, urlencode

from pvesim.clock import StillClock
from pvesim.errors import ApiError
from pvesim.routes import all_routes
from pvesim.running import Running
from tests.pvesim.recorded import Exchange, difference, shape

_ROUTES = all_routes()
_AGE = re.compile(r"really signed ticket, (\w+)")
_AGES = {"hours2_01": 7260, "hours3": 10800, "future": -3600, "future_400s": -400, "future_200s": -200}
_CSRF = re.compile(r"[0-9A-F]{8}:[\w+/]{43}")
_UPIDS = re.compile(r"UPID:[^\"]+:")
_TICKET = re.compile(r"PVE:([^:]+):[0-9A-F]{8}::[\w+/=]+")
_DUMPS = re.compile(r"vzdump-lxc-\d+-\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d")
_POLL = re.compile(r"/nodes/([^/]+)/tasks/(UPID:[^/]+:)/status")
_PATIENCE = 300  # simulated seconds until a task has to be over
_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_VARIABLE = re.compile(r"\.tmp\.\d+")


class Standing(StillClock):
    """Time that passes only where the recording says so; starts when the recording did."""

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        super().__init__()
        self.started = next((at for each in exchanges if (at := _date(each)) is not None), self.started)


@dataclass
class Answer:
    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Result:
    """How one exchange compares."""

    exchange: Exchange
    covered: bool
    wrong: str = ""
    known: str = ""  # reason, where it is a known difference
    lacking: str = ""  # what the recorded host lacked, where that is all that differs


@dataclass
class Player:
    """Plays a section: sends what was sent, with tickets and secrets of our own."""

    running: Running
    node: str = "pve1"
    before: Callable[[Running, Exchange], None] = lambda running, exchange: None
    timed: bool = True  # let time pass as in the recording
    signed_in: bool = False  # the recorded tickets of root@pam are good ones, of an earlier section
    swaps: dict[str, str] = field(default_factory=dict)  # recorded secret or UPID → ours
    _unknown: set[str] = field(default_factory=set)  # UPIDs of tasks that were not started here
    _clock: float | None = None  # of the recording

    async def play(self, exchange: Exchange) -> Result:
        self.before(self.running, exchange)
        if exchange.reason is None or not self._covered(exchange):
            self._unknown |= set(_UPIDS.findall(exchange.body or "")) - self.swaps.keys()
            return Result(exchange, covered=False)
        self._pass_time(exchange)
        answer = await self._ask(exchange)
        wrong = compare(exchange, answer)
        if wrong and "/unknown" in wrong.partition("ours")[2]:  # the picture is up to ten seconds old
            self.running.advance(10)
            wrong = compare(exchange, await self._ask(exchange))
        self._learn(exchange, answer)
        return Result(exchange, covered=True, wrong=wrong)

    async def _ask(self, exchange: Exchange) -> Answer:
        node = self.running.clusters[next(iter(self.running.clusters))].nodes[self._node(exchange)]
        return await send(node.address, node.port, self._request(exchange))

    def _pass_time(self, exchange: Exchange) -> None:
        """Between two exchanges as much as in the recording; but a task takes as long as ours takes, and is
        let come to its end where the recorded one had."""
        at = _date(exchange)
        slack = 0 if exchange.at is not None else 1
        passed = at - self._clock - slack if at is not None and self._clock is not None else 0
        if exchange.at is None:
            passed = max(passed, exchange.seconds or 0)
        self._clock = at if at is not None else self._clock
        poll = _POLL.search(unquote(exchange.path))
        if poll is None:
            if passed > 0 and self.timed:
                self.running.advance(passed)
        elif '"exitstatus"' in exchange.body:
            cluster = next(iter(self.running.estate.clusters.values()))
            node = cluster.nodes.get(poll[1])
            upid = self.swaps.get(poll[2], poll[2])
            for _ in range(_PATIENCE * 10):
                cluster.live()
                worker = node.tasks.active.get(upid) if node is not None else None
                if worker is None or worker.task.lost:
                    break
                self.running.advance(0.1)

    def _node(self, exchange: Exchange) -> str:
        return exchange.via or ("pve2" if "another node" in exchange.note else self.node)

    def _covered(self, exchange: Exchange) -> bool:
        """Whether we have the method; whatever never reaches one is covered by the server itself."""
        if exchange.status in (401, 501, 506) or not exchange.path.startswith("/api2/"):
            return True
        path = re.sub(r"^/api2/\w+", "", exchange.path.partition("?")[0])
        if any(upid in unquote(path) for upid in self._unknown):
            return False
        version = next(iter(self.running.estate.clusters.values())).version
        try:
            _ROUTES.find(exchange.method, re.sub("%2F", "/", path), version)
        except ApiError:
            return False
        return True

    def _request(self, exchange: Exchange) -> bytes:
        headers = {"Host": "10.66.0.11:8006", "Connection": "close"} | {
            name: self._own(value, exchange) for name, value in (exchange.request_headers or {}).items()
        }
        body = self._body(exchange)
        if body:
            headers["Content-Length"] = str(len(body))
        lines = [f"{exchange.method} {self._own(exchange.path, exchange)} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def _body(self, exchange: Exchange) -> bytes:
        params = exchange.params or {}
        written = exchange.mode is None and exchange.method in ("POST", "PUT")
        if exchange.mode == "form" or written:
            params = {key: self._own(str(value), exchange) for key, value in params.items()}
            return urlencode(params).encode()
        if exchange.mode == "json":
            return self._own(json.dumps(params), exchange).encode()
        if exchange.mode == "raw" and "multipart" in str(
            (exchange.request_headers or {}).get("Content-Type")
        ):
            return _upload(exchange)
        if exchange.mode == "raw":
            start = (exchange.request_body or "").encode()
            return start + start[-1:] * ((exchange.request_body_length or len(start)) - len(start))
        return b""

    def _own(self, text: str, exchange: Exchange) -> str:
        """Our ticket, CSRF token or secret instead of the recorded one."""
        aged = _AGE.match(exchange.note)
        if aged and aged[1] in _AGES:
            cluster = next(iter(self.running.estate.clusters.values()))
            at = cluster.clock.now() - _AGES[aged[1]]
            if _CSRF.fullmatch(text):
                return cluster.tickets.csrf("root@pam", at)
        if aged and aged[1] in _AGES and "PVE:" in unquote(text):
            if "%3A" in text or text.startswith("PVEAuthCookie"):
                return f"PVEAuthCookie={quote(cluster.tickets.ticket('root@pam', at), safe='')}"
            return cluster.tickets.ticket("root@pam", at)
        if exchange.status != 401 and (signed := _TICKET.search(unquote(text))):
            cluster = next(iter(self.running.estate.clusters.values()))
            if signed[0] not in self.swaps and quote(signed[0], safe="") not in self.swaps:
                self.swaps[signed[0]] = cluster.tickets.ticket(signed[1], cluster.clock.now())
        if exchange.status != 401 and _CSRF.fullmatch(text) and text not in self.swaps:
            cluster = next(iter(self.running.estate.clusters.values()))
            self.swaps[text] = cluster.tickets.csrf("root@pam", cluster.clock.now())
        if self.signed_in:
            self._sign_in(text)
        for recorded, ours in self.swaps.items():
            text = text.replace(recorded, ours).replace(quote(recorded, safe=""), quote(ours, safe=""))
        return text

    def _sign_in(self, text: str) -> None:
        """A ticket or CSRF token of our own for a recorded one that no call of the section has given."""
        cluster = next(iter(self.running.estate.clusters.values()))
        now = cluster.clock.now()
        found = _TICKET.search(unquote(text))
        if found and found[0] not in self.swaps:
            self.swaps[found[0]] = cluster.tickets.ticket(found[1], now)
        elif _CSRF.fullmatch(text) and text not in self.swaps:
            self.swaps[text] = cluster.tickets.csrf("root@pam", now)

    def _learn(self, exchange: Exchange, answer: Answer) -> None:
        if exchange.status != 200 or answer.status != 200:
            return
        recorded, ours = _data(exchange.body.encode()), _data(answer.body)
        if exchange.method == "GET":
            self.swaps |= dict(zip(_backups(recorded), _backups(ours), strict=False))
            return
        if isinstance(recorded, str) and isinstance(ours, str) and recorded.startswith("UPID:"):
            self.swaps[recorded] = ours
        if isinstance(recorded, dict) and isinstance(ours, dict):
            for key in ("ticket", "CSRFPreventionToken", "value"):
                if key in recorded and key in ours:
                    self.swaps[recorded[key]] = ours[key]


async def send(address: str, port: int, request: bytes) -> Answer:
    """One request on a connection of its own, down to the bytes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(address, port, ssl=context)
    try:
        writer.write(request)
        raw = await asyncio.wait_for(reader.read(-1), 10)
    except ConnectionResetError:
        raw = b""
    finally:
        writer.close()
    while raw.startswith(b"HTTP/1.1 100"):
        raw = raw.partition(b"\r\n\r\n")[2]
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("utf-8", "replace").split("\r\n")
    _, status, reason = ([*first.split(" ", 2), "", ""])[:3]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return Answer(int(status or 0), reason, headers, body)


def compare(exchange: Exchange, answer: Answer) -> str:
    """What differs; "" if nothing does."""
    if exchange.status != answer.status:
        return f"status {exchange.status}, ours {answer.status} {answer.reason}"
    if _VARIABLE.sub("", exchange.reason) != _VARIABLE.sub("", answer.reason):
        return f"reason {exchange.reason!r}, ours {answer.reason!r}"
    recorded = {name.lower(): value for name, value in (exchange.response_headers or {}).items()}
    if not exchange.response_headers and exchange.body:
        recorded["content-type"] = "application/json;charset=UTF-8"
    if recorded.get("content-type") != answer.headers.get("content-type"):
        return f"type {recorded.get('content-type')}, ours {answer.headers.get('content-type')}"
    if "json" not in recorded.get("content-type", "") or "gzip" in recorded.get("content-encoding", ""):
        same = bool(exchange.body) == bool(answer.body)
        return "" if same else "one has a body, the other none"
    read = partial(json.loads, parse_int=float) if "rrddata" in exchange.path else json.loads
    return difference(shape(read(exchange.body)), shape(read(answer.body))) or _same_errors(exchange, answer)


def _same_errors(exchange: Exchange, answer: Answer) -> str:
    recorded, ours = json.loads(exchange.body), json.loads(answer.body)
    if isinstance(recorded, dict) and recorded.get("errors") != ours.get("errors"):
        return f"errors {recorded.get('errors')}, ours {ours.get('errors')}"
    ends = [_end(each) for each in (recorded, ours)]
    return "" if ends[0] == ends[1] else f"exit status {ends[0]!r}, ours {ends[1]!r}"


def _end(answer: Any) -> str:
    """How a task has ended, where that is what was asked."""
    data = answer.get("data") if isinstance(answer, dict) else None
    status = data.get("exitstatus", "") if isinstance(data, dict) else ""
    return _VARIABLE.sub("", _CHECKSUM.sub("", status))


def _date(exchange: Exchange) -> float | None:
    """When it was recorded: exactly, or else in whole seconds."""
    if exchange.at is not None:
        return float(exchange.at)
    given = (exchange.response_headers or {}).get("Date")
    return parsedate_to_datetime(given).timestamp() if given else None


def _backups(rows: Any) -> list[str]:
    """The names of the backups in a content list, which have the time in them, oldest first."""
    if not isinstance(rows, list):
        return []
    found = [row for row in rows if isinstance(row, dict) and row.get("content") == "backup"]
    return [row["volid"].rpartition("/")[2] for row in sorted(found, key=lambda row: row["ctime"])]


def _upload(exchange: Exchange) -> bytes:
    """An upload of which only the beginning was recorded, made as long again; with its own checksum where
    the recorded one was right."""
    start = exchange.request_body.encode("latin-1")
    boundary = start.partition(b"\r\n")[0]
    close = b"\r\n" + boundary + b"--\r\n"
    body = start + b"x" * (exchange.request_body_length - len(start) - len(close))
    content = body.partition(b"application/octet-stream\r\n\r\n")[2]
    checksum = re.search(rb"[1-9a-f][0-9a-f]{63}", start)
    if checksum:
        body = body.replace(checksum[0], hashlib.sha256(content).hexdigest().encode(), 1)
    return body + close


def _data(body: bytes) -> Any:
    try:
        return json.loads(body).get("data")
    except (ValueError, AttributeError):
        return None
