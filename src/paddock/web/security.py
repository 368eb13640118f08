"""Paddock's own web security, in one piece of middleware: host, size, forged requests, headers.

Everything that reaches a route has passed here. Behind a proxy (`behind_proxy`) the X-Forwarded-* headers
of `trusted_proxies` are believed, otherwise they are ignored; so the server in front must not believe them by
itself (`uvicorn.Config(proxy_headers=False)`). The root path is set here too: the proxy may take it away or
leave it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paddock.base.errors import Denied, PaddockError
from paddock.settings import Settings
from paddock.web import csrf, problems

BODY_LIMIT = 1024 * 1024
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})

POLICY = "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
HSTS = "max-age=31536000"

_FORM = "application/x-www-form-urlencoded"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_NUL_IN_JSON = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""The escape itself, not the text after an escaped backslash."""


class SecurityMiddleware:
    """Outermost. A header that a route has set itself is left as it is."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self.cookie = csrf.session_cookie(settings)
        self.proxies = tuple(ipaddress.ip_network(proxy) for proxy in settings.trusted_proxies)
        self.checked = problems.CatchAll(self._check)
        """Around the checks themselves too: whatever fails, the answer passes through `guarded`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope = {**scope, "root_path": self.settings.root_path.rstrip("/")}
        if self.settings.behind_proxy and self._from_proxy(scope):
            scope = _as_the_proxy_saw_it(scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self.settings.secure:
                    headers.setdefault("Strict-Transport-Security", HSTS)
            await send(message)

        await self.checked(scope, receive, guarded)

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            receive = await self._admit(scope, receive)
        except PaddockError as error:
            if isinstance(error, problems.HostRefused):
                scope = _without_host(scope)  # it may not even be one, and pages are full of addresses
            answer = await problems.respond(Request(scope, receive), error)
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _from_proxy(self, scope: Scope) -> bool:
        """Whether the peer itself is one of `trusted_proxies`."""
        peer = _address(scope["client"][0]) if scope.get("client") else None
        if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
            peer = peer.ipv4_mapped
        return peer is not None and any(peer in network for network in self.proxies)

    async def _admit(self, scope: Scope, receive: Receive) -> Receive:
        """Raises where the request may not go on; else returns the receive to go on with."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not host_allowed(host, self.settings):
            name = _host_name(host) or "(none)"
            raise problems.HostRefused(
                f"Paddock does not go by the name {name}.",
                hint=f"If it should, start it with PADDOCK_ALLOWED_HOSTS={name} or put the name into paddock.toml.",
            )
        if "\0" in scope["path"] or _nul_in_form(scope.get("query_string", b"")):
            raise _nul()
        if scope["method"] not in UNSAFE:
            return receive
        length = headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > BODY_LIMIT):
            raise _too_large()
        body = await _read(receive)
        if _nul_in_body(headers.get("content-type", ""), body):
            raise _nul()
        if not _by_token(scope, headers):
            self._check_origin(scope, headers, body)
        return _again(body, receive)

    def _check_origin(self, scope: Scope, headers: Headers, body: bytes) -> None:
        """Raises Denied where another page may have sent the request in the name of this browser."""
        site = headers.get("sec-fetch-site")
        origin = headers.get("origin")
        foreign = site is not None and site not in {"same-origin", "none"}
        if origin is not None and site is None:
            foreign = _origin_host(origin) != headers.get("host", "").lower()
        if foreign:
            raise Denied(
                "This request came from another web page and was not carried out.", code="cross_site"
            )
        cookie = cookie_parser(headers.get("cookie", "")).get(self.cookie)
        if cookie and not csrf.fits(cookie, _given_token(headers, body)):
            raise Denied(
                "This form belongs to an earlier sign-in and was not carried out.",
                code="csrf",
                hint="Reload the page and send it again.",
            )


def _by_token(scope: Scope, headers: Headers) -> bool:
    """Whether REST is called with an API token: then cookies count for nothing, and nothing can be forged."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return path.startswith("/api/") and headers.get("authorization", "").lower().startswith("bearer ")


def host_allowed(host: str, settings: Settings) -> bool:
    """Whether Paddock answers to this Host header. Addresses in figures cannot be rebound, names can."""
    if not _HOST.fullmatch(host):
        return False
    name = _host_name(host)
    if not name:
        return False
    if name in {settings.host, *(allowed.lower() for allowed in settings.allowed_hosts)}:
        return True
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and (address.is_loopback or settings.host in {"0.0.0.0", "::"})


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].rstrip(".").lower()


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _origin_host(origin: str) -> str | None:
    """Host and port of an Origin header, or None where it is no address."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _without_host(scope: Scope) -> Scope:
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"host"]}


def _nul_in_form(text: bytes) -> bool:
    return b"\0" in text or b"%00" in text


def _nul_in_body(kind: str, body: bytes) -> bool:
    """Whether a form or JSON holds the character that PostgreSQL cannot store."""
    kind = kind.partition(";")[0].strip().lower()
    if kind == _FORM:
        return _nul_in_form(body)
    return b"\0" in body or (kind != "multipart/form-data" and _NUL_IN_JSON.search(body) is not None)


def _nul() -> PaddockError:
    return problems.Malformed("This request holds a NUL character, which cannot be stored.")


def _given_token(headers: Headers, body: bytes) -> str:
    if given := headers.get(csrf.HEADER):
        return given
    if headers.get("content-type", "").startswith(_FORM):
        try:
            return parse_qs(body.decode(), max_num_fields=5000).get(csrf.FIELD, [""])[0]
        except ValueError:
            return ""
    return ""


async def _read(receive: Receive) -> bytes:
    """The whole body. Raises TooLarge beyond the limit."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_LIMIT:
            raise _too_large()
        parts.append(part)
        if not message.get("more_body"):
            break
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """A receive that gives the body once more, then goes on with the connection's own messages."""
    given = False

    async def repeat() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return repeat


def _too_large() -> PaddockError:
    return problems.TooLarge(f"More than {BODY_LIMIT // 1024} KiB in one request is not taken.")


def _as_the_proxy_saw_it(scope: Scope) -> Scope:
    """Host, scheme and client as the proxy reports them. Of several hops the nearest one counts: the others can be forged."""
    headers = Headers(scope=scope)
    changed = dict(scope)
    if host := _nearest(headers.getlist("x-forwarded-host")):
        changed["headers"] = [
            *((name, value) for name, value in scope["headers"] if name != b"host"),
            (b"host", host.encode("latin-1")),
        ]
    if (scheme := _nearest(headers.getlist("x-forwarded-proto"))) in {"http", "https"}:
        changed["scheme"] = scheme
    if client := _nearest(headers.getlist("x-forwarded-for")):
        changed["client"] = (client.strip("[]"), 0)
    return changed


def _nearest(values: Iterable[str]) -> str:
    joined = ",".join(values)
    return joined.rpartition(",")[2].strip()
