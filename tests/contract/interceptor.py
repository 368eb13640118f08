"""A man in the middle: a server with a certificate of his own on a node's address, that writes down all he gets.

He is friendly: whatever is asked, he answers as a Proxmox VE would, so that nobody stops for another reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pvesim import Running
from pvesim.certificates import Certificate

_DOMAINS = [{"realm": "pam", "type": "pam", "default": 1}, {"realm": "pve", "type": "pve"}]
_ANSWERS = {
    "/access/domains": _DOMAINS,
    "/access/ticket": {"ticket": "PVE:root@pam:6600::lure", "CSRFPreventionToken": "1:lure", "username": "root@pam"},
    "/version": {"version": "9.2.11", "release": "9.2", "repoid": "0"},
}  # fmt: skip
SECRETS = (
    "authorization",
    "cookie",
    "pveapitoken",
    "pveauthcookie",
    "csrfpreventiontoken",
    "password=",
    "ticket=",
)
"""What marks a credential in an HTTP request, in lower case."""


@dataclass
class Interceptor:
    """`handshakes` counts conversations that were begun; `received` is every byte that came after TLS."""

    fingerprint: str
    handshakes: int = 0
    received: bytearray = field(default_factory=bytearray)

    def assert_got_no(self, *secrets: str) -> None:
        """No mark of a credential and none of these texts, in clear or percent-encoded, have ever arrived."""
        text = self.received.decode("latin-1").lower()
        for mark in (*SECRETS, *(secret.lower() for secret in secrets)):
            assert mark not in text, f"he has got {mark!r}"

    async def until_talked_to(self, times: int = 1, seconds: float = 15) -> None:
        """Waits until he was called so many times more."""
        wanted = self.handshakes + times
        async with asyncio.timeout(seconds):
            while self.handshakes < wanted:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def intercepting(
    running: Running, cluster: str, node: str, certificate: Certificate
) -> AsyncIterator[Interceptor]:
    """Takes the address of the node, which is cut off meanwhile, and shows `certificate` there."""
    real = running[cluster].nodes[node]
    fault = running.fault("daemon-down", cluster=cluster, node=node)
    found = Interceptor(certificate.fingerprint)
    open_now: set[asyncio.StreamWriter] = set()

    def greeted(*_: object) -> None:
        found.handshakes += 1

    # a client that does not believe him breaks off before his side of the handshake ends
    certificate.context.sni_callback = greeted

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while part := await reader.read(65536):
                found.received += part
                if b"\r\n\r\n" in part:
                    path = part.split(b" ")[1].decode().partition("?")[0].removeprefix("/api2/json")
                    body = json.dumps({"data": _ANSWERS.get(path, [])}).encode()
                    writer.write(
                        b"HTTP/1.1 200 OK\r\nServer: pve-api-daemon/3.0\r\nContent-Type: application/json\r\n"
                        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
                    )
                    await writer.drain()
        writer.close()

    for _ in range(100):
        try:
            server = await asyncio.start_server(
                talk, real.address, real.port, ssl=certificate.context, reuse_address=True
            )
            break
        except OSError:  # the simulated node is just closing
            await asyncio.sleep(0.02)
    else:
        raise AssertionError("the address of the node does not become free")
    try:
        yield found
    finally:
        server.close()
        for writer in open_now:
            writer.transport.abort()
        await asyncio.sleep(0)
        running.clear(fault)
