"""Talks REST to Paddock: one request, one connection, every failure as a sentence.

The standard library's client is enough here and keeps `paddock` quick to start.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from paddock import __version__
from paddock.terminal.config import Server, is_loopback
from paddock.terminal.failures import Exit, Failed, from_problem, not_paddock

PAGE = 2000
"""The largest page that Paddock gives."""
MOST_BYTES = 64 * 1024 * 1024

Query = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True)
class Reply:
    """`data` is the decoded JSON, None for an empty answer."""

    data: Any
    etag: str | None


class Client:
    """REST under `/api/v1` of one Paddock. Every method raises Failed with a sentence and an exit code."""

    def __init__(self, server: Server, *, timeout: float = 30.0) -> None:
        self.server = server
        self.timeout = timeout

    def get(self, path: str, query: Query | None = None) -> dict[str, Any]:
        return self._document(self.send("GET", path, query=query).data, path)

    def post(self, path: str, body: Any = None, *, timeout: float | None = None) -> dict[str, Any]:
        reply = self.send("POST", path, body={} if body is None else body, timeout=timeout)
        return {} if reply.data is None else self._document(reply.data, path)

    def put(self, path: str, body: Any, *, timeout: float | None = None) -> dict[str, Any]:
        return self._document(self.send("PUT", path, body=body, timeout=timeout).data, path)

    def delete(self, path: str) -> None:
        self.send("DELETE", path)

    def page(self, path: str, query: Query) -> dict[str, Any]:
        """One page of a list as Paddock gives it."""
        page = self.get(path, query)
        if not isinstance(page.get("items"), list) or not all(isinstance(i, dict) for i in page["items"]):
            raise not_paddock(self.server.url + "/api/v1" + path, "something that is not a list")
        return page

    def rows(self, path: str, query: Query | None = None) -> list[dict[str, Any]]:
        """A short list that Paddock gives without pages."""
        data = self.send("GET", path, query=query).data
        if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
            raise not_paddock(self.server.url + "/api/v1" + path, "something that is not a list")
        return data

    def everything(self, path: str, query: Query | None = None) -> dict[str, Any]:
        """All pages of a list as one; a list of one page stays as Paddock gave it."""
        query = {**(query or {}), "size": PAGE}
        page = self.page(path, query)
        items, last = list(page["items"]), page
        while last.get("next") and last["items"]:
            last = self.page(path, {**query, "page": int(last.get("page") or 1) + 1})
            items += last["items"]
        return page if last is page else {**page, "items": items, "next": None}

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        if_match: str | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """Sends one request. `path` begins with a slash and stands below `/api/v1`."""
        url = self.server.url + "/api/v1" + quote(path)
        if given := {key: value for key, value in (query or {}).items() if value is not None}:
            url += "?" + urlencode(given)
        headers = {"Accept": "application/json", "User-Agent": f"paddock-cli/{__version__}"}
        if self.server.token:
            headers["Authorization"] = f"Bearer {self.server.token}"
        if if_match:
            headers["If-Match"] = if_match
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body).encode()
        connection = self._connect(timeout or self.timeout)
        try:
            connection.request(method, url.removeprefix(_origin(url)), body=content, headers=headers)
            response = connection.getresponse()
            raw = response.read(MOST_BYTES + 1)
        except (OSError, HTTPException) as error:
            raise self._unreachable(error, timeout or self.timeout) from None
        finally:
            connection.close()
        kind = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
        return self._reply(
            url, response.status, kind, raw, {name.lower(): value for name, value in response.headers.items()}
        )

    def _connect(self, timeout: float) -> HTTPConnection:
        parts = urlsplit(self.server.url)
        host = parts.hostname or ""
        if parts.scheme == "http":
            if self.server.token and not self.server.insecure and not is_loopback(host):
                raise Failed(
                    f"{self.server.url} is not encrypted: the API token would travel in clear.",
                    exit_code=Exit.WRONG_USE,
                    code="not_encrypted",
                    hint="Use https://, or add --insecure where the network between is trusted.",
                )
            return HTTPConnection(host, parts.port, timeout=timeout)
        return HTTPSConnection(host, parts.port, timeout=timeout, context=self._tls())

    def _tls(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.server.ca or None)
        except (OSError, ssl.SSLError) as error:
            raise Failed(
                f"The CA file {self.server.ca} cannot be used: {error.strerror or error}",
                exit_code=Exit.WRONG_USE,
                code="bad_ca",
                hint="Give a file with the CA's certificate in PEM form: --ca FILE",
            ) from None
        if self.server.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _reply(self, url: str, status: int, kind: str, raw: bytes, headers: Mapping[str, str]) -> Reply:
        if 300 <= status < 400:
            where = headers.get("location") or "another place"
            raise not_paddock(url, f"a redirect to {where}")
        if len(raw) > MOST_BYTES:
            raise not_paddock(url, "more than 64 MiB")
        if status < 400 and not raw:
            return Reply(None, headers.get("etag"))
        if kind not in {"application/json", "application/problem+json"}:
            if status in {502, 503, 504}:
                raise Failed(
                    f"The proxy in front of Paddock says {status}: Paddock itself does not answer.",
                    exit_code=Exit.UNREACHABLE,
                    code="unreachable",
                    hint="Look on the server: is `paddock serve` running?",
                )
            raise not_paddock(url, _KINDS.get(kind, kind or "something without a type"))
        try:
            data = json.loads(raw)
        except ValueError:
            raise not_paddock(url, "JSON that is broken") from None
        if status < 400:
            return Reply(data, headers.get("etag"))
        if not isinstance(data, dict) or not ("code" in data or "title" in data):
            raise not_paddock(url, f"status {status} and no explanation")
        raise from_problem(status, data)

    def _document(self, data: Any, path: str) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise not_paddock(self.server.url + "/api/v1" + path, "JSON of another shape")
        return data

    def _unreachable(self, error: Exception, timeout: float) -> Failed:
        reason, hint = _explain(error, timeout)
        return Failed(
            f"Paddock at {self.server.url} cannot be reached: {reason}.",
            exit_code=Exit.UNREACHABLE,
            code="unreachable",
            hint=hint,
        )


_KINDS = {"text/html": "an HTML page", "text/plain": "plain text"}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _explain(error: Exception, timeout: float) -> tuple[str, str]:
    match error:
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is not trusted ({error.verify_message})",
                "Give the CA that signed it: --ca FILE",
            )
        case ssl.SSLError():
            return "it does not speak TLS", "Check scheme and port: is it http:// instead of https://?"
        case socket.gaierror():
            return "the name does not resolve", "Check the name, or give the address."
        case TimeoutError():
            return f"no answer within {timeout:g} s", "Try again, or wait longer with --timeout SECONDS"
        case ConnectionRefusedError():
            return (
                "nothing listens there",
                "Look on the server: is `paddock serve` running, and on this port?",
            )
        case HTTPException() | ConnectionError():
            return "it hung up without an answer", "Check scheme and port: is it https:// instead of http://?"
        case OSError():
            return (error.strerror or str(error)).lower(), "Check the network between here and there."
        case _:
            return str(error), "Check the address."
