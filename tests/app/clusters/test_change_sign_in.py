"""Another sign-in for a cluster, or for one member of it: tried first, then saved."""

from __future__ import annotations

import pytest

from paddock.base.vault import Secret
from paddock.proxmox import Connections, PasswordCredential
from pvesim import ClusterScene, Running
from tests.app.clusters.signing import signed
from tests.app.conftest import Estates
from tests.harness import Paddock


def by_token(estate: Running, label: str = "full") -> dict[str, str]:
    token = estate["prod"].tokens[label]
    return {"token_id": token.id, "token_secret": token.secret}


async def test_a_new_sign_in_is_tried_at_every_member_and_then_used(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    changed = await prod.change(**by_token(estate))
    assert (changed.status, changed["kind"], changed["name"]) == (200, "token", "root@pam!full")
    outcomes = {row["member"]: row["outcome"] for row in changed["tested"]}
    assert outcomes == {
        "pve1": "accepted", "pve2": "accepted", "pve3": "unreached", "pve4": "accepted", "pve5": "accepted",
    }  # fmt: skip
    assert changed["since"]
    assert changed.headers["ETag"] == f'"{changed["version"]}"'
    estate.fault("password-changed", cluster="prod")
    assert (await prod.api.get(f"{prod.path}/rights"))["level"] == "operator"
    audit = (await prod.api.get("/audit?action=clusters.sign_in"))["items"][0]
    assert audit["detail"] == {"from": "root@pam", "to": "root@pam!full"}


async def test_a_changed_password_is_recognised_and_can_be_replaced(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    connection = paddock.services.parts[Connections].open(prod.id)
    assert connection is not None
    old = PasswordCredential("root@pam", Secret(prod.prod.root_password))
    estate.fault("password-changed", cluster="prod", password="the new one 5")
    connection.replace_credential(old)  # no ticket, as after a restart
    await paddock.until_status("pve1", "refused")
    now = await prod.now()
    assert (now["refused"], now["trouble"]) == (True, "password_refused")
    assert "the password was changed" in now["guess"]
    changed = await prod.change(username="root@pam", password="the new one 5")
    assert changed.status == 200, changed
    await paddock.until_status("pve1", "online")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({}, ""),
        ({"name": "token-deleted"}, "token_refused"),
        ({"name": "token-replaced"}, "token_refused"),
        ({"name": "token-expired"}, "token_refused"),
        ({"name": "token-stripped", "token": "full"}, "no_rights"),
    ],
    ids=lambda value: value.get("name", "healthy") if isinstance(value, dict) else value,
)
async def test_a_sign_in_that_does_not_work_is_not_saved(
    paddock: Paddock, estate: Running, fault: dict[str, str], code: str
) -> None:
    prod = await signed(paddock, estate)
    wish = by_token(estate)
    if fault:
        given = dict(fault)
        estate.fault(given.pop("name"), cluster="prod", **given)
    answer = await prod.change(**wish)
    if not code:
        assert answer.status == 200
        return
    assert (answer.status, answer["code"]) == (502, code), answer
    assert answer["hint"]
    assert {row["member"] for row in answer["tested"]} == {f"pve{n}" for n in range(1, 6)}
    assert (await prod.now())["name"] == "root@pam"
    failed = (await prod.api.get("/audit?action=clusters.sign_in&outcome=failed"))["items"]
    assert failed[0]["code"] == code


