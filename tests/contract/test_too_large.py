"""How much of what a cluster sends is held at the same time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest

from paddock.proxmox import Endpoint, TlsPolicy, TrustMode, transport
from paddock.proxmox.errors import Unreadable
from paddock.proxmox.request import Request
from paddock.proxmox.transport import HttpTransport
from tests.contract.lab import Lab
from tests.contract.odd_servers import listening

MIB = 1 << 20
ASKED = Request("GET", "/access/domains")
ANYBODY = TlsPolicy(TrustMode.OFF)


class Slow:
    """Sends four of five megabytes, and the rest when it is told to."""

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (5 * MIB) + b" " * (4 * MIB))
        await writer.drain()
        await self.goes_on.wait()
        writer.write(b" " * MIB)
        await writer.drain()


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
async def endpoint(lab: Lab, slow: Slow) -> AsyncIterator[Endpoint]:
    context: ssl.SSLContext = lab.cluster.nodes["pve1"].state.shown.context
    async with listening(slow, context) as found:
        yield found


async def read(over: HttpTransport, endpoint: Endpoint) -> int:
    return len((await over.request(endpoint, ANYBODY, ASKED)).body)


async def test_answers_of_one_cluster_are_bounded_together(
    lab: Lab, slow: Slow, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TOGETHER_LIMIT", 11 * MIB)
    over = lab.transport()
    asked = [asyncio.create_task(read(over, endpoint)) for _ in range(4)]
    done, waiting = await asyncio.wait(asked, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    error = done.pop().exception()
    assert isinstance(error, Unreadable)
    assert error.code == "too_large"
    assert "larger than 11 MiB, together with others at this moment" in error.message
    slow.goes_on.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert 5 * MIB in found, "the others are read to their end"
    assert await read(over, endpoint) == 5 * MIB, "what was let go no longer counts"


async def test_who_needs_little_takes_little(slow: Slow, endpoint: Endpoint) -> None:
    slow.goes_on.set()
    over = HttpTransport(body_limit=MIB)
    try:
        with pytest.raises(Unreadable, match="larger than 1 MiB"):
            await read(over, endpoint)
    finally:
        await over.close()
