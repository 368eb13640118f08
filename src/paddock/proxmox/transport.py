"""The door itself: requests over TLS. The only importer of aiohttp; its errors end here."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Protocol

import aiohttp
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from paddock.base.errors import Upstream
from paddock.proxmox import faults, handshake, trust
from paddock.proxmox.address import Endpoint, is_forbidden
from paddock.proxmox.answers import Answer, Asked, lost
from paddock.proxmox.certificates import Certificate, fingerprint_bytes
from paddock.proxmox.errors import Unreachable, Unreadable
from paddock.proxmox.request import Request

TEXT_LIMIT = 500  # signs of a reason phrase or header
BODY_LIMIT = 64 * 1024 * 1024
# of all answers that one cluster is sending at the same time
TOGETHER_LIMIT = 96 * 1024 * 1024
# pveproxy closes idle connections after 5 s: stay below, so that reuse rarely fails
KEEPALIVE_SECONDS = 4.0
# a member waits 30 s for another one before it answers 595; our own patience ends earlier
ANSWER_SECONDS = 25.0
BASE = "/api2/json"


class Transport(Protocol):
    async def request(
        self,
        endpoint: Endpoint,
        policy: trust.TlsPolicy,
        request: Request,
        *,
        timeout: float = ANSWER_SECONDS,
    ) -> Answer:
        """Sends once the peer is trusted, never before. Any status is an Answer.

        Raises Unreachable, TimedOut, Untrusted, NotProxmox, Unreadable; and OutcomeUnknown for a change whose
        answer was lost after it may have been sent.
        """

    async def contact(
        self, endpoint: Endpoint, policy: trust.TlsPolicy, sign_of_life: Request | None = None
    ) -> Certificate:
        """A handshake with the trust check. With `sign_of_life` that is asked on the same connection, and some
        answer must come; it carries no credential. Otherwise nothing is sent."""

    async def close(self) -> None: ...


class _BrokenOff(aiohttp.ClientError):
    """Stands in for a lost connection, so that aiohttp does not repeat PUT and DELETE by itself."""


class HttpTransport:
    """Connections to the members of one cluster.

    Reads share kept-alive connections. A change gets a connection of its own: Proxmox VE may close an idle one
    at any moment, and a change that was sent into a closing connection would be of unknown outcome.
    """

    def __init__(
        self,
        *,
        per_host: int = 16,
        total: int = 64,
        connect_seconds: float = handshake.CONNECT_SECONDS,
        body_limit: int | None = None,
    ) -> None:
        """`body_limit`: bytes of one answer, BODY_LIMIT where nothing is given."""
        self._per_host = per_host
        self._total = total
        self._connect_seconds = connect_seconds
        self._body_limit = body_limit
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._works: dict[tuple[Endpoint, trust.TlsPolicy], int] = {}
        self._closed = False
        self._incoming = 0  # bytes of bodies that are being read

    async def request(
        self,
        endpoint: Endpoint,
        policy: trust.TlsPolicy,
        request: Request,
        *,
        timeout: float = ANSWER_SECONDS,
    ) -> Answer:
        handshake.admit(endpoint)  # aiohttp does not ask the resolver about literal addresses
        ways = trust.checks(policy)
        if not ways:
            raise faults.unconfirmed(await self._leaf(endpoint), endpoint)
        # The way that satisfied the policy last time comes first, so that a pinned member costs one handshake.
        first = min(self._works.get((endpoint, policy), 0), len(ways) - 1)
        order = [first, *(i for i in range(len(ways)) if i != first)]
        refused: ssl.SSLCertVerificationError | None = None
        changed = ""
        for index in order:
            try:
                answer = await self._send(endpoint, policy, ways[index], request, timeout)
            except aiohttp.ClientConnectorCertificateError as error:
                cause = error.certificate_error
                assert isinstance(cause, ssl.SSLCertVerificationError)
                refused = faults.more_telling(refused, cause)
            except aiohttp.ServerFingerprintMismatch:
                changed = ways[index].fingerprint or ""
            else:
                self._works[endpoint, policy] = index
                return answer
        self._works.pop((endpoint, policy), None)
        leaf = await self._leaf(endpoint)
        if changed or refused is None:
            raise faults.fingerprint_changed(leaf, changed, endpoint)
        raise faults.untrusted(refused, leaf, endpoint)

    async def contact(
        self, endpoint: Endpoint, policy: trust.TlsPolicy, sign_of_life: Request | None = None
    ) -> Certificate:
        path = f"{BASE}{sign_of_life.path}" if sign_of_life else ""
        return await handshake.contact(endpoint, policy, path=path, timeout=self._connect_seconds)

    async def close(self) -> None:
        self._closed = True
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()

    async def _send(
        self,
        endpoint: Endpoint,
        policy: trust.TlsPolicy,
        way: trust.Check,
        request: Request,
        timeout: float,
    ) -> Answer:
        progress = SimpleNamespace(connected=False)
        check = _pin(way.fingerprint) if way.fingerprint else way.context
        headers = dict(request.headers)
        if request.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            async with self._session(request.reads).request(
                request.method,
                _url(endpoint, request),
                data=request.form.encode() if request.form is not None else None,
                headers=headers,
                ssl=check,
                server_hostname=policy.server_name,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=timeout, connect=self._connect_seconds, sock_connect=self._connect_seconds
                ),
                trace_request_ctx=progress,
            ) as response:
                body = await self._read(response, request)
                answered = {name: clean(value) for name, value in response.headers.items()}
                return Answer(response.status, clean(response.reason or ""), body, answered)
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch):
            raise
        except (aiohttp.ClientError, OSError) as error:
            raise _translated(error, endpoint, request, timeout, sent=progress.connected) from None
        except ValueError:  # asyncio's, ssl's and idna's word for a host that cannot be one
            if progress.connected:
                raise
            raise faults.bad_address(endpoint) from None

    async def _read(self, response: aiohttp.ClientResponse, request: Request) -> bytes:
        parts, size = [], 0
        most = self._body_limit or BODY_LIMIT
        try:
            async for part in response.content.iter_any():
                size += len(part)
                self._incoming += len(part)
                if size > most or self._incoming > TOGETHER_LIMIT:
                    response.close()
                    limit = most if size > most else TOGETHER_LIMIT
                    raise Unreadable(
                        f"The answer to {request.call} is larger than {limit >> 20} MiB"
                        + ("." if limit == most else ", together with others at this moment."),
                        code="too_large",
                    )
                parts.append(part)
            return b"".join(parts)
        finally:
            self._incoming -= size

    async def _leaf(self, endpoint: Endpoint) -> Certificate:
        return await handshake.probe_certificate(endpoint, timeout=self._connect_seconds)

    def _session(self, reads: bool) -> aiohttp.ClientSession:
        if self._closed:
            raise Unreachable("The connection to the cluster has been closed.", code="closed")
        if reads not in self._sessions:
            connector = aiohttp.TCPConnector(
                limit=self._total,
                limit_per_host=self._per_host,
                resolver=_GuardedResolver(),
                ttl_dns_cache=30,
                **({"keepalive_timeout": KEEPALIVE_SECONDS} if reads else {"force_close": True}),
            )
            self._sessions[reads] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "paddock"},
                trace_configs=[_connection_trace()],
                middlewares=() if reads else (_send_once,),
                max_line_size=64 * 1024,  # the reason phrase carries whole error texts
            )
        return self._sessions[reads]


def clean(text: str) -> str:
    """A header's text as people and databases can hold it: aiohttp leaves bytes outside UTF-8 as lone surrogates."""
    sound = text[: 4 * TEXT_LIMIT].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else " " for sign in sound).strip()[:TEXT_LIMIT]


