"""The listening socket of one node, and what becomes of it in trouble."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from pvesim.connection import Connection
from pvesim.gate import Gate
from pvesim.model import Node
from pvesim.wire import Head

_BACKLOG = 128


class Listener:
    """The socket of one node and the connections on it. Opening and closing take effect at once."""

    def __init__(self, node: Node, gate: Gate, head: Head) -> None:
        self.node = node
        self._gate = gate
        self._head = head
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._starting: asyncio.Task[None] | None = None
        self._listening: socket.socket | None = None
        self._silent: list[socket.socket] = []
        self._bound_to: tuple[str, int] | None = None
        self.accepted = 0

    def refresh(self) -> None:
        """Bring the socket in line with the node's state."""
        node = self.node
        if self._bound_to not in (None, (node.address, node.port)):
            self.close()
        if node.listening and node.trouble.full_backlog:
            self._accept_no_more()
        elif node.listening:
            self._unsilence()
            self.open()
        else:
            self.close(silently=node.down and node.down_silently)

    def open(self) -> None:
        """Listen; clients can connect as soon as this returns. Raises OSError."""
        if self._starting is not None:
            return
        node = self.node
        listening = _bound(node.address, node.port)
        listening.listen(_BACKLOG)
        node.port = listening.getsockname()[1]
        self._listening = listening
        self._bound_to = (node.address, node.port)
        self._starting = asyncio.get_running_loop().create_task(self._start(listening))

    async def _start(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._accept, sock=listening, backlog=_BACKLOG)
        except BaseException:
            listening.close()
            raise

    async def opened(self) -> None:
        if self._starting is not None:
            await self._starting

    def close(self, *, silently: bool = False) -> None:
        """Stop listening. Connections are reset, or, silently, just never answer again."""
        self._stop()
        for connection in list(self._connections):
            if silently:
                connection.silent = True
            else:
                connection.abort()
        if silently and not self._silent:
            self._silence()
        elif not silently:
            self._unsilence()

    def _stop(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            self._starting = None
        if self._server is not None:
            self._server.close()
            self._server = None
        elif self._listening is not None:  # nobody had come round to accepting on it
            self._listening.close()
        self._listening = None

    def _accept_no_more(self) -> None:
        """Connecting hangs, the connections that are open go on."""
        self._stop()
        if not self._silent:
            self._silence()

    def reset(self) -> None:
        """Cut all connections, so that the next ones see the present certificate."""
        for connection in list(self._connections):
            connection.abort()

    def _accept(self) -> Connection:
        self.accepted += 1
        connection = Connection(
            self._gate,
            lambda: self.node.shown.context,
            self.node.cluster.settings,
            self._head,
            self._connections.discard,
        )
        self._connections.add(connection)
        return connection

    def _silence(self) -> None:
        """Make connecting hang: a queue of one that is full, so that the kernel drops what comes."""
        listening = _bound(self.node.address, self.node.port)
        listening.listen(0)
        self._silent.append(listening)
        for _ in range(3):
            plug = socket.socket()
            plug.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                plug.connect((self.node.address, self.node.port))
            self._silent.append(plug)

    def _unsilence(self) -> None:
        for each in self._silent:
            each.close()
        self._silent.clear()


def _bound(address: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only where the protocol is named
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setblocking(False)
    try:
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound
