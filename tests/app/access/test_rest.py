"""Users, tokens, sessions and the audit over REST."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import event, select

from paddock.access import setup
from paddock.access.doorkeeper import Doorkeeper, digest
from paddock.access.model import ApiToken
from tests.app.access.conftest import NAME, PASSWORD, Browser, Running


async def token_client(paddock: Running, name: str = NAME) -> Browser:
    token = await setup.issue_token(paddock.services, name, f"for {name}")
    return paddock.client(headers={"Authorization": f"Bearer {token}"})


async def signed_in(paddock: Running, **who: str) -> Browser:
    browser = await paddock.signed_in(**who)
    await browser.get("/account")
    return browser


async def create(client: Browser, name: str, role: str = "auditor", **more: Any) -> dict[str, Any]:
    status, made, _ = await client.call("POST", "/api/v1/users", {"name": name, "role": role, **more})
    assert status == 201, made
    return dict(made)


async def test_without_a_token_the_answer_says_what_is_missing(paddock: Running) -> None:
    status, body, headers = await paddock.client().call("GET", "/api/v1/me")
    assert (status, body["code"]) == (401, "not_signed_in")
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer pdk_wrong", "Bearer x", "Basic bTpw", "pdk_x"])
async def test_a_wrong_token_is_refused(paddock: Running, header: str) -> None:
    status, body, _ = await paddock.client(headers={"Authorization": header}).call("GET", "/api/v1/me")
    assert status == 401
    assert body["code"] in {"token_refused", "token_needed"}


async def test_a_token_is_shown_once_and_stored_as_a_checksum(paddock: Running) -> None:
    browser = await signed_in(paddock)
    status, made, _ = await browser.call("POST", "/api/v1/tokens", {"name": "backup"})
    assert status == 201
    assert made["token"].startswith("pdk_")
    assert len(made["token"]) == 47
    _, listed, _ = await browser.call("GET", "/api/v1/tokens")
    assert listed["total"] == 1
    assert "token" not in listed["items"][0]
    async with paddock.services.db.read() as db:
        row = (await db.execute(select(ApiToken.sha256, ApiToken.prefix))).one()
    assert made["token"] not in row
    used = paddock.client(headers={"Authorization": f"Bearer {made['token']}"})
    assert (await used.call("GET", "/api/v1/me"))[1]["via"] == "token"


async def test_a_call_with_a_token_costs_one_query_and_soon_none(paddock: Running) -> None:
    client = await token_client(paddock)
    await client.call("GET", "/api/v1/me")
    statements: list[str] = []
    engine = paddock.services.db._reader.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    def queries() -> int:
        return len([statement for statement in statements if statement.startswith("SELECT")])

    await client.call("GET", "/api/v1/me")
    assert queries() == 0
    paddock.clock.advance(6)
    await client.call("GET", "/api/v1/me")
    assert queries() == 1


async def test_a_revoked_token_stops_at_once(paddock: Running) -> None:
    client, browser = await token_client(paddock), await signed_in(paddock)
    assert (await client.call("GET", "/api/v1/me"))[0] == 200
    _, listed, _ = await browser.call("GET", "/api/v1/tokens")
    assert (await browser.call("DELETE", f"/api/v1/tokens/{listed['items'][0]['id']}"))[0] == 204
    assert (await client.call("GET", "/api/v1/me"))[0] == 401


async def test_an_expired_token_is_refused_even_while_it_is_remembered(paddock: Running) -> None:
    browser = await signed_in(paddock)
    _, made, _ = await browser.call(
        "POST", "/api/v1/tokens", {"name": "short", "expires_at": "2026-11-23T02:12:43Z"}
    )
    client = paddock.client(headers={"Authorization": f"Bearer {made['token']}"})
    assert (await client.call("GET", "/api/v1/me"))[0] == 200
    paddock.clock.advance(4)
    assert (await client.call("GET", "/api/v1/me"))[0] == 401


@pytest.mark.parametrize("end", ["2020-01-01T00:00:00Z", "2027-01-01T00:00:00", "soon"])
async def test_a_token_cannot_end_in_the_past_or_at_no_clear_time(paddock: Running, end: str) -> None:
    browser = await signed_in(paddock)
    status, body, _ = await browser.call("POST", "/api/v1/tokens", {"name": "x", "expires_at": end})
    assert status == 422
    assert body["errors"][0]["field"] == "expires_at"


async def test_the_last_use_of_a_token_is_written_once_a_minute(paddock: Running) -> None:
    client = await token_client(paddock)

    async def used() -> Any:
        async with paddock.services.db.read() as db:
            return await db.scalar(select(ApiToken.used_at))

    await client.call("GET", "/api/v1/me")
    first = await used()
    paddock.clock.advance(30)
    await client.call("GET", "/api/v1/me")
    assert await used() == first
    paddock.clock.advance(31)
    await client.call("GET", "/api/v1/me")
    assert await used() > first


async def test_a_token_cannot_make_tokens(paddock: Running) -> None:
    client = await token_client(paddock)
    status, body, _ = await client.call("POST", "/api/v1/tokens", {"name": "offspring"})
    assert (status, body["code"]) == (403, "person_needed")


async def test_an_administrators_token_can_be_made_weaker_and_then_changes_nothing(paddock: Running) -> None:
    browser = await signed_in(paddock)
    _, made, _ = await browser.call("POST", "/api/v1/tokens", {"name": "read", "role": "auditor"})
    client = paddock.client(headers={"Authorization": f"Bearer {made['token']}"})
    status, body, _ = await client.call("POST", "/api/v1/users", {"name": "eve"})
    assert (status, body["code"]) == (403, "denied")


async def test_an_auditor_gets_no_stronger_token_and_creates_nobody(paddock: Running) -> None:
    await create(await token_client(paddock), "anna", password=PASSWORD)
    anna = await signed_in(paddock, name="anna")
    _, made, _ = await anna.call("POST", "/api/v1/tokens", {"name": "mine", "role": "administrator"})
    assert made["role"] == "auditor"
    assert (await anna.call("POST", "/api/v1/users", {"name": "eve"}))[0] == 403
    assert (await anna.call("GET", "/api/v1/users"))[0] == 200


async def test_an_auditor_revokes_their_own_tokens_only(paddock: Running) -> None:
    client = await token_client(paddock)
    await create(client, "anna", password=PASSWORD)
    anna = await signed_in(paddock, name="anna")
    _, listed, _ = await client.call("GET", "/api/v1/tokens")
    assert (await anna.call("DELETE", f"/api/v1/tokens/{listed['items'][0]['id']}"))[0] == 403
    assert (await client.call("GET", "/api/v1/me"))[0] == 200


async def test_a_user_without_password_gets_a_link_instead(paddock: Running) -> None:
    made = await create(await token_client(paddock), "anna")
    browser = paddock.client()
    link = made["link"][made["link"].index("/setup") :]
    assert "anna" in (await browser.get(link))[1]
    token = link.partition("token=")[2]
    assert (await browser.post("/setup", token=token, password=PASSWORD, repeat=PASSWORD))[0] == 303


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "a", "role": "emperor"}, "role"),
        ({"name": "a", "password": "short"}, "password"),
        ({"name": "a", "shoe": 42}, "shoe"),
        ({"name": 5}, "name"),
        ([], ""),
    ],
)
async def test_a_bad_field_is_named(paddock: Running, body: Any, field: str) -> None:
    status, problem, _ = await (await token_client(paddock)).call("POST", "/api/v1/users", body)
    assert status == 422
    assert field in [fault["field"] for fault in problem["errors"]]


async def test_a_name_is_taken_whatever_its_case(paddock: Running) -> None:
    status, body, _ = await (await token_client(paddock)).call("POST", "/api/v1/users", {"name": "M.Huber"})
    assert (status, body["code"], body["errors"][0]["field"]) == (409, "already_exists", "name")


async def test_the_last_administrator_stays(paddock: Running) -> None:
    client = await token_client(paddock)
    _, listed, _ = await client.call("GET", "/api/v1/users")
    path = f"/api/v1/users/{listed['items'][0]['id']}"
    for change in ({"role": "auditor"}, {"disabled": True}):
        status, body, _ = await client.call("PATCH", path, change)
        assert (status, body["code"]) == (409, "last_administrator")
    assert (await client.call("DELETE", path))[1]["code"] == "last_administrator"
    await create(client, "second", "administrator", password=PASSWORD)
    assert (await client.call("DELETE", path))[1]["code"] == "oneself"
    assert (await client.call("PATCH", path, {"role": "auditor"}))[0] == 200
    assert (await client.call("POST", "/api/v1/users", {"name": "eve"}))[0] == 403


async def test_somebody_elses_change_is_not_overwritten(paddock: Running) -> None:
    client = await token_client(paddock)
    made = await create(client, "anna")
    path = f"/api/v1/users/{made['id']}"
    status, changed, headers = await client.call("PATCH", path, {"display": "Anna"}, If_Match='"1"')
    assert (status, changed["display"], headers["ETag"]) == (200, "Anna", '"2"')
    status, body, _ = await client.call("PATCH", path, {"display": "Anne"}, If_Match='"1"')
    assert (status, body["code"]) == (412, "stale_version")


async def test_disabling_a_user_ends_sessions_and_tokens(paddock: Running) -> None:
    admin = await token_client(paddock)
    made = await create(admin, "anna", password=PASSWORD)
    session, token = await signed_in(paddock, name="anna"), await token_client(paddock, "anna")
    assert (await token.call("GET", "/api/v1/me"))[0] == 200
    await admin.call("PATCH", f"/api/v1/users/{made['id']}", {"disabled": True})
    assert (await session.call("GET", "/api/v1/me"))[0] == 401
    assert (await token.call("GET", "/api/v1/me"))[0] == 401


async def test_a_deleted_user_stays_in_the_audit(paddock: Running) -> None:
    admin = await token_client(paddock)
    made = await create(admin, "anna", password=PASSWORD)
    await signed_in(paddock, name="anna")
    assert (await admin.call("DELETE", f"/api/v1/users/{made['id']}"))[0] == 204
    _, listed, _ = await admin.call("GET", "/api/v1/audit?actor=anna")
    assert [item["action"] for item in listed["items"]] == ["access.sign_in"]
    _, listed, _ = await admin.call("GET", "/api/v1/audit?action=users&q=ann")
    assert [item["action"] for item in listed["items"]] == ["users.delete", "users.create"]


async def test_ones_own_session_can_be_ended_from_elsewhere(paddock: Running) -> None:
    one, other = await signed_in(paddock), await signed_in(paddock)
    _, listed, _ = await one.call("GET", "/api/v1/sessions")
    assert listed["total"] == 2
    theirs = digest(next(iter(other.session.cookie_jar)).value)
    assert (await one.call("DELETE", f"/api/v1/sessions/{theirs}"))[0] == 204
    assert (await one.call("GET", "/api/v1/me"))[0] == 200
    assert (await other.call("GET", "/api/v1/me"))[0] == 401


async def test_a_changed_password_ends_the_other_sessions(paddock: Running) -> None:
    one, other = await signed_in(paddock), await signed_in(paddock)
    new = "summer fence post 8"
    wrong = await one.post("/account/password", current_password="no", new_password=new, repeat=new)
    assert wrong[0] == 422
    assert "not your current password" in wrong[1]
    status, _, _ = await one.post(
        "/account/password", current_password=PASSWORD, new_password=new, repeat=new
    )
    assert status == 303
    assert (await one.get("/account"))[0] == 200
    assert (await other.get("/account"))[0] == 303
    await paddock.signed_in(password=new)


async def test_lists_are_paged_and_linked(paddock: Running) -> None:
    client = await token_client(paddock)
    for number in range(5):
        await create(client, f"user{number}")
    status, body, headers = await client.call("GET", "/api/v1/users?size=2&sort=-name&q=user")
    assert status == 200
    assert [item["name"] for item in body["items"]] == ["user4", "user3"]
    assert body["total"] == 5
    assert body["next"] in headers["Link"]
    _, body, _ = await client.call("GET", body["next"])
    assert [item["name"] for item in body["items"]] == ["user2", "user1"]


async def test_the_doorkeeper_asks_again_after_its_short_memory(paddock: Running) -> None:
    client = await token_client(paddock)
    await client.call("GET", "/api/v1/me")
    async with paddock.services.db.write() as db:
        await db.execute(ApiToken.__table__.delete())
    assert (await client.call("GET", "/api/v1/me"))[0] == 200
    paddock.clock.advance(6)
    assert (await client.call("GET", "/api/v1/me"))[0] == 401
    assert paddock.services.parts[Doorkeeper]._known == {}


async def test_what_is_revoked_while_it_is_being_read_is_not_remembered(paddock: Running) -> None:
    """The row is read, then revoked, then the answer arrives: it must not live on in the memory."""
    token = await setup.issue_token(paddock.services, NAME, "racing")
    keeper = paddock.services.parts[Doorkeeper]
    reading = asyncio.ensure_future(keeper.token(paddock.services, token))
    await asyncio.sleep(0)
    async with paddock.services.db.write() as db:
        await db.execute(ApiToken.__table__.delete())
    keeper.forget()
    await reading
    assert await keeper.token(paddock.services, token) is None
