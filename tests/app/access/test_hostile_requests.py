"""Requests that no browser sends: each gets a clear refusal with the strict headers, never a 500."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from paddock.access import setup
from paddock.access.model import Session
from paddock.web.live import MOST_PER_PERSON, Live
from paddock.web.security import SecurityMiddleware
from tests.app.access.conftest import NAME, PASSWORD, Running, running


async def raw(paddock: Running, head: str, body: bytes = b"") -> tuple[int, str]:
    """What is sent is exactly this; a client library would mend it."""
    at = urlsplit(paddock.base)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    if "host:" not in head.lower():
        head += f"\r\nHost: {at.netloc}"
    head += f"\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    answer = (await reader.read()).decode()
    writer.close()
    return int(answer.split(" ", 2)[1]), answer.lower()


FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        (f"POST /signin HTTP/1.1\r\n{FORM}\r\nOrigin: http://[", b"name=a&password=b", 403),
        ("GET /account HTTP/1.1\r\nHX-Request: true\r\nHX-Current-URL: http://[", b"", 204),
        ("GET /signin HTTP/1.1\r\nHost: [", b"", 400),
        ("GET /signin HTTP/1.1\r\nHost: localhost:80[", b"", 400),
        ("GET /signin HTTP/1.1\r\nHost: 127.0.0.1]", b"", 400),
        ("GET /access/%00 HTTP/1.1", b"", 400),
        ("GET /signin?next=%00 HTTP/1.1", b"", 400),
        (f"POST /signin HTTP/1.1\r\n{FORM}", b"name=a%00&password=b", 400),
        (f"POST /signin HTTP/1.1\r\n{FORM}", b"name=a\0&password=b", 400),
        (f"POST /api/v1/users HTTP/1.1\r\n{JSON}", rb'{"name": "a\u0000"}', 400),
        (f"POST /api/v1/users HTTP/1.1\r\n{JSON}", rb'{"name": "a\\\u0000"}', 400),
        (f"POST /api/v1/users HTTP/1.1\r\n{JSON}", rb'{"name": "a\\u0000"}', 401),
        (f"POST /signin HTTP/1.1\r\n{FORM}", b"name=a%2500&password=b", 403),
        (
            "POST /signin HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x; charset=utf-7",
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\na+AAA-\r\n--x\r\n'
            b'Content-Disposition: form-data; name="password"\r\n\r\nb\r\n--x--\r\n',
            422,
        ),
    ],
)
async def test_a_hostile_request_is_refused(paddock: Running, head: str, body: bytes, status: int) -> None:
    got, answer = await raw(paddock, head, body)
    assert got == status
    assert "content-security-policy: default-src 'self'" in answer
    assert "x-content-type-options: nosniff" in answer


async def test_figures_that_are_no_digits_are_not_a_version(paddock: Running) -> None:
    browser = await paddock.signed_in()
    await browser.get("/account")
    _, me, _ = await browser.call("GET", "/api/v1/me")
    async with paddock.services.db.read() as db:
        user = await db.scalar(select(Session.user_id))
    assert me["name"] == NAME
    for version in ('"²"', '"' + "9" * 5000 + '"'):
        status, _, _ = await browser.call(
            "PATCH", f"/api/v1/users/{user}", {"display": "x"}, If_Match=version
        )
        assert status == 422
    status, _, _ = await browser.post(f"/access/users/{user}", display="x", role="administrator", version="²")
    assert status == 303


async def test_even_a_crash_of_the_checks_is_answered_with_the_strict_headers(
    paddock: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: Any) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(SecurityMiddleware, "_admit", crash)
    status, text, headers = await paddock.client().get("/signin")
    assert status == 500
    assert "secret detail" not in text
    assert headers["Content-Security-Policy"].startswith("default-src 'self'")


async def test_forwarded_headers_are_believed_from_the_proxy_only(tmp_path: Path) -> None:
    async with running(
        tmp_path, behind_proxy=True, allowed_hosts=("p.example.net",), trusted_proxies=("192.0.2.10",)
    ) as run:
        await setup.create_administrator(run.services, NAME, PASSWORD)
        forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "p.example.net"}
        assert (await run.client(headers=forged).post("/signin", name=NAME, password=PASSWORD))[0] == 303
        async with run.services.db.read() as db:
            assert str(await db.scalar(select(Session.remote))).startswith("127.")
        client = run.client(headers={"Host": "rebound.example", "X-Forwarded-Host": "p.example.net"})
        assert (await client.get("/signin"))[0] == 400


async def test_too_many_live_streams_are_told_to_come_later(paddock: Running) -> None:
    browser = await paddock.signed_in()
    async with paddock.services.db.read() as db:
        user = str(await db.scalar(select(Session.user_id)))
    live = paddock.services.parts[Live]
    held = [live.place(user) for _ in range(MOST_PER_PERSON)]
    for place in held:
        place.__enter__()
    status, _, headers = await browser.get("/live")
    assert (status, headers["Retry-After"]) == (503, "60")