def _url(endpoint: Endpoint, request: Request) -> URL:
    """`handshake.admit` has checked the host; path and query are encoded already."""
    return URL.build(
        scheme="https",
        authority=endpoint.authority,
        path=f"{BASE}{request.path}",
        query_string=request.query,
        encoded=True,
    )


@lru_cache(maxsize=256)
def _pin(fingerprint: str) -> aiohttp.Fingerprint:
    """One object per pin: kept-alive connections are found again by its identity."""
    return aiohttp.Fingerprint(fingerprint_bytes(fingerprint))


class _GuardedResolver(ThreadedResolver):
    """Keeps names from leading to link-local and metadata addresses."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        found = await super().resolve(host, port, family)
        if allowed := [result for result in found if not is_forbidden(result["host"])]:
            return allowed
        raise _ForbiddenAddress(host)


class _ForbiddenAddress(OSError):
    pass


async def _send_once(
    request: aiohttp.ClientRequest,
    handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ServerFingerprintMismatch, TimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _BrokenOff from error


def _connection_trace() -> aiohttp.TraceConfig:
    """Notes when a request has a connection: from then on it may have been sent."""
    trace = aiohttp.TraceConfig()

    async def connected(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.connected = True

    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(connected)
    return trace


def _translated(
    error: aiohttp.ClientError | OSError, endpoint: Endpoint, request: Request, timeout: float, *, sent: bool
) -> Upstream:
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, _ForbiddenAddress):
            return faults.forbidden_address(endpoint)
        return faults.from_os_error(_deepest(error.os_error), endpoint)
    timed_out = isinstance(error, asyncio.TimeoutError)
    if not sent and isinstance(error, ValueError):  # aiohttp.InvalidURL
        return faults.bad_address(endpoint)
    if not sent:
        return faults.connect_timeout(endpoint) if timed_out else faults.reset(endpoint)
    if not request.reads:
        why = f"no answer came within {timeout:.0f} s" if timed_out else "the connection broke off"
        return lost(why, Asked(call=request.call))
    if timed_out:
        return faults.answer_timeout(endpoint, timeout)
    if isinstance(error, aiohttp.ClientResponseError):
        return Unreadable(
            f"{endpoint} sent an answer that is not HTTP: {clean(error.message)}.", call=request.call
        )
    return faults.reset(endpoint)


def _deepest(error: OSError) -> OSError:
    """The real failure: asyncio and aiohttp wrap name and TLS errors in an OSError."""
    while isinstance(error.__cause__, OSError):
        error = error.__cause__
    return error