async def test_a_token_without_an_entry_of_its_own_is_explained_with_the_command(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    answer = await prod.change(**by_token(estate, "privsep"))
    assert answer["code"] == "no_rights"
    assert "privilege separation" in answer["detail"]
    assert "pveum acl modify / --users root@pam --tokens 'root@pam!sep' --roles PVEAuditor" in answer["hint"]


async def test_with_a_reason_it_is_saved_all_the_same_and_the_reason_is_kept(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    wish = by_token(estate, "privsep")
    saved = await prod.change(**wish, reason="its entries come with the next change window")
    assert (saved.status, saved["name"]) == (200, "root@pam!sep")
    detail = (await prod.api.get("/audit?action=clusters.sign_in"))["items"][0]["detail"]
    assert detail["reason"] == "its entries come with the next change window"
    assert detail["unproven"] == "no_rights"


async def test_a_wrong_password_is_tried_on_two_members_only(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    before = estate.count(path="/api2/json/access/ticket")
    answer = await prod.change(username="root@pam", password="wrong-one")
    assert (answer.status, answer["code"]) == (502, "password_refused")
    assert [row["outcome"] for row in answer["tested"]].count("refused") == 2
    assert "spared" in {row["outcome"] for row in answer["tested"]}
    assert estate.count(path="/api2/json/access/ticket") - before == 2


async def test_a_second_factor_is_told(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    estate.fault("tfa-demanded", cluster="prod")
    answer = await prod.change(username="root@pam", password=prod.prod.root_password)
    assert (answer.status, answer["code"]) == (502, "two_factor_required")
    assert "API token" in answer["hint"]


async def test_one_member_may_have_a_sign_in_of_its_own(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    path = f"{prod.path}/members/pve2"
    changed = await prod.api.call("PUT", path, by_token(estate))
    assert changed.status == 200, changed
    assert [row["member"] for row in changed["tested"]] == ["pve2"]
    assert (changed["name"], changed["own"][0]["name"]) == ("root@pam", "root@pam!full")
    connection = await paddock.services.parts[Connections].get(prod.id)
    assert len(connection.member_states()) == 5
    estate.requests.clear()
    await connection.get("/nodes/pve2/status")
    assert {received.auth for received in estate.requests if "pve2/status" in received.path} == {"token"}
    estate.requests.clear()
    await connection.get("/nodes/pve1/status")
    assert {received.auth for received in estate.requests if "pve1/status" in received.path} == {"ticket"}
    shared = await prod.change(**by_token(estate, "auditor"))
    assert "pve2" not in {row["member"] for row in shared["tested"]}, "it keeps its own"
    dropped = await prod.api.call("DELETE", path)
    assert dropped.status == 204
    assert (await prod.now())["own"] == []
    assert (await prod.api.call("DELETE", path))["code"] == "wrong_state"


async def test_a_member_whose_own_sign_in_is_refused_is_still_read_through_the_others(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    await prod.api.call("PUT", f"{prod.path}/members/pve2", by_token(estate))
    estate.fault("token-deleted", cluster="prod")
    connection = await paddock.services.parts[Connections].get(prod.id)
    assert await connection.get("/nodes/pve2/status")
    own = (await prod.now())["own"][0]
    assert "does not accept the API token" in own["refusal"]
    assert (await paddock.until_status("pve1", "online"))["name"] == "pve1"


async def test_a_lone_host_may_have_only_its_own(paddock: Paddock, estates: Estates) -> None:
    async with estates(ClusterScene.simple("solo", nodes=1, containers=1)) as estate:
        solo = await signed(paddock, estate, "solo")
        token = estate["solo"].tokens["full"]
        name = estate["solo"].first.name
        body = {"token_id": token.id, "token_secret": token.secret}
        assert (await solo.api.call("PUT", f"{solo.path}/members/{name}", body)).status == 200
        assert (await solo.api.get(f"{solo.path}/rights"))["level"] == "operator"
        await paddock.until_status(name, "online")


async def test_whoever_comes_second_is_told(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    read = (await prod.now()).headers["ETag"]
    await prod.change(**by_token(estate))
    late = await prod.api.call("PUT", prod.path, by_token(estate, "auditor"), if_match=read)
    assert (late.status, late["code"]) == (412, "stale_version")
    assert (await prod.now())["name"] == "root@pam!full"


async def test_what_is_wrong_in_form_is_told_beside_its_field(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    for wish, field in (
        ({}, "username"),
        ({"username": "root", "password": "x"}, "username"),
        ({"username": "root@pam"}, "password"),
        ({"token_id": "root@pam!x1", "token_secret": "no-uuid"}, "token_secret"),
        ({**by_token(estate), "password": "x"}, "token_id"),
        ({**by_token(estate), "reason": "x" * 501}, "reason"),
    ):
        answer = await prod.change(**wish)
        assert (answer.status, answer["errors"][0]["field"]) == (422, field), wish
    assert (await prod.api.call("PUT", f"{prod.path}/members/PVE1", by_token(estate))).status == 404
