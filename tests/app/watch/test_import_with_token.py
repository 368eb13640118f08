"""An import that uses the password once, and keeps a token made with it."""

from __future__ import annotations

import re

import pytest

from pvesim import Running
from pvesim.scene import WATCH_PASSWORD
from tests.harness import Paddock


async def started(paddock: Paddock, estate: Running, token: str, **credential: str) -> object:
    prod = estate["prod"]
    seen = await paddock.preview(await paddock.site(), prod.first, prod, **credential)
    assert seen.status == 200, seen
    names = [one["name"] for one in seen["members"]]
    return await paddock.api.post(
        "/imports", {"preview_id": seen["preview_id"], "members": names, "token": token}
    )


@pytest.mark.parametrize("level", ["operator", "observer"])
async def test_the_password_makes_a_token_and_only_that_is_kept(
    paddock: Paddock, estate: Running, level: str
) -> None:
    answer = await started(paddock, estate, level)
    assert answer.status == 202, answer  # type: ignore[attr-defined]
    job = await paddock.ended(answer["job_id"])  # type: ignore[index]
    assert job["state"] == "done", job
    cluster = (await paddock.api.get("/clusters"))["items"][0]
    assert cluster["credential_kind"] == "token"
    assert cluster["credential_name"].startswith("paddock@pve!paddock-")
    rights = await paddock.api.get(f"/clusters/{cluster['id']}/sign-in/rights")
    assert rights["level"] == level
    deeds = await paddock.api.get(f"/clusters/{cluster['id']}/deeds")
    assert {deed["kind"] for deed in deeds["items"]} == {"role", "user", "token", "acl"}
    lines = [line["subject"] for line in (await paddock.api.get(f"/jobs/{job['id']}"))["lines"]]
    assert f"token {cluster['credential_name']}" in lines
    estate.fault("password-changed", cluster="prod")
    await paddock.until_status("pve1", "online")


async def test_an_import_that_fails_takes_back_what_it_made(paddock: Paddock, estate: Running) -> None:
    identity = estate["prod"].state.identity
    before = (set(identity.users), dict(identity.custom_roles), identity.listing())
    estate.fault("overloaded", cluster="prod", path="^PUT .*/access/acl", status=500, reason="no")
    answer = await started(paddock, estate, "operator")
    job = await paddock.ended(answer["job_id"])  # type: ignore[index]
    assert job["state"] == "failed"
    assert (set(identity.users), dict(identity.custom_roles), identity.listing()) == before
    assert (await paddock.api.get("/clusters"))["total"] == 0


async def test_who_may_not_make_a_token_is_told_in_the_review(paddock: Paddock, estate: Running) -> None:
    credential = {"username": "watch@pve", "password": WATCH_PASSWORD}
    seen = await paddock.preview(
        await paddock.site("Graz"), estate["prod"].first, estate["prod"], **credential
    )
    assert seen["credential"]["token_lacks"] == [
        "User.Modify on /access/groups", "Sys.Modify on /access", "Realm.AllocateUser on /access/realm/pve",
        "Permissions.Modify on /",
    ]  # fmt: skip
    answer = await started(paddock, estate, "operator", **credential)
    assert (answer.status, answer["errors"][0]["field"]) == (422, "token")  # type: ignore[attr-defined, index]
    assert "Permissions.Modify on /" in answer["detail"]  # type: ignore[index]


async def test_a_token_makes_no_token(paddock: Paddock, estate: Running) -> None:
    token = estate["prod"].tokens["full"]
    answer = await started(paddock, estate, "operator", token_id=token.id, token_secret=token.secret)
    assert (answer.status, answer["errors"][0]["field"]) == (422, "token")  # type: ignore[attr-defined, index]


async def test_the_review_offers_it_and_keeps_the_password_unless_told(
    paddock: Paddock, estate: Running
) -> None:
    prod = estate["prod"]
    site = await paddock.site()
    browser = paddock.browser
    await browser.get("/nodes/import")
    form = {"site_id": site, "url": prod.first.url, "sign_in": "password", "username": "root@pam",
            "password": prod.root_password, "trust": "off"}  # fmt: skip
    _, _, headers = await browser.post("/nodes/import", form)
    _, review, _ = await browser.get(headers["Location"])
    assert re.search(r'name="token" value="" checked', review)
    assert "forget the password" in review
    status, _, moved = await browser.post(headers["Location"], {"members": ["pve1"], "token": "observer"})
    assert status == 303
    assert (await paddock.ended(moved["Location"].removeprefix("/jobs/")))["state"] == "done"
    assert (await paddock.api.get("/clusters"))["items"][0]["credential_kind"] == "token"


async def test_the_realms_are_offered_from_the_server_before_anything_is_sent(
    paddock: Paddock, estate: Running
) -> None:
    url = estate["prod"].first.url
    found = await paddock.api.post("/imports/realms", {"url": url})
    assert [(realm["name"], realm["default"]) for realm in found["realms"]] == [
        ("pam", False),
        ("pve", False),
    ]
    assert {one.auth for one in estate.requests} == {"none"}
    await paddock.browser.get("/nodes/import")
    _, page, _ = await paddock.browser.post("/nodes/import/realms", {"url": url})
    assert '<option value="root@pam">' in page
    _, nothing, _ = await paddock.browser.post("/nodes/import/realms", {"url": "192.0.2.1:1:1"})
    assert "<option" not in nothing
    refused = await paddock.api.post("/imports/realms", {"url": "https://169.254.169.254"})
    assert refused.status in (422, 502), "an address of metadata services"
