"""Paddock's own web security, as seen from outside."""

import asyncio
import gzip
from pathlib import Path

import pytest
from sqlalchemy import select

from paddock.access import setup
from paddock.access.model import Session
from paddock.web.live import Live
from tests.app.access.conftest import NAME, PASSWORD, Running, running


async def test_every_answer_carries_the_strict_headers(paddock: Running) -> None:
    browser = await paddock.signed_in()
    for path in ("/signin", "/account", "/nope", "/crash", "/api/v1/me", "/static/paddock.js"):
        _, _, headers = await browser.get(path)
        assert headers["Content-Security-Policy"].startswith("default-src 'self';"), path
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "Strict-Transport-Security" not in headers
    assert (await browser.get("/account"))[2]["Cache-Control"] == "no-store"


async def test_a_form_that_comes_back_may_be_gone_back_to_until_somebody_signs_out(paddock: Running) -> None:
    browser = await paddock.signed_in()
    await browser.get("/account")
    status, _, headers = await browser.post("/account/tokens", name="", lifetime="30")
    assert (status, headers["Cache-Control"]) == (422, "private, no-cache")
    status, _, headers = await browser.post("/account/tokens", name="shown once", lifetime="30")
    assert (status, headers["Cache-Control"]) == (200, "no-store"), "the token stands in it"
    stranger = paddock.client()
    await stranger.get("/signin")
    status, _, headers = await stranger.post("/signin", name=NAME, password="wrong")
    assert (status >= 400, headers["Cache-Control"]) == (True, "no-store")
    _, _, headers = await browser.post("/signout")
    assert headers["Clear-Site-Data"] == '"cache"'


async def test_a_name_that_is_not_ours_is_refused(paddock: Running) -> None:
    browser = paddock.client(headers={"Host": "rebound.example"})
    status, text, _ = await browser.get("/signin")
    assert status == 400
    assert "PADDOCK_ALLOWED_HOSTS=rebound.example" in text


async def test_a_form_without_the_token_is_not_carried_out(paddock: Running) -> None:
    browser = await paddock.signed_in()
    browser.csrf = ""
    status, text, _ = await browser.post("/account/tokens", name="forged", lifetime="30")
    assert status == 403
    assert "Reload the page" in text
    await browser.get("/account")
    assert (await browser.post("/account/tokens", name="meant", lifetime="30"))[0] == 200


