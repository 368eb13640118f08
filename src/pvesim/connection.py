"""One client's connection: TLS, HTTP/1.x and pveproxy's limits, without a web server in between.

TLS runs over memory BIOs, so that a node can change its certificate between two connections, plain HTTP
on the same port can be redirected as Proxmox does, and an idle connection costs little memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from typing import cast

from pvesim.gate import Gate
from pvesim.settings import Settings
from pvesim.uploads import BadUpload, Upload
from pvesim.wire import (
    MAX_HEAD,
    MAX_HEADER_BYTES,
    MAX_HEADER_LINES,
    RESET,
    Answer,
    BadHead,
    Head,
    Request,
    parse_head,
    plain,
)

_TLS_HANDSHAKE = 0x16
_READ = 65536
_MOST_WAITING = 256 * 1024  # bytes of an endless answer that a slow reader has not taken
_RETRY = 0.02
_LINGER = 1.0  # seconds that what a client still sends is read and dropped after the last answer


class Connection(asyncio.Protocol):
    """Reads requests one after the other and sends the gate's answers."""

    __slots__ = (
        "_answered", "_buffer", "_closing", "_context", "_deadline", "_gate", "_handshaken", "_head",
        "_incoming", "_leave", "_loop", "_outgoing", "_pending", "_request", "_settings", "_stuck", "_timer",
        "_tls", "silent", "transport",
    )  # fmt: skip

    def __init__(
        self,
        gate: Gate,
        context: Callable[[], ssl.SSLContext],
        settings: Settings,
        head: Head,
        leave: Callable[[Connection], None],
    ) -> None:
        self._gate = gate
        self._context = context
        self._settings = settings
        self._head = head
        self._leave = leave
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._handshaken = False
        self._request: Request | None = None  # head read, body awaited
        self._pending: asyncio.TimerHandle | None = None  # an answer that is held back
        self._answered = 0
        self._stuck = False  # head beyond the limits: nothing more is said
        self._closing = False
        self.silent = False  # power cut: neither reads nor writes any more
        self.transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0

    # -- transport ------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are not subclasses
        self._deadline = self._loop.time() + self._settings.idle_timeout
        self._timer = self._loop.call_at(self._deadline, self._idle)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        for handle in (self._timer, self._pending):
            if handle is not None:
                handle.cancel()
        self._timer = self._pending = None
        self._leave(self)

    def data_received(self, data: bytes) -> None:
        if self.silent or self._closing:
            return
        self._deadline = self._loop.time() + self._settings.idle_timeout
        if self._tls is None:
            if data[0] != _TLS_HANDSHAKE and not self._buffer:
                self._redirect(data)
                return
            self._tls = self._context().wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._incoming.write(data)
        try:
            if not self._handshaken:
                self._tls.do_handshake()
                self._handshaken = True
            while chunk := self._tls.read(_READ):
                self._buffer += chunk
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:  # the client does not trust us, or speaks no TLS that we know
            self._flush()
            self._close()
            return
        self._flush()
        if self._stuck:
            self._buffer = b""  # nobody will ever read it
        elif self._buffer:
            self._proceed()

    def eof_received(self) -> bool:
        return False

    def abort(self) -> None:
        """End at once, as when the process is killed."""
        if self.transport is not None:
            self.transport.abort()

    def _redirect(self, data: bytes) -> None:
        """Plain HTTP on the TLS port: 301 to https."""
        assert self.transport is not None
        try:
            request = parse_head(data.partition(b"\r\n\r\n")[0])
        except BadHead:
            self.transport.close()
            return
        location = f"https://{request.headers.get('host', '')}{request.target}"
        answer = Answer(301, "Moved Permanently", b"Moved Permanently", None, headers={"Location": location})
        self.transport.write(self._head.render(answer, minor=1, close=False))
        self.transport.close()

    def _idle(self) -> None:
        left = self._deadline - self._loop.time()
        if left > 0 or self._pending is not None or self.silent:
            wait = left if left > 0 else self._settings.idle_timeout
            self._timer = self._loop.call_later(wait, self._idle)
        else:
            self._close()

    # -- requests -------------------------------------------------------------------------------------

    def _proceed(self) -> None:
        """Answer as many requests as have arrived; one at a time."""
        while self._pending is None and not self._stuck and not self._closing:
            if self._request is None:
                self._request = self._read_head()
            request = self._request
            if request is None:
                return
            if request.upload is not None:
                self._receive(request, request.upload)
                if self._request is not None:
                    return
                continue
            if len(self._buffer) < request.length:
                return
            request.body, self._buffer = self._buffer[: request.length], self._buffer[request.length :]
            self._request = None
            self._reply(self._gate.answer(request), request)

    def _receive(self, request: Request, upload: Upload) -> None:
        """Let an upload take what has arrived of it."""
        data, self._buffer = self._buffer, b""
        try:
            self._buffer = upload.feed(data)
        except BadUpload as error:
            self._request = None
            self._reply(plain(501, str(error)), request)
            return
        if upload.complete:
            self._request = None
            self._reply(self._gate.answer(request), request)

    def _read_head(self) -> Request | None:
        """The next request whose body is wanted; None if there is none yet or it has been answered."""
        self._buffer = self._buffer.lstrip(b"\r\n")
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            self._stuck = len(self._buffer) > MAX_HEAD
            return None
        head = self._buffer[:end]
        fields = end - head.find(b"\r\n")
        if fields >= MAX_HEADER_BYTES or head.count(b"\r\n") >= MAX_HEADER_LINES:
            self._stuck = True  # pveproxy says nothing and closes when it has waited long enough
            return None
        self._buffer = self._buffer[end + 4 :]
        try:
            request = parse_head(head)
        except BadHead as error:
            self._reply(plain(error.status, error.reason), None)
            return None
        early = self._gate.early(request)
        if early is not None and early.stuck:
            self._stuck, self._buffer = True, b""
            return None
        if early is not None:
            self._reply(early, request)
            return None
        if request.length and request.headers.get("expect", "").lower() == "100-continue":
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return request

    def _reply(self, answer: Answer, request: Request | None) -> None:
        if answer.hang:
            self._pending = self._loop.call_later(86400, self.abort)
        elif answer.delay > 0:
            self._pending = self._loop.call_later(answer.delay, self._late, answer, request)
        else:
            self._answer(answer, request)

    def _late(self, answer: Answer, request: Request | None) -> None:
        self._pending = None
        if self.silent or self._closing:
            return
        self._answer(answer, request)
        if self._buffer:
            self._proceed()

    def _answer(self, answer: Answer, request: Request | None) -> None:
        self._answered += 1
        close = (
            request is None
            or answer.status >= 400
            or not request.keep_alive
            or request.upload is not None
            or self._answered >= self._settings.keep_alive_requests
        )
        gzip = (
            request is not None
            and answer.status == 200
            and "gzip" in request.headers.get("accept-encoding", "").lower()
        )
        close = close or answer.raw is not None or answer.delivery is not None
        data = self._head.render(answer, minor=request.minor if request else 0, close=close, gzip=gzip)
        if answer.delivery is not None:
            self._deliver(answer.delivery(data))
            return
        self._send(data)
        self._deadline = self._loop.time() + self._settings.idle_timeout
        if close:
            self._close()

    def _deliver(self, parts: Iterator[bytes | float | None]) -> None:
        """Send an answer as a fault wants it sent."""
        self._pending = None
        for part in parts:
            if self.silent or self._closing or self.transport is None:
                return
            if part is RESET:
                self._reset()
                return
            wait = part if isinstance(part, float) else 0.0
            if isinstance(part, bytes):
                self._send(part)
                if self.transport.get_write_buffer_size() > _MOST_WAITING:
                    wait = _RETRY
            if wait:
                self._pending = self._loop.call_later(wait, self._deliver, parts)
                return
        self._close()

    def _reset(self) -> None:
        """End with a reset instead of a goodbye."""
        if self.transport is None:
            return
        socket_of = self.transport.get_extra_info("socket")
        if socket_of is not None:
            socket_of.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._closing = True
        self.transport.abort()

    # -- bytes ----------------------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        assert self._tls is not None
        try:
            self._tls.write(data)
        except ssl.SSLError:
            self.abort()
            return
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and self.transport is not None and not self.transport.is_closing():
            self.transport.write(self._outgoing.read())

    def _close(self) -> None:
        if self._closing or self.transport is None:
            return
        self._closing = True
        if self._tls is not None and self._handshaken:
            with contextlib.suppress(ssl.SSLError):  # no answer to our goodbye is fine
                self._tls.unwrap()
            self._flush()
        # a socket that is closed with something unread resets the connection, and the answer may be lost with it
        self.transport.write_eof()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(_LINGER, self.transport.close)
