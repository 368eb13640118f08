"""Bodies, headers and queries that no client sends, to every route: a clear refusal or an answer, never a crash."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from typing import TypeVar

import aiohttp
from yarl import URL

from tests.app.security.conftest import SAFE, Crashes, Route
from tests.harness import Paddock

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
DEEP = b"[" * 100_000 + b"]" * 100_000
BODIES: dict[str, tuple[str, bytes]] = {
    "nothing": (JSON, b""),
    "no JSON": (JSON, b"<html>"),
    "cut": (JSON, b'{"name": "x'),
    "no UTF-8": (JSON, b'{"name": "\xff\xfe\xc3"}'),
    "a lone surrogate": (JSON, rb'{"name": "\ud800", "url": "\udfff"}'),
    "NUL": (JSON, rb'{"name": "a\u0000b"}'),
    "deep": (JSON, DEEP),
    "deep inside": (JSON, b'{"name": ' + DEEP + b"}"),
    "doubled keys": (JSON, b'{"name": "a", "name": ["b"], "name": {"c": 1}}'),
    "huge numbers": (JSON, b'{"name": ' + b"9" * 5000 + b', "members": 1e999}'),
    "not a number": (JSON, b'{"name": NaN, "members": Infinity}'),
    "a list": (JSON, b'[{"name": "x"}]'),
    "null": (JSON, b"null"),
    "strange names": (JSON, b'{"__proto__": {"x": 1}, "": 1, "name": {"$ne": null}}'),
    "UTF-16": ("application/json; charset=utf-16", '{"name": "x"}'.encode("utf-16")),
    "text": ("text/plain", b'{"name": "x"}'),
    "XML": ("application/xml", b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'),
    "a form": (FORM, b"name=x&name=y&url=%ff%fe&members=1&members=2"),
    "a form of nothing but signs": (FORM, b"&=&&==;%zz%"),
    "a form of thousands": (FORM, b"&".join(b"a%d=1" % n for n in range(6000))),
    "a broken upload": ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data"),
    "an upload without a boundary": ("multipart/form-data", b"--x\r\n\r\n--x--"),
    "an uploaded file": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="name"; filename="../../a"\r\n\r\n=1\r\n--x--\r\n',
    ),
    "no type at all": ("", b'{"name": "x"}'),
    "a type that is none": ("%%%;;=", b"{}"),
}
QUERIES = (
    "page=-1&size=1000000000&sort=nonsense",
    "page=999999999999999999999999&size=0x10&sort=--name",
    "page=1000000&size=2000&q=%25%5f%27%22%3b--",
    "sort=%c3&q=%ff%fe" + "x" * 5000,
    "sort=__class__&status=__class__&node=../..&site=*",
    "page=1&page=2&q=a&q=b&=&&&",
    "id=" + "9" * 400 + "&limit=-5&tab=../../etc/passwd",
)
HEADERS: tuple[dict[str, str], ...] = (
    {
        "If-Match": '"' + "9" * 4000 + '"',
        "Accept": "text/html;q=" + "9" * 300 + ",*/*;q=-1,;;,",
        "Range": "bytes=0-0,-1,99999999999999999999-",
        "Accept-Encoding": "gzip;q=x,zstd,identity;q=0",
        "Cookie": "=;;paddock=; paddock=" + "x" * 2000 + '; __Host-paddock="\\303"',
    },
    {
        "If-Match": "²",
        "If-None-Match": "*" * 1000,
        "HX-Request": "true",
        "HX-Current-URL": "http://[",
        "HX-Target": "<script>",
        "X-HTTP-Method-Override": "DELETE",
        "X-Original-URL": "/signout",
        "X-Forwarded-Host": "evil.example",
    },
    {
        "Last-Event-ID": "-1",
        "If-Modified-Since": "yesterday",
        "Content-Encoding": "gzip",
        "Accept-Language": "x" * 3000,
        "User-Agent": "<script>alert(1)</script>",
        "Referer": "javascript:0",
    },
)
STREAM = "/live"
SHARE = int(os.environ.get("PADDOCK_ODD_SHARE", "3"))
"""Each route gets every third oddity, by turns, so that each oddity meets a third of the routes; with 1 it gets all."""

T = TypeVar("T")


def some(routes: Iterable[Route], oddities: Collection[T]) -> Iterator[tuple[Route, T]]:
    for turn, route in enumerate(routes):
        for number, one in enumerate(oddities):
            if (turn + number) % SHARE == 0:
                yield route, one


class Asker:
    """An administrator who asks over REST by token and pages by session."""

    def __init__(self, paddock: Paddock) -> None:
        self._paddock = paddock

    async def ask(
        self, route: Route, path: str, *, query: str = "", body: bytes | None = None, **headers: str
    ) -> None:
        session = self._paddock.api.session if route.rest else self._paddock.browser.session
        url = URL(f"{path}?{query}" if query else path, encoded=True)
        given = {name: value for name, value in headers.items() if value}
        skip = ["Content-Type"] if body is not None and "Content-Type" not in given else None
        if route.method not in SAFE and not route.rest:
            given["X-CSRF-Token"] = self._paddock.browser.csrf
        async with session.request(
            route.method,
            url,
            data=body,
            headers=given,
            allow_redirects=False,
            skip_auto_headers=skip,
            timeout=aiohttp.ClientTimeout(total=20),
        ) as answer:
            text = "" if path == STREAM else await answer.text(errors="replace")
            where = ascii(f"{route.method} {path}?{query[:80]} {headers} -> {answer.status} {text[:300]}")
            assert answer.status != 500, where
            assert answer.status < 500 or "/problems/" in text or not route.rest, where
            assert "Traceback" not in text, where
            assert "<script>alert" not in text, where
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'"), where
            assert answer.headers["X-Content-Type-Options"] == "nosniff", where


KEEPS = {"/signout", "/account/password", "/account/sessions/{session_id}/end"}
"""With these the administrator of the tests would lock himself out, were one of the bodies a right one."""


async def test_odd_bodies(
    paddock: Paddock, ids: dict[str, str], routes: list[Route], no_way_out: None, crashes: Crashes
) -> None:
    await paddock.browser.get("/account")
    asker = Asker(paddock)
    writing = [
        route for route in routes if route.method in {"POST", "PUT", "PATCH"} and route.path not in KEEPS
    ]
    for route, (kind, body) in some(writing, BODIES.values()):
        await asker.ask(route, route.filled(ids), body=body, **{"Content-Type": kind})
    assert crashes() == []


async def test_odd_queries_and_headers(
    paddock: Paddock, ids: dict[str, str], routes: list[Route], crashes: Crashes
) -> None:
    asker = Asker(paddock)
    reading = [route for route in routes if route.method == "GET" and route.path != STREAM]
    for route, query in some(reading, QUERIES):
        await asker.ask(route, route.filled(ids), query=query)
    for route, headers in some(reading, HEADERS):
        await asker.ask(route, route.filled(ids), **headers)
    assert crashes() == []


async def test_odd_ids(paddock: Paddock, routes: list[Route], no_way_out: None, crashes: Crashes) -> None:
    await paddock.browser.get("/account")
    asker = Asker(paddock)
    odd = (
        "..",
        "%2e%2e%2f%2e%2e",
        "%ff%fe",
        "'%20OR%201=1--",
        "%F0%9F%92%A5",
        "x" * 3000,
        "%0d%0aX-A:%201",
        "-1",
    )
    for route, one in some([route for route in routes if "{" in route.path], odd):
        head, _, rest = route.path.partition("{")
        tail = rest.partition("}")[2].replace("{", "").replace("}", "")
        await asker.ask(route, head + one + tail, body=None if route.method in SAFE else b"")
    assert crashes() == []