async def test_the_token_of_another_session_does_not_fit(paddock: Running) -> None:
    one, other = await paddock.signed_in(), await paddock.signed_in()
    await other.get("/account")
    one.csrf = other.csrf
    assert (await one.post("/account/tokens", name="forged"))[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_a_form_sent_by_another_page_is_refused_even_with_the_token(
    paddock: Running, headers: dict[str, str]
) -> None:
    browser = await paddock.signed_in()
    await browser.get("/account")
    assert (await browser.post("/account/tokens", headers=headers, name="forged"))[0] == 403
    assert (await browser.post("/signin", headers=headers, name=NAME, password=PASSWORD))[0] == 403


async def test_rest_with_a_session_needs_the_token_too_but_with_an_api_token_not(paddock: Running) -> None:
    browser = await paddock.signed_in()
    browser.csrf = ""
    assert (await browser.call("POST", "/api/v1/users", {"name": "eve"}))[1]["code"] == "csrf"
    token = await setup.issue_token(paddock.services, NAME, "t")
    program = paddock.client(headers={"Authorization": f"Bearer {token}"})
    assert (await program.call("POST", "/api/v1/users", {"name": "eve"}))[0] == 201


async def test_a_forged_authorization_header_does_not_lift_the_protection_of_a_session(
    paddock: Running,
) -> None:
    browser = await paddock.signed_in()
    browser.csrf = ""
    status, body, _ = await browser.call(
        "POST", "/api/v1/users", {"name": "eve"}, Authorization="Bearer pdk_x"
    )
    assert (status, body["code"]) == (401, "token_refused")


async def test_pages_do_not_skip_the_protection_with_an_authorization_header(paddock: Running) -> None:
    browser = await paddock.signed_in()
    browser.csrf = ""
    status, _, _ = await browser.post("/signout", headers={"Authorization": "Bearer pdk_x"})
    assert status == 403


async def test_a_body_beyond_the_limit_is_not_read(paddock: Running) -> None:
    async with paddock.client().session.post("/signin", data=b"x" * (1024 * 1024 + 1)) as answer:
        assert answer.status == 413

    async def endless() -> object:
        for _ in range(40):
            yield b"x" * 65536

    async with paddock.client().session.post("/signin", data=endless()) as answer:
        assert answer.status == 413


async def test_a_crash_shows_an_id_and_nothing_of_the_inside(paddock: Running) -> None:
    for path in ("/crash",):
        status, text, _ = await paddock.client().get(path)
        assert status == 500
        assert "Quote the id" in text
        assert "secret detail" not in text
        assert "Traceback" not in text


async def test_htmx_gets_a_toast_and_an_expired_session_the_sign_in(paddock: Running) -> None:
    browser = await paddock.signed_in()
    status, text, headers = await browser.get("/access/users/nobody", headers={"HX-Request": "true"})
    assert (status, headers["HX-Retarget"], headers["HX-Reswap"]) == (404, "#toasts", "beforeend")
    assert "There is no user nobody." in text
    assert "<html" not in text
    stranger = paddock.client()
    _, _, headers = await stranger.get(
        "/access", headers={"HX-Request": "true", "HX-Current-URL": f"{paddock.base}/access?q=a"}
    )
    assert headers["HX-Redirect"] == "/signin?next=/access%3Fq%3Da"


async def test_what_people_type_is_escaped(paddock: Running) -> None:
    browser = await paddock.signed_in()
    _, text, _ = await browser.get("/access/audit?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in text
    _, text, _ = await browser.get("/%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in text


async def test_static_files_are_packed_and_kept_for_ever_under_their_version(paddock: Running) -> None:
    client = paddock.client(auto_decompress=False)
    _, page, _ = await paddock.client().get("/signin")
    address = page.partition('href="/static/vendor/tabler')[2].partition('"')[0]
    async with client.session.get(
        f"/static/vendor/tabler{address}", headers={"Accept-Encoding": "gzip"}
    ) as answer:
        body = await answer.read()
        assert "immutable" in answer.headers["Cache-Control"]
        assert len(body) < 90_000
        assert b"Tabler" in gzip.decompress(body)
        tag = answer.headers["ETag"]
    async with client.session.get("/static/vendor/tabler.min.css", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
        assert answer.headers["Cache-Control"] == "no-cache"
    for path in ("/static/../settings.py", "/static/%2e%2e/render.py", "/static/nope.js"):
        assert (await paddock.client().get(path))[0] == 404


async def test_behind_a_proxy_and_below_a_path(tmp_path: Path) -> None:
    async with running(
        tmp_path, behind_proxy=True, root_path="/paddock", allowed_hosts=("p.example.net",)
    ) as run:
        await setup.create_administrator(run.services, NAME, PASSWORD)
        forwarded = {
            "X-Forwarded-Host": "p.example.net",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-For": "203.0.113.9, 198.51.100.7",
        }
        browser = run.client(headers=forwarded)
        for prefix in ("", "/paddock"):  # a proxy may take the path away or leave it
            status, _, headers = await browser.get(f"{prefix}/access")
            assert (status, headers["Location"]) == (303, "/paddock/signin?next=/access")
        _, text, headers = await browser.get("/paddock/signin")
        assert 'action="/paddock/signin"' in text
        assert 'href="/paddock/static/paddock.css?v=' in text
        assert "Strict-Transport-Security" in headers
        status, _, headers = await browser.post(
            "/paddock/signin",
            name=NAME,
            password=PASSWORD,
            headers={"Origin": "https://p.example.net", "Sec-Fetch-Site": "same-origin"},
        )
        assert status == 303
        cookie = headers["Set-Cookie"].lower()
        assert cookie.startswith("paddock=")
        assert "path=/paddock" in cookie
        assert "secure" in cookie
        async with run.services.db.read() as db:
            assert await db.scalar(select(Session.remote)) == "198.51.100.7"


async def test_forwarded_headers_are_ignored_without_a_proxy(paddock: Running) -> None:
    browser = paddock.client(headers={"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "203.0.113.9"})
    await browser.post("/signin", name=NAME, password=PASSWORD)
    _, listed, _ = await browser.call("GET", "/api/v1/sessions")
    assert listed["items"][0]["remote"].startswith("127.")


async def test_over_https_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    async with running(tmp_path, behind_proxy=True, allowed_hosts=("p.example.net",)) as run:
        await setup.create_administrator(run.services, NAME, PASSWORD)
        _, _, headers = await run.client().post("/signin", name=NAME, password=PASSWORD)
        assert headers["Set-Cookie"].startswith("__Host-paddock=")
        assert "Secure" in headers["Set-Cookie"]
        assert "Path=/;" in headers["Set-Cookie"]


async def test_the_live_stream_refuses_strangers(paddock: Running) -> None:
    assert (await paddock.client().get("/live"))[0] == 401


async def test_the_live_stream_names_what_changed_once(paddock: Running) -> None:
    browser = await paddock.signed_in()
    async with browser.session.get("/live") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        hello = (await answer.content.readuntil(b"\n\n")).decode()
        assert "event: hello" in hello
        assert '"at": "2026-11-23T02:12:40' in hello
        for _ in range(100):
            paddock.services.bus.touch(["nodes", "containers"])
        first = (await answer.content.readuntil(b"\n\n")).decode()
        paddock.services.bus.touch(["jobs"])
        second = (await answer.content.readuntil(b"\n\n")).decode()
    assert first == "event: views\ndata: containers,nodes\n\n"
    assert second == "event: views\ndata: jobs\n\n"


async def test_many_streams_share_one_reader_of_the_bus(paddock: Running) -> None:
    live = paddock.services.parts[Live]
    streams = [live.stream() for _ in range(200)]
    for stream in streams:
        await anext(stream)
    waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
    await asyncio.sleep(0)
    assert len(paddock.services.bus._watchers) == 1
    paddock.services.bus.touch(["nodes"])
    told = await asyncio.gather(*waiting)
    assert {id(message) for message in told} == {id(told[0])}


async def test_streams_end_when_paddock_stops(paddock: Running) -> None:
    live = paddock.services.parts[Live]
    stream = live.stream()
    await anext(stream)
    waiting = asyncio.ensure_future(anext(stream, None))
    await asyncio.sleep(0)
    await live.stop()
    assert await waiting is None
