"""An account that fell into wrong hands is taken back; administrators do not take the role from each other."""

import asyncio

from sqlalchemy import event, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session as OrmSession

from paddock.access import actions, setup
from paddock.access.model import ApiToken, AuditEntry, Session, User
from paddock.access.rights import Role
from paddock.access.schemas import UserPatch
from paddock.base.context import Actor, Context
from paddock.base.errors import WrongState
from tests.app.access.conftest import NAME, PASSWORD, Running

NEW = "autumn gate latch 9"


async def test_a_password_by_link_ends_sessions_and_revokes_tokens_and_says_so(paddock: Running) -> None:
    thief = await paddock.signed_in()
    token = await setup.issue_token(paddock.services, NAME, "stolen")
    program = paddock.client(headers={"Authorization": f"Bearer {token}"})
    assert (await program.call("GET", "/api/v1/me"))[0] == 200
    link = (await setup.reset_password_link(paddock.services, NAME)).partition("token=")[2]
    owner = paddock.client()
    _, text, _ = await owner.get(f"/setup?token={link}")
    assert "all API tokens are revoked" in text
    assert (await owner.post("/setup", token=link, password=NEW, repeat=NEW))[0] == 303
    assert (await thief.get("/account"))[0] == 303
    assert (await program.call("GET", "/api/v1/me"))[0] == 401
    async with paddock.services.db.read() as db:
        assert await db.scalar(select(func.count()).select_from(ApiToken)) == 0
        assert await db.scalar(select(func.count()).select_from(Session)) == 1
        entry = await db.scalar(select(AuditEntry).where(AuditEntry.action == "account.choose_password"))
    assert entry is not None
    assert entry.detail == {"tokens_revoked": ["stolen"]}


async def test_a_changed_password_keeps_tokens_and_says_so(paddock: Running) -> None:
    browser = await paddock.signed_in()
    token = await setup.issue_token(paddock.services, NAME, "backup")
    await browser.get("/account")
    status, _, headers = await browser.post(
        "/account/password", current_password=PASSWORD, new_password=NEW, repeat=NEW
    )
    assert status == 303
    assert "your API tokens still work" in (await browser.get(headers["Location"]))[1]
    program = paddock.client(headers={"Authorization": f"Bearer {token}"})
    assert (await program.call("GET", "/api/v1/me"))[0] == 200


async def test_of_two_administrators_who_demote_each_other_one_stays(paddock: Running) -> None:
    await setup.create_administrator(paddock.services, "anna", PASSWORD)
    async with paddock.services.db.read() as db:
        one, other = (await db.scalars(select(User.id).order_by(User.name))).all()

    async def demote(by: str, whom: str) -> str:
        ctx = Context(paddock.services, Actor(by, by, Role.ADMINISTRATOR))
        try:
            await actions.edit_user(ctx, whom, UserPatch(role=Role.AUDITOR))
        except WrongState as error:
            return error.code
        return "done"

    statements: list[str] = []

    def watch(orm: object) -> None:
        if getattr(orm, "is_select", False):
            statements.append(str(orm.statement.compile(dialect=postgresql.dialect())))  # type: ignore[attr-defined, no-untyped-call]

    event.listen(OrmSession, "do_orm_execute", watch)
    try:
        ended = await asyncio.gather(demote(one, other), demote(other, one))
    finally:
        event.remove(OrmSession, "do_orm_execute", watch)
    assert sorted(ended) == ["done", "last_administrator"]
    locking = [text for text in statements if "FOR UPDATE" in text]
    assert len(locking) == 2
    assert all("ORDER BY users.id FOR UPDATE" in " ".join(text.split()) for text in locking)
