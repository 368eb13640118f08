"""An administrator's password, used once: role, user and token of Paddock's own on Proxmox VE."""

from __future__ import annotations

import pytest

from paddock.base.errors import Invalid
from paddock.base.vault import Secret
from paddock.clusters.connecting import proxmox_members
from paddock.clusters.queries import get_cluster, members_of
from paddock.jobs.model import Job
from paddock.proxmox import Connection, PasswordCredential, ceremony
from paddock.proxmox.token_plan import COMMENT, Plan
from paddock.proxmox.transport import HttpTransport
from paddock.proxmox.wanted import Level
from pvesim import Running
from pvesim.identity import Token, User
from tests.app.clusters.signing import Signed, signed
from tests.harness import Paddock

USER = "paddock@pve"


async def as_root(paddock: Paddock, prod: Signed) -> Connection:
    """What a job has while it makes a token."""
    members = proxmox_members(await get_cluster(paddock.ctx, prod.id), await members_of(paddock.ctx, prod.id))
    root = PasswordCredential("root@pam", Secret(prod.prod.root_password))
    return Connection("prod", members, root, HttpTransport())


async def test_a_password_makes_a_token_with_no_more_than_paddock_needs_and_is_forgotten(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    assert (await prod.now())["kind"] == "password"
    job = await prod.ceremony(level="operator")
    assert job["state"] == "done", job
    now = await prod.now()
    assert (now["kind"], now["name"], now["made_by_paddock"]) == ("token", job["result"]["token"], True)
    user, _, tokenid = now["name"].rpartition("!")
    assert user == USER
    token = prod.identity.users[USER].tokens[tokenid]
    assert token.privsep
    assert not prod.identity.users[USER].password, "nobody can sign in as that user"
    assert "VM.Allocate" in prod.identity.custom_roles["PaddockOperator"]
    forbidden = {"Permissions.Modify", "User.Modify", "Sys.Modify", "Datastore.Allocate", "Sys.Console"}
    assert not forbidden & prod.identity.custom_roles["PaddockOperator"]
    rights = await prod.api.get(f"{prod.path}/rights")
    assert rights["level"] == "operator"
    assert all(want["present"] for want in rights["wants"])
    async with paddock.ctx.read() as db:
        row = await db.get(Job, job["id"])
        assert row is not None
        assert row.sealed == "", "the password is wiped with the job"
    estate.fault("password-changed", cluster="prod")
    await paddock.until_status("pve1", "online")


async def test_an_observer_sees_everything_and_may_change_nothing(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    assert (await prod.ceremony(level="observer"))["state"] == "done"
    rights = await prod.api.get(f"{prod.path}/rights")
    assert rights["level"] == "observer"
    assert {want["present"] for want in rights["wants"] if want["level"] == "operator"} == {False}
    lacks = next(want for want in rights["wants"] if want["privilege"] == "VM.PowerMgmt")
    assert (lacks["path"], lacks["purpose"]) == ("/vms", "start and stop containers")


async def test_the_job_shows_exactly_what_was_made_and_the_deeds_keep_it(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    before = prod.entries()
    job = await prod.ceremony(level="observer", token="cluster-mgmt")
    made = {(deed["kind"], deed["name"]) for deed in job["result"]["deeds"]}
    token = f"{USER}!cluster-mgmt"
    assert made == {
        ("role", "PaddockObserver"),
        ("user", USER),
        ("token", token),
        ("acl", f"/ {USER}"),
        ("acl", f"/ {token}"),
    }
    after = prod.entries()
    assert set(after["users"]) - set(before["users"]) == {USER}
    assert set(after["roles"]) - set(before["roles"]) == {"PaddockObserver"}
    assert len(after["acl"]) - len(before["acl"]) == 2
    deeds = await prod.api.get(f"/clusters/{prod.id}/deeds")
    assert {(deed["kind"], deed["name"]) for deed in deeds["items"]} == made
    for deed in deeds["items"]:
        assert (deed["actor"], deed["administrator"], deed["removed_at"]) == ("m.huber", "root@pam", None)
        assert deed["at"]


async def test_a_role_and_a_user_that_exist_are_used_again(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    first = await prod.ceremony(level="operator", token="one")
    other = await prod.ceremony(level="operator", token="two")
    assert [job["state"] for job in (first, other)] == ["done"] * 2
    assert {deed["kind"] for deed in other["result"]["deeds"]} == {"token", "acl"}
    assert (await prod.now())["name"] == f"{USER}!two"
    assert (await prod.api.get(f"{prod.path}/rights"))["level"] == "operator"


async def test_a_token_of_that_name_is_refused_before_anything_is_written(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    theirs = Token("x" * 36, comment=COMMENT)
    prod.identity.users["automation@pve"] = User(tokens={"terraform": theirs})
    before = prod.entries()
    estate.requests.clear()
    job = await prod.ceremony(user="automation@pve", token="terraform")
    assert (job["state"], job["error"]["code"]) == ("failed", "token_exists")
    assert "automation@pve!terraform exists" in job["error"]["message"]
    assert "another name" in job["error"]["hint"]
    assert "rotate" in job["error"]["hint"]
    assert prod.identity.users["automation@pve"].tokens == {"terraform": theirs}
    assert prod.entries() == before
    written = {(one.method, one.path) for one in estate.requests if one.method != "GET"}
    assert {path.rpartition("/")[2] for _, path in written} <= {"ticket"}


async def test_paddocks_own_token_is_not_made_anew_and_goes_on_working(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    assert (await prod.ceremony(token="one"))["state"] == "done"
    secret = prod.identity.users[USER].tokens["one"].secret
    estate.fault("overloaded", cluster="prod", path="^PUT .*/access/acl", status=500, reason="no")
    job = await prod.ceremony(token="one")
    assert (job["state"], job["error"]["code"]) == ("failed", "token_exists")
    assert prod.identity.users[USER].tokens["one"].secret == secret
    assert (await prod.api.get(f"{prod.path}/rights"))["level"] == "operator"


async def test_a_token_that_somebody_else_made_after_the_look_is_neither_replaced_nor_taken_back(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    connection = await as_root(paddock, prod)
    plan = Plan.of(Level.OPERATOR, USER, "again", "this run")
    try:
        before = await ceremony.look(connection, plan, "root@pam")
        theirs = Token("x" * 36, comment="Made by Paddock, run another")
        prod.identity.users[USER] = User(tokens={"again": theirs})
        prod.identity.changed()
        with pytest.raises(Invalid) as refusal:
            await ceremony.make(connection, plan, before)
        assert (refusal.value.code, refusal.value.details[0].field) == ("token_exists", "token")
        assert await ceremony.undo(connection, plan, before) == []
    finally:
        await connection.close()
    assert prod.identity.users[USER].tokens == {"again": theirs}, "nor is its user"


async def test_a_role_of_that_name_with_other_rights_is_set_right_and_told(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    prod.identity.custom_roles["PaddockOperator"] = frozenset({"VM.Audit"})
    job = await prod.ceremony(level="operator")
    role = next(deed for deed in job["result"]["deeds"] if deed["kind"] == "role")
    assert role["verb"] == "changed"
    assert role["detail"].endswith("Before: VM.Audit")
    assert "VM.Allocate" in prod.identity.custom_roles["PaddockOperator"]


def administrator(prod: Signed, *privileges: tuple[str, str]) -> dict[str, str]:
    """A user who is not root and holds just these (privilege, path)."""
    identity = prod.identity
    identity.users["clerk@pve"] = User("clerk-password-1")
    for number, (privilege, path) in enumerate(privileges):
        identity.custom_roles[f"Clerk{number}"] = frozenset({privilege})
        identity.grant(path, "user", "clerk@pve", f"Clerk{number}")
    identity.changed()
    return {"username": "clerk@pve", "password": "clerk-password-1"}


NEEDED = (
    ("Sys.Modify", "/access"),
    ("Realm.AllocateUser", "/access/realm/pve"),
    ("User.Modify", "/access/groups"),
    ("Permissions.Modify", "/"),
)


async def test_another_administrator_with_just_the_needed_rights_can_do_it(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    identity = prod.identity
    identity.users["clerk@pve"] = User("clerk-password-1")
    identity.custom_roles["Clerk"] = frozenset(privilege for privilege, _ in NEEDED)
    identity.grant("/", "user", "clerk@pve", "Clerk")
    identity.changed()
    job = await prod.ceremony(username="clerk@pve", password="clerk-password-1")
    assert job["state"] == "done", job
    deeds = await prod.api.get(f"/clusters/{prod.id}/deeds")
    assert {deed["administrator"] for deed in deeds["items"]} == {"clerk@pve"}


async def test_who_lacks_a_right_is_told_which_and_nothing_was_made(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    who = administrator(prod, ("User.Modify", "/access/groups"), ("Sys.Modify", "/access"))
    before = prod.entries()
    job = await prod.ceremony(**who)
    assert (job["state"], job["error"]["code"]) == ("failed", "ceremony_rights")
    message = job["error"]["message"]
    assert "Realm.AllocateUser on /access/realm/pve" in message
    assert "Permissions.Modify on /" in message
    assert "User.Modify" not in message
    assert prod.entries() == before
    assert (await prod.now())["kind"] == "password"


async def test_a_wrong_password_makes_nothing(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    before = prod.entries()
    job = await prod.ceremony(password="not-this-one")
    assert (job["state"], job["error"]["code"]) == ("failed", "password_refused")
    assert prod.entries() == before


async def test_an_administrator_with_a_second_factor_is_told_so(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    estate.fault("tfa-demanded", cluster="prod")
    job = await prod.ceremony()
    assert (job["state"], job["error"]["code"]) == ("failed", "two_factor_required")


async def test_what_was_half_made_is_taken_back(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    before = prod.entries()
    estate.fault("overloaded", cluster="prod", path="^PUT .*/access/acl", status=500, reason="no")
    job = await prod.ceremony(token="half")
    assert job["state"] == "failed", job
    assert prod.entries() == before
    lines = [line["text"] for line in (await paddock.api.get(f"/jobs/{job['id']}"))["lines"]]
    assert "What had been made on Proxmox VE was taken back" in lines
    assert (await prod.now())["kind"] == "password"
    assert (await prod.api.get(f"/clusters/{prod.id}/deeds"))["total"] == 0


async def test_a_token_whose_secret_was_lost_on_the_way_is_taken_back(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    before = prod.entries()
    estate.fault("answer-lost", cluster="prod", path="^POST .*/token/", count=1)
    job = await prod.ceremony()
    assert (job["state"], job["error"]["code"]) == ("failed", "outcome_unknown")
    assert prod.entries() == before


async def test_what_cannot_be_taken_back_is_said_as_a_command(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    estate.fault("overloaded", cluster="prod", path="^(PUT .*/access/acl|DELETE )", status=500, reason="no")
    job = await prod.ceremony(token="left")
    lines = [line["text"] for line in (await paddock.api.get(f"/jobs/{job['id']}"))["lines"]]
    assert any(line.endswith("pveum user token remove paddock@pve left") for line in lines), lines
    assert any(line.endswith("pveum user delete paddock@pve") for line in lines)
    assert any(line.endswith("pveum role delete PaddockOperator") for line in lines)


async def test_a_step_that_was_cut_off_is_repeated_without_doubling_anything(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    state = prod.entries()
    connection = await as_root(paddock, prod)
    plan = Plan.of(Level.OPERATOR, USER, "again", "this run")
    try:
        before = await ceremony.look(connection, plan, "root@pam")
        first = await ceremony.make(connection, plan, before)
        second = await ceremony.make(connection, plan, before)
        assert first.credential != second.credential, "the secret is told once, so the token is made anew"
        assert first.deeds == second.deeds
        assert prod.entries()["users"][USER] == ["again"]
        assert await ceremony.undo(connection, plan, before) == []
        assert await ceremony.undo(connection, plan, before) == [], "taking back can be repeated too"
    finally:
        await connection.close()
    assert prod.entries() == state


async def test_two_at_once_on_one_cluster_are_refused(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    first = await prod.api.post(f"{prod.path}/token", prod.root)
    second = await prod.api.post(f"{prod.path}/token", prod.root)
    assert (second.status, second["code"]) == (409, "token_job_running")
    assert (await paddock.ended(first["job_id"]))["state"] == "done"


async def test_a_user_that_was_there_stays_when_it_fails(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    prod.identity.users[USER] = User(tokens={"theirs": Token("x" * 36)})
    before = prod.entries()
    estate.fault("overloaded", cluster="prod", path="^PUT .*/access/acl", status=500, reason="no")
    assert (await prod.ceremony())["state"] == "failed"
    assert prod.entries() == before


async def test_a_token_that_may_less_than_was_asked_for_is_taken_back_and_told_why(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    prod.identity.users[USER] = User()
    prod.identity.grant("/vms", "user", USER, "PVEAuditor")
    before = prod.entries()
    job = await prod.ceremony(level="operator")
    assert (job["state"], job["error"]["code"]) == ("failed", "level_missed")
    message, hint = job["error"]["message"], job["error"]["hint"]
    assert "VM.PowerMgmt" in message
    assert "on /vms" in message
    assert "Datastore" not in message, "only what is missing is named"
    assert "on /vms replaces what is inherited" in hint
    assert "pveum acl list" in hint
    assert prod.entries() == before
    assert (await prod.now())["kind"] == "password"
    assert (await prod.ceremony(level="observer"))["state"] == "done", "that much it may"


async def test_a_disabled_user_of_that_name_is_told_before_anything_is_made(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    prod.identity.users[USER] = User(enable=False)
    before = prod.entries()
    job = await prod.ceremony()
    assert job["error"]["code"] == "user_disabled"
    assert prod.entries() == before


async def test_names_that_proxmox_would_not_take_are_refused_beside_their_field(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    for wish, field in (
        ({"user": "paddock"}, "user"),
        ({"user": "paddock@pam"}, "user"),
        ({"token": "1"}, "token"),
        ({"username": "root"}, "username"),
        ({"password": ""}, "password"),
        ({"level": "root"}, "level"),
    ):
        answer = await prod.api.post(f"{prod.path}/token", {**prod.root, **wish})
        assert (answer.status, answer["errors"][0]["field"]) == (422, field), answer
