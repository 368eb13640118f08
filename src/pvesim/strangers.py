"""Servers that are not Proxmox VE, for trying what a client says when it meets one."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pvesim.certificates import Authority

_DOMAINS = (
    b'{"data":[{"realm":"pam","type":"pam","comment":"Linux PAM standard authentication","default":true},'
    b'{"realm":"pbs","type":"pbs","comment":"Proxmox Backup authentication server"}]}'
)
_WELCOME = (
    b"<!DOCTYPE html>\n<html><head><title>Welcome to nginx!</title></head><body>It works.</body></html>\n"
)
_NOT_FOUND = b"<html>\n<head><title>404 Not Found</title></head>\n<body>nginx</body>\n</html>\n"


@dataclass(frozen=True)
class Page:
    status: str
    body: bytes = b""
    type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)


Kind = Callable[[str, str], Page]


@dataclass
class Stranger:
    """A server that is running; `requests` are the request lines it has seen."""

    address: str
    port: int
    scheme: str
    requests: list[str]
    credentials: list[str]

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.address}:{self.port}"


def web_page(method: str, path: str) -> Page:
    """A plain web server."""
    return Page("200 OK", _WELCOME) if path == "/" else Page("404 Not Found", _NOT_FOUND)


def backup_server(method: str, path: str) -> Page:
    """A Proxmox Backup Server: the same ways, another product (its realm "pbs" gives it away).

    Source: proxmox-rest-server `rest.rs`: errors are plain text, no Server header.
    """
    path = path.partition("?")[0]
    if (method, path) == ("GET", "/api2/json/access/domains"):
        return Page("200 OK", _DOMAINS, "application/json;charset=UTF-8")
    if (method, path) == ("POST", "/api2/json/access/ticket"):
        return Page("401 Unauthorized", b"permission check failed.", "text/plain")
    if path.startswith("/api2/"):
        return Page(
            "401 Unauthorized",
            b"authentication failed - no authentication credentials provided.",
            "",
        )
    return Page("200 OK", b"<!DOCTYPE html><html><head><title>Proxmox Backup Server</title></head></html>")


_SERVERS: Mapping[Kind, str] = {web_page: "nginx/1.26.3"}


def answer_of(kind: Kind, method: str, path: str) -> bytes:
    """The whole answer of such a server."""
    page = kind(method, path)
    server = _SERVERS.get(kind, "")
    names = {"Content-Length": str(len(page.body)), "Connection": "close"}
    if page.type:
        names["Content-Type"] = page.type
    if server:
        names["Server"] = server
    rows = [
        f"HTTP/1.1 {page.status}",
        *(f"{k}: {v}" for k, v in {**names, **page.headers}.items()),
        "",
        "",
    ]
    return "\r\n".join(rows).encode() + page.body


@asynccontextmanager
async def stranger(
    kind: Kind = web_page, *, tls: bool = True, address: str = "", port: int = 0
) -> AsyncIterator[Stranger]:
    """Serve one of the pages of this module, over HTTPS with a certificate of its own or over HTTP.

    Args:
        kind: `web_page` or `backup_server`.
        address: a loopback address; random where empty.
        port: 0 lets the system choose.
    """
    chance = random.SystemRandom()
    address = address or f"127.{chance.randint(16, 250)}.{chance.randint(201, 250)}.{chance.randint(1, 250)}"
    context: ssl.SSLContext | None = None
    if tls:
        context = Authority.stranger().leaf("www.example.org", ["www.example.org", address]).context
    found = Stranger(address, 0, "https" if tls else "http", [], [])

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            writer.close()
            return
        first, *lines = head.split("\r\n")
        method, path, *_ = [*first.split(" "), "", ""]
        found.requests.append(first)
        found.credentials += [
            line for line in lines if line.lower().startswith(("authorization:", "cookie:"))
        ]
        writer.write(answer_of(kind, method, path))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, address, port, ssl=context)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()


@asynccontextmanager
async def silence(address: str = "") -> AsyncIterator[Stranger]:
    """A port that accepts connections and says nothing, not even a TLS greeting."""
    chance = random.SystemRandom()
    address = address or f"127.{chance.randint(16, 250)}.{chance.randint(201, 250)}.{chance.randint(1, 250)}"
    held: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(talk, address, 0)
    try:
        yield Stranger(address, server.sockets[0].getsockname()[1], "https", [], [])
    finally:
        for writer in held:
            writer.close()
        server.close()
