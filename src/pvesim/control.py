"""The control port of a served estate: what `control_actions` has, as JSON over HTTP.

For this machine only; it has no sign-in, so it refuses whatever a web page could send.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

from pvesim.control_actions import ACTIONS
from pvesim.running import Running

DEFAULT = "127.0.0.1:8005"
_LIMIT = 64 * 1024


class ControlError(Exception):
    """The control port cannot be reached or refuses, in a sentence."""


def is_path(address: str) -> bool:
    """Whether a control address is a Unix socket rather than HOST:PORT."""
    return "/" in address


@asynccontextmanager
async def control(running: Running, address: str = DEFAULT) -> AsyncIterator[None]:
    """Listen on HOST:PORT (loopback) or on a Unix socket. Raises OSError, ControlError."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            writer.write(await _respond(running, reader))
            await writer.drain()
        writer.close()

    if is_path(address):
        _must_be_free(address)
        server = await asyncio.start_unix_server(talk, address, limit=_LIMIT)
    else:
        host, _, port = address.rpartition(":")
        if not port.isdigit() or not (host.startswith("127.") or host in ("localhost", "[::1]")):
            raise ControlError(f"control address {address!r} must be a loopback HOST:PORT or a path.")
        server = await asyncio.start_server(talk, host.strip("[]"), int(port), limit=_LIMIT)
    try:
        yield
    finally:
        server.close()
        if is_path(address):
            _remove(address)


def _must_be_free(path: str) -> None:
    """A socket that nobody answers at any more is put aside; one of a simulator that runs is not."""
    with (
        socket.socket(socket.AF_UNIX) as probe,
        contextlib.suppress(FileNotFoundError, ConnectionRefusedError),
    ):
        probe.settimeout(1)
        probe.connect(path)
        raise ControlError(f"control socket {path} is in use by another simulator: choose another --control.")


def _remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)


async def _respond(running: Running, reader: asyncio.StreamReader) -> bytes:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode("latin-1")
    first, *lines = head.split("\r\n")
    method, target, *_ = [*first.split(" "), "", ""]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = headers.get("content-length", "0")
    body = await reader.readexactly(min(int(length) if length.isdigit() else 0, _LIMIT))
    if "origin" in headers or "sec-fetch-site" in headers:
        return _answer(403, {"error": "not for browsers: use pvesim fault."})
    parts = urlsplit(target)
    action = ACTIONS.get((method, parts.path))
    if action is None:
        known = ", ".join(f"{verb} {path}" for verb, path in ACTIONS)
        return _answer(404, {"error": f"no such thing here; there is: {known}."})
    try:
        given = {**dict(parse_qsl(parts.query)), **(msgspec.json.decode(body, type=dict) if body else {})}
        return _answer(200, action(running, given))
    except ValueError as error:  # faults and deeds that cannot be done, malformed JSON
        return _answer(400, {"error": str(error)})
    except Exception as error:
        logging.getLogger("pvesim").exception("%s %s", method, parts.path)
        return _answer(500, {"error": f"the simulator failed at that: {type(error).__name__}: {error}."})


def _answer(status: int, data: object) -> bytes:
    body = msgspec.json.encode(data)
    return (
        b"HTTP/1.1 %d x\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b"
        % (
            status,
            len(body),
            body,
        )
    )


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def ask(address: str, method: str, path: str, given: dict[str, object]) -> dict[str, object]:
    """Ask a control port, as the command line does. Raises ControlError."""
    connection = (
        _UnixConnection(address) if is_path(address) else http.client.HTTPConnection(address, timeout=10)
    )
    try:
        if method == "POST":
            connection.request(method, path, msgspec.json.encode(given), {"Content-Type": "application/json"})
        else:
            query = urlencode({key: value for key, value in given.items() if value})
            connection.request(method, f"{path}?{query}" if query else path)
        response = connection.getresponse()
        answer: dict[str, object] = msgspec.json.decode(response.read(), type=dict)
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
        raise ControlError(
            f"no simulator answers at {address} ({error}). Start one with: pvesim serve --control {address}"
        ) from error
    finally:
        connection.close()
    if response.status != 200:
        raise ControlError(str(answer.get("error", response.status)))
    return answer
