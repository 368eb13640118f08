"""Small servers that are not Proxmox VE, or that misbehave as it does only by chance."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from paddock.proxmox.address import Endpoint
from tests import addresses

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(
    handler: Handler, context: ssl.SSLContext | None = None, *, address: str = ""
) -> AsyncIterator[Endpoint]:
    open_now: set[asyncio.StreamWriter] = set()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(guarded, address or addresses.address(), 0, ssl=context)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield Endpoint(host, port)
    finally:
        server.close()
        for writer in open_now:
            writer.transport.abort()


def answering(status: str, body: bytes, *headers: str, requests: list[bytes] | None = None) -> Handler:
    """Answers every request on a connection alike and closes it."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if requests is not None:
            requests.append(head)
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        writer.write("\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body)
        await writer.drain()

    return handler
