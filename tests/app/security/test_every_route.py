"""What holds for every route, pages included, found by walking the application: who may come, and from where."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from sqlalchemy import update

from paddock.access.model import User
from paddock.access.rights import Role
from tests.app.persons import person
from tests.app.security.conftest import SAFE, Route
from tests.harness import CHEAP, PASSWORD, Browser, Paddock

PUBLIC = {"/signin", "/setup", "/health", "/favicon.ico", "/api/v1/openapi.json"}
"""What anybody may read."""
NOTHING_YET = {"/setup", "/storages", "/api/v1/nodes/{node_id}/diagnosis"}
"""What is not there in this scene, or any more."""
DOORS = {"/signin", "/signout", "/setup"}
"""What anybody may send."""
OWN = {
    "/account/password",
    "/account/tokens",
    "/account/tokens/{token_id}/revoke",
    "/account/sessions/{session_id}/end",
    "/api/v1/tokens",
}
"""What everybody may do with what is theirs."""
STREAM = "/live"


@pytest.fixture
async def auditor(paddock: Paddock) -> AsyncIterator[Browser]:
    """The browser of somebody who may look and change nothing."""
    async with person(paddock, "c.huber", Role.AUDITOR):
        async with paddock.services.db.write() as session:
            hashed = await CHEAP.hash(PASSWORD)
            await session.execute(update(User).where(User.name == "c.huber").values(password_hash=hashed))
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(paddock.base, cookie_jar=jar) as session:
            browser = Browser(session)
            await browser.get("/signin")
            assert (await browser.post("/signin", {"name": "c.huber", "password": PASSWORD}))[0] == 303
            await browser.get("/account")
            yield browser


async def audited(paddock: Paddock, query: str = "") -> int:
    total: int = (await paddock.api.get(f"/audit?{query}"))["total"]
    return total


def unsafe(routes: list[Route]) -> list[Route]:
    return [route for route in routes if route.method not in SAFE]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-CSRF-Token": "x" * 88},
        {"X-CSRF-Token": "{own}", "Sec-Fetch-Site": "cross-site"},
        {"X-CSRF-Token": "{own}", "Sec-Fetch-Site": "same-site"},
        {"X-CSRF-Token": "{own}", "Origin": "https://evil.example"},
        {"X-CSRF-Token": "{own}", "Origin": "null"},
    ],
    ids=["no-token", "wrong-token", "cross-site", "same-site", "foreign-origin", "null-origin"],
)
async def test_nothing_is_changed_for_another_web_page(
    paddock: Paddock, ids: dict[str, str], routes: list[Route], headers: dict[str, str]
) -> None:
    await paddock.browser.get("/account")
    given = {name: value.format(own=paddock.browser.csrf) for name, value in headers.items()}
    before = await audited(paddock)
    for route in unsafe(routes):
        async with paddock.browser.session.request(
            route.method, route.filled(ids), data={"name": "x"}, headers=given, allow_redirects=False
        ) as answer:
            assert answer.status == 403, f"{route} answered {answer.status}"
    assert await audited(paddock) == before


async def test_an_invented_api_token_does_not_open_the_way_for_a_forged_request(
    paddock: Paddock, ids: dict[str, str], routes: list[Route]
) -> None:
    await paddock.browser.get("/account")
    before = await audited(paddock)
    for route in unsafe(routes):
        async with paddock.browser.session.request(
            route.method,
            route.filled(ids),
            json={"name": "x"},
            headers={"Authorization": "Bearer pdk_invented"},
            allow_redirects=False,
        ) as answer:
            assert answer.status in ({401, 422} if route.rest else {403}), f"{route}: {answer.status}"
    assert await audited(paddock) == before


async def test_a_stranger_sees_and_changes_nothing(
    paddock: Paddock, ids: dict[str, str], routes: list[Route]
) -> None:
    before = await audited(paddock)
    known = [*(ids.values()), "pve1", "prod", "Vienna"]
    async with aiohttp.ClientSession(paddock.base, cookie_jar=aiohttp.DummyCookieJar()) as stranger:
        for route in routes:
            if route.path in (PUBLIC if route.method in SAFE else DOORS):
                continue
            async with stranger.request(route.method, route.filled(ids), allow_redirects=False) as answer:
                text = await answer.text()
                if route.rest or route.path in {"/api/docs", STREAM}:
                    assert answer.status in {401, 422, 303}, f"{route}: {answer.status}"
                else:
                    assert answer.status == 303, f"{route}: {answer.status}"
                if answer.status == 303:
                    assert answer.headers["Location"].startswith("/signin"), route
                asked = route.filled(ids)
                assert not [one for one in known if one in text and one not in asked], route
    assert await audited(paddock) == before


async def test_an_auditor_changes_nothing_on_pages_and_each_attempt_is_written_down(
    paddock: Paddock, ids: dict[str, str], routes: list[Route], auditor: Browser
) -> None:
    query = "actor=c.huber&outcome=refused"
    for route in unsafe(routes):
        if route.path in DOORS | OWN:
            continue
        before = await audited(paddock, query)
        async with auditor.session.request(
            route.method,
            route.filled(ids),
            data=None if route.rest else {"name": ""},
            headers={"X-CSRF-Token": auditor.csrf},
            allow_redirects=False,
        ) as answer:
            if route.rest and answer.status == 422:
                continue  # a body is looked at first; those with a right one are in test_rest_conventions
            assert answer.status == 403, f"{route}: {answer.status} {(await answer.text())[-300:]}"
        assert await audited(paddock, query) == before + 1, f"{route} left no word in the audit"
    assert (await paddock.api.get("/sites"))["total"] == 1
    assert (await paddock.api.get("/nodes"))["total"] == 5


async def test_an_auditor_reads_every_page_but_the_forms_of_what_is_not_theirs(
    paddock: Paddock, ids: dict[str, str], routes: list[Route], auditor: Browser
) -> None:
    of_sign_in = tuple(f"/sign-in/{name}" for name in ("change", "token", "rotate", "explain", "realms"))
    forms = ("/new", "/edit", "/import", "/trust", "/remove", "/diagnose", *of_sign_in)
    for route in routes:
        if (
            route.method not in SAFE
            or route.path == STREAM
            or ("_id}" in route.path and "import" in route.path)
        ):
            continue
        status, text, _ = await auditor.get(route.filled(ids))
        if route.path == "/api/v1/overview/process" or (not route.rest and route.path.endswith(forms)):
            assert status == 403, f"{route}: {status}"
            continue
        assert status in {200, 303, 307} or route.path in NOTHING_YET, f"{route}: {status}"
        if not route.path.startswith(("/account", "/setup")):
            sends = set(re.findall(r'<form[^>]*method="post"[^>]*action="([^"]*)"', text, re.IGNORECASE))
            assert sends <= {"/signout"}, f"{route} offers {sends}"


async def test_every_answer_has_the_strict_headers_and_is_kept_by_nobody(
    paddock: Paddock, ids: dict[str, str], routes: list[Route]
) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "TRACE", "PROPFIND"):
        for path in sorted({route.filled(ids) for route in routes if route.path != STREAM}):
            async with paddock.browser.session.request(method, path, allow_redirects=False) as answer:
                where = f"{method} {path}: {answer.status}"
                assert answer.status < 500, where
                policy = answer.headers["Content-Security-Policy"]
                assert "unsafe" not in policy, where
                assert "default-src 'self'" in policy, where
                assert answer.headers["X-Content-Type-Options"] == "nosniff", where
                assert answer.headers["X-Frame-Options"] == "DENY", where
                assert answer.headers["Cache-Control"] == "no-store", where
                assert "Access-Control-Allow-Origin" not in answer.headers, where


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "https:evil.example",
        "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example", "///evil.example", "/ /evil.example",
        " //evil.example", "evil.example", "/signout", "/signin?next=//evil.example", "@evil.example", "\u2028//e",
    ],
)  # fmt: skip
async def test_the_sign_in_leads_to_paddock_only(paddock: Paddock, wanted: str) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(paddock.base, cookie_jar=jar) as session:
        browser = Browser(session)
        await browser.get("/signin")
        status, _, headers = await browser.post(
            "/signin", {"name": "m.huber", "password": PASSWORD, "next": wanted}
        )
        assert status == 303
        path = headers["Location"]
        assert path in {"/", "/%20/evil.example"}, path
        async with session.get("/signin", params={"next": wanted}, allow_redirects=False) as answer:
            assert answer.status == 303
            assert answer.headers["Location"] in {"/", "/%20/evil.example"}
