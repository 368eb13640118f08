"""Coming in and going out."""

import asyncio

import pytest
from sqlalchemy import func, select, update

from paddock.access import audit, guard, setup
from paddock.access.doorkeeper import Doorkeeper
from paddock.access.model import Session, User
from paddock.base.context import SYSTEM, Actor, Context
from paddock.base.errors import Denied, NotLoggedIn
from paddock.web.paging import Paging
from tests.app.access.conftest import NAME, PASSWORD, Running


async def entries(paddock: Running, **filters: str) -> list[tuple[str, str, str, str]]:
    ctx = Context(paddock.services, SYSTEM)
    page = await audit.list_entries(ctx, Paging(filters=filters, size=200))
    return [(e.actor, e.action, e.outcome, e.code) for e in page.items]


async def test_a_stranger_is_led_to_the_sign_in_and_back(paddock: Running) -> None:
    browser = paddock.client()
    status, _, headers = await browser.get("/access/audit?outcome=refused")
    assert (status, headers["Location"]) == (303, "/signin?next=/access/audit%3Foutcome%3Drefused")
    await browser.get(headers["Location"])
    status, _, headers = await browser.post(
        "/signin", name=NAME, password=PASSWORD, next="/access/audit?outcome=refused"
    )
    assert (status, headers["Location"]) == (303, "/access/audit?outcome=refused")


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "/\tevil", "evil", "/signout", ""]
)
async def test_the_way_back_never_leads_to_another_server(paddock: Running, wanted: str) -> None:
    browser = paddock.client()
    _, _, headers = await browser.post("/signin", name=NAME, password=PASSWORD, next=wanted)
    assert headers["Location"] == "/"


async def test_the_cookie_is_kept_from_scripts_and_from_other_sites(paddock: Running) -> None:
    _, _, headers = await paddock.client().post("/signin", name=NAME, password=PASSWORD)
    cookie = headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie


async def test_a_wrong_password_and_an_unknown_user_read_the_same(paddock: Running) -> None:
    browser = paddock.client()
    known = await browser.post("/signin", name=NAME, password="wrong wrong wrong")
    unknown = await browser.post("/signin", name="x.huber", password="wrong wrong wrong")
    assert known[0] == unknown[0] == 403
    assert "User or password is wrong." in known[1]
    assert known[1].replace(NAME, "x.huber") == unknown[1]
    assert "wrong wrong wrong" not in known[1]
    assert (await entries(paddock, outcome="refused"))[0] == ("", "access.sign_in", "refused", "wrong")


async def test_the_case_of_the_name_does_not_matter(paddock: Running) -> None:
    assert (await paddock.client().post("/signin", name=" M.HUBER ", password=PASSWORD))[0] == 303


async def test_guessing_is_slowed_down_and_told_how_long_to_wait(paddock: Running) -> None:
    browser = paddock.client()
    for _ in range(3):
        assert (await browser.post("/signin", name=NAME, password="no"))[0] == 403
    status, text, headers = await browser.post("/signin", name=NAME, password=PASSWORD)
    assert status == 429
    assert "Too many attempts" in text
    assert 1 <= int(headers["Retry-After"]) <= 3
    assert (await browser.post("/signin", name="other", password="no"))[0] == 403
    paddock.clock.advance(5)
    assert (await browser.post("/signin", name=NAME, password=PASSWORD))[0] == 303


async def test_many_guesses_at_once_gain_nothing(paddock: Running) -> None:
    browser = paddock.client()
    tries = [browser.post("/signin", name=NAME, password=f"guess {n}") for n in range(12)]
    statuses = [answer[0] for answer in await asyncio.gather(*tries)]
    assert statuses.count(403) == 3
    assert statuses.count(429) == 9


async def test_a_sign_in_gives_a_new_session_and_ends_the_old_one(paddock: Running) -> None:
    browser = await paddock.signed_in()
    before = {c.value for c in browser.session.cookie_jar}
    await browser.get("/account")
    assert (await browser.post("/signin", name=NAME, password=PASSWORD))[0] == 303
    assert {c.value for c in browser.session.cookie_jar} != before
    async with paddock.services.db.read() as db:
        assert await db.scalar(select(func.count()).select_from(Session)) == 1
        assert await db.scalar(select(Session.id)) not in before


async def test_signing_out_ends_the_session_on_the_server(paddock: Running) -> None:
    browser = await paddock.signed_in()
    await browser.get("/account")
    value = next(iter(browser.session.cookie_jar)).value
    status, _, headers = await browser.post("/signout")
    assert (status, headers["Location"]) == (303, "/signin")
    stolen = paddock.client(headers={"Cookie": f"paddock={value}"})
    assert (await stolen.get("/account"))[0] == 303
    assert ("m.huber", "access.sign_out", "ok", "") in await entries(paddock)


async def test_a_session_ends_when_nobody_uses_it(paddock: Running) -> None:
    browser = await paddock.signed_in()
    paddock.clock.advance(59 * 60)
    assert (await browser.get("/account"))[0] == 200
    paddock.clock.advance(59 * 60)
    assert (await browser.get("/account"))[0] == 200
    paddock.clock.advance(61 * 60)
    assert (await browser.get("/account"))[0] == 303


async def test_a_page_that_refreshes_itself_does_not_keep_a_session_alive(paddock: Running) -> None:
    browser = await paddock.signed_in()
    for _ in range(3):
        paddock.clock.advance(29 * 60)
        status, _, _ = await browser.get("/account", headers={"Paddock-Refresh": "1"})
    assert status == 303


async def test_a_session_ends_after_its_longest_time_in_any_case(paddock: Running) -> None:
    browser = await paddock.signed_in()
    for _ in range(24):
        assert (await browser.get("/account"))[0] == 200
        paddock.clock.advance(30 * 60)
    assert (await browser.get("/account"))[0] == 303


async def test_a_disabled_user_is_out_at_once_and_cannot_come_back(paddock: Running) -> None:
    browser = await paddock.signed_in()
    async with paddock.services.db.write() as db:
        await db.execute(update(User).values(disabled=True))
    paddock.services.parts[Doorkeeper].forget()
    assert (await browser.get("/account"))[0] == 303
    assert (await paddock.client().post("/signin", name=NAME, password=PASSWORD))[0] == 403
    assert (await entries(paddock, outcome="refused"))[0][3] == "disabled"


async def test_a_refused_action_stands_in_the_audit(paddock: Running) -> None:
    auditor = Context(paddock.services, Actor("7", "anna", "auditor", remote="127.9.9.9"))
    with pytest.raises(Denied, match=r"sites\.edit"):
        await guard.require(auditor, "sites.edit", target=audit.Target("site", "s1", "Vienna"))
    with pytest.raises(NotLoggedIn):
        await guard.require(Context(paddock.services, Actor(None, "", "nobody")), "sites.edit")
    assert ("anna", "sites.edit", "refused", "denied") in await entries(paddock)


async def test_the_housekeeping_deletes_what_has_ended(paddock: Running) -> None:
    await paddock.signed_in()
    await setup.reset_password_link(paddock.services, NAME)
    paddock.clock.advance(401 * 86400)
    await setup.prune(paddock.services)
    assert await entries(paddock) == []
    async with paddock.services.db.read() as db:
        assert await db.scalar(select(func.count()).select_from(Session)) == 0
