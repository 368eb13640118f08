"""The first administrator, and forgotten passwords."""

import asyncio

import pytest
from sqlalchemy import select

from paddock.access import setup
from paddock.access.model import User
from paddock.base.errors import NotFound
from tests.app.access.conftest import NAME, PASSWORD, Running


def path_of(link: str | None) -> str:
    assert link is not None
    return link[link.index("/setup") :]


def token_of(link: str | None) -> str:
    return path_of(link).partition("token=")[2]


async def names(run: Running) -> list[str]:
    async with run.services.db.read() as db:
        return list(await db.scalars(select(User.name)))


async def test_nobody_can_register_without_the_link(empty: Running) -> None:
    await setup.ensure_setup_link(empty.services)
    browser = empty.client()
    _, text, _ = await browser.get("/signin")
    assert "Paddock has no user yet." in text
    status, text, _ = await browser.post(
        "/setup", token="x" * 43, name="eve", password=PASSWORD, repeat=PASSWORD
    )
    assert status == 404
    assert "This link is not valid" in text
    assert await names(empty) == []


async def test_the_link_creates_the_first_administrator_and_signs_in(empty: Running) -> None:
    link = await setup.ensure_setup_link(empty.services)
    browser = empty.client()
    assert "Create the administrator" in (await browser.get(path_of(link)))[1]
    status, _, _ = await browser.post(
        "/setup",
        token=token_of(link),
        name="Maria",
        display="Maria Huber",
        password=PASSWORD,
        repeat=PASSWORD,
    )
    assert status == 303
    assert (await browser.get("/api/v1/me"))[1].startswith('{"name":"Maria","role":"administrator"')
    assert await setup.ensure_setup_link(empty.services) is None


async def test_of_two_at_once_exactly_one_becomes_administrator(empty: Running) -> None:
    token = token_of(await setup.ensure_setup_link(empty.services))
    tries = [
        empty.client().post("/setup", token=token, name=name, password=PASSWORD, repeat=PASSWORD)
        for name in ("anna", "berta", "clara", "doris")
    ]
    statuses = sorted(answer[0] for answer in await asyncio.gather(*tries))
    assert statuses == [303, 404, 404, 404]
    assert len(await names(empty)) == 1


async def test_a_newer_link_replaces_the_older_one(empty: Running) -> None:
    older = await setup.ensure_setup_link(empty.services)
    newer = await setup.ensure_setup_link(empty.services)
    browser = empty.client()
    assert (await browser.get(path_of(older)))[0] == 404
    assert (await browser.get(path_of(newer)))[0] == 200


async def test_a_link_is_too_old_after_a_day(empty: Running) -> None:
    link = await setup.ensure_setup_link(empty.services)
    empty.clock.advance(24 * 3600 + 1)
    assert (await empty.client().get(path_of(link)))[0] == 404


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "", "password": PASSWORD, "repeat": PASSWORD}, "This is needed."),
        ({"name": "a b", "password": PASSWORD, "repeat": PASSWORD}, "Letters, digits"),
        ({"name": "a", "password": "short", "repeat": "short"}, "At least 12 characters."),
        ({"name": "a", "password": PASSWORD, "repeat": "other"}, "The two passwords differ."),
        ({"name": "<b>x</b>", "password": PASSWORD, "repeat": PASSWORD}, "&lt;b&gt;x&lt;/b&gt;"),
    ],
)
async def test_a_mistake_is_told_beside_its_field_and_the_link_stays_good(
    empty: Running, fields: dict[str, str], message: str
) -> None:
    link = await setup.ensure_setup_link(empty.services)
    browser = empty.client()
    status, text, _ = await browser.post("/setup", token=token_of(link), **fields)
    assert status == 422
    assert message in text
    assert PASSWORD not in text
    assert await names(empty) == []
    assert (await browser.get(path_of(link)))[0] == 200


async def test_a_forgotten_password_is_chosen_anew_and_all_sessions_end(paddock: Running) -> None:
    elsewhere = await paddock.signed_in()
    link = await setup.reset_password_link(paddock.services, "M.Huber")
    browser = paddock.client()
    assert "A new password for <b>m.huber</b>" in (await browser.get(path_of(link)))[1]
    chosen = "summer fence post 8"
    status, _, _ = await browser.post("/setup", token=token_of(link), password=chosen, repeat=chosen)
    assert status == 303
    assert (await elsewhere.get("/account"))[0] == 303
    assert (await browser.get(path_of(link)))[0] == 404
    await paddock.signed_in(NAME, chosen)
    assert (await paddock.client().post("/signin", name=NAME, password=PASSWORD))[0] == 403


async def test_resetting_the_password_of_nobody_names_who_there_is(paddock: Running) -> None:
    with pytest.raises(NotFound) as missing:
        await setup.reset_password_link(paddock.services, "eve")
    assert missing.value.hint == "Known: m.huber."
