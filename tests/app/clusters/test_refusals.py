"""Why Proxmox VE refuses a sign-in: it says nothing, so an administrator of it is asked."""

from __future__ import annotations

import asyncio

import pytest

from pvesim import Running
from pvesim.identity import Token
from tests.app.clusters.signing import signed
from tests.harness import Paddock


@pytest.mark.parametrize(
    ("fault", "given", "code"),
    [
        ("token-deleted", {}, "token_deleted"),
        ("token-expired", {}, "token_expired"),
        ("token-replaced", {}, "secret_wrong"),
        ("token-stripped", {"token": "full"}, "no_rights"),
    ],
)
async def test_a_token_that_is_refused_is_explained(
    paddock: Paddock, estate: Running, fault: str, given: dict[str, str], code: str
) -> None:
    token = estate["prod"].tokens["full"]
    prod = await signed(paddock, estate, token_id=token.id, token_secret=token.secret)
    estate.fault(fault, cluster="prod", **given)
    cause = await prod.api.post(f"{prod.path}/explain", prod.root)
    assert (cause.status, cause["code"]) == (200, code), cause
    assert token.id in cause["text"]
    assert cause["hint"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("user-disabled", "user_disabled"),
        ("user-expired", "user_expired"),
        ("password-changed", "password_wrong"),
        ("acl-removed", "no_rights"),
    ],
)
async def test_a_user_that_is_refused_is_explained(
    paddock: Paddock, estate: Running, fault: str, code: str
) -> None:
    prod = await signed(paddock, estate, username="watch@pve", password="watch-only-1")
    if fault == "acl-removed":
        estate.fault(fault, cluster="prod", who="watch@pve")
    else:
        estate.fault(fault, cluster="prod", user="watch@pve")
    cause = await prod.api.post(f"{prod.path}/explain", prod.root)
    assert (cause.status, cause["code"]) == (200, code), cause
    assert "watch@pve" in cause["text"]


async def test_a_sign_in_that_works_again_is_told_so_and_used_at_once(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    token = estate["prod"].tokens["full"]
    await prod.api.call("PUT", prod.path, {"token_id": token.id, "token_secret": token.secret})
    estate.fault("token-deleted", cluster="prod")
    await paddock.until_status("pve1", "refused")
    estate.clear()
    assert (await prod.api.post(f"{prod.path}/explain", prod.root))["code"] == "works"
    await paddock.until_status("pve1", "online", seconds=8)  # by itself it would wait a minute
    assert "Make a token" not in (await paddock.browser.post(f"{prod.path}/explain", prod.root))[1]


async def test_a_user_that_is_gone_is_explained(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate, username="watch@pve", password="watch-only-1")
    del prod.identity.users["watch@pve"]
    prod.identity.changed()
    assert (await prod.api.post(f"{prod.path}/explain", prod.root))["code"] == "user_missing"


async def test_a_token_that_was_deleted_and_made_again_has_another_secret_and_no_rights(
    paddock: Paddock, estate: Running
) -> None:
    token = estate["prod"].tokens["full"]
    prod = await signed(paddock, estate, token_id=token.id, token_secret=token.secret)
    user, _, tokenid = token.id.partition("!")
    prod.identity.users[user].tokens[tokenid] = Token("y" * 36)
    prod.identity.forget("token", token.id)
    async with asyncio.timeout(20):
        while (await prod.now())["trouble"] != "token_refused":
            await asyncio.sleep(0.1)
    cause = await prod.api.post(f"{prod.path}/explain", prod.root)
    assert cause["code"] == "secret_wrong", "lacking rights never cause a 401"
    assert "holds no right at all" in cause["text"], "which would be found out next"
    assert f"--users {user} --tokens '{token.id}'" in cause["hint"], "the user's entry is needed too"


async def test_the_administrators_password_must_be_right(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    answer = await prod.api.post(f"{prod.path}/explain", {"username": "root@pam", "password": "no"})
    assert (answer.status, answer["code"]) == (502, "password_refused")


async def test_without_rights_the_table_names_each_privilege_and_path(
    paddock: Paddock, estate: Running
) -> None:
    token = estate["prod"].tokens["auditor"]
    prod = await signed(paddock, estate, token_id=token.id, token_secret=token.secret)
    assert (await prod.api.get(f"{prod.path}/rights"))["level"] == "observer"
    estate.fault("acl-removed", cluster="prod", who="watch@pve")
    rights = await prod.api.get(f"{prod.path}/rights")
    assert rights["level"] is None
    assert not any(want["present"] for want in rights["wants"])
    assert {"privilege": "Sys.Audit", "path": "/"}.items() <= rights["wants"][0].items()
