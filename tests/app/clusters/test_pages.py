"""Pages of sign-ins, as a browser without scripts gets them."""

from __future__ import annotations

import re

from pvesim import Running
from tests.app.clusters.signing import Signed, signed
from tests.app.persons import person
from tests.harness import Paddock


async def read(prod: Signed, path: str = "", status: int = 200, **headers: str) -> str:
    got, text, _ = await prod.paddock.browser.get(f"{prod.path}{path}", **headers)
    assert got == status, text
    return text


async def test_the_page_says_how_paddock_signs_in_and_offers_a_token(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    page = await read(prod)
    assert "Paddock holds the password of root@pam." in page
    assert "Make a token" in page
    panel = await read(prod, HX_Request="true")
    assert panel.lstrip().startswith("<section"), "the panel alone, for the page of the cluster"


async def test_the_table_names_what_is_wanted_and_for_what(paddock: Paddock, estate: Running) -> None:
    token = estate["prod"].tokens["auditor"]
    prod = await signed(paddock, estate, token_id=token.id, token_secret=token.secret)
    table = await read(prod, "/rights", HX_Request="true")
    assert "Enough to watch" in table
    row = re.search(r"<tr><td[^>]*>Start and stop containers.*?</tr>", table)
    assert row
    assert "VM.PowerMgmt" in row[0]
    assert "/vms" in row[0]
    assert "No" in row[0]
    estate.fault("token-deleted", cluster="prod", token="auditor")
    assert "does not accept the API token" in await read(prod, "/rights", HX_Request="true")


async def test_a_token_is_made_from_the_page_and_shown_where_it_stays(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    form = await read(prod, "/token")
    assert "Permissions.Modify" in form
    assert "pveum role add PaddockOperator" in form
    status, _, headers = await paddock.browser.post(f"{prod.path}/token", {**prod.root, "level": "observer"})
    assert (status, headers["Location"][:6]) == (303, "/jobs/")
    job = await paddock.ended(headers["Location"].removeprefix("/jobs/"))
    assert job["state"] == "done"
    _, shown, _ = await paddock.browser.get(f"/jobs/{job['id']}")
    assert "role PaddockObserver" in shown
    assert job["result"]["token"] in shown
    _, deeds, _ = await paddock.browser.get(f"/clusters/{prod.id}/deeds")
    assert job["result"]["token"] in deeds
    assert "m.huber, as root@pam" in deeds
    assert "clusters.make_token" in deeds
    assert "made by Paddock" in await read(prod)


async def test_a_form_that_fails_keeps_everything_but_the_password(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    await read(prod, "/token")
    wish = {"username": "clerk", "password": "typed-by-mistake", "level": "observer"}
    status, page, _ = await paddock.browser.post(f"{prod.path}/token", wish)
    assert status == 422
    assert "clerk@pam" in page
    assert re.search(r'value="observer" checked', page)
    assert "typed-by-mistake" not in page


async def test_a_change_that_fails_shows_what_each_member_said(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    await read(prod, "/change")
    token = estate["prod"].tokens["privsep"]
    wish = {"sign_in": "token", "token_id": token.id, "token_secret": token.secret}
    status, page, _ = await paddock.browser.post(f"{prod.path}/change", wish)
    assert status == 502
    assert "privilege separation" in page
    assert page.count("Accepted") >= 4
    assert "Save anyway" in page
    assert token.secret not in page
    status, _, headers = await paddock.browser.post(
        f"{prod.path}/change", {**wish, "reason": "rights follow"}
    )
    assert (status, headers["Location"]) == (303, f"{prod.path}?done=saved")
    _, rights, _ = await paddock.browser.get(f"{prod.path}/rights", HX_Request="true")
    assert "Not enough to watch" in rights
    assert "without any right at all" in rights


async def test_a_whole_pasted_header_is_taken_apart(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    await read(prod, "/change")
    token = estate["prod"].tokens["full"]
    wish = {"sign_in": "token", "token_id": f"PVEAPIToken={token.id}={token.secret}"}
    status, _, _ = await paddock.browser.post(f"{prod.path}/change", wish)
    assert status == 303
    assert (await prod.now())["name"] == token.id


async def test_one_member_gets_its_own_and_gives_it_back(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    await read(prod, "/change")
    token = estate["prod"].tokens["full"]
    wish = {"sign_in": "token", "token_id": token.id, "token_secret": token.secret, "member": "pve2"}
    assert (await paddock.browser.post(f"{prod.path}/change", wish))[0] == 303
    assert "all members but pve2" in await read(prod)
    assert (await paddock.browser.post(f"{prod.path}/drop", {"member": "pve2"}))[0] == 303
    assert "all members but" not in await read(prod)


async def test_a_refusal_is_explained_on_the_page(paddock: Paddock, estate: Running) -> None:
    token = estate["prod"].tokens["full"]
    prod = await signed(paddock, estate, token_id=token.id, token_secret=token.secret)
    estate.fault("token-deleted", cluster="prod")
    await paddock.until_status("pve1", "refused")
    page = await read(prod)
    assert "the token was deleted or regenerated" in page
    assert "Find out why" in page
    await read(prod, "/explain")
    status, page, _ = await paddock.browser.post(f"{prod.path}/explain", prod.root)
    assert status == 200
    assert "it was deleted (revoked)" in page


async def test_the_realms_are_those_that_the_cluster_offers(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    estate.requests.clear()
    realms = await read(prod, "/realms", HX_Request="true")
    assert '<option value="@pve">' in realms
    assert {one.auth for one in estate.requests if one.path.endswith("/access/domains")} == {"none"}


async def test_all_sign_ins_stand_on_one_page_and_tokens_are_replaced_together(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    await prod.ceremony()
    _, page, _ = await paddock.browser.get("/sign-ins")
    assert "Token made by Paddock" in page
    status, page, _ = await paddock.browser.post("/sign-ins", prod.root)
    assert (status, "Choose at least one cluster." in page) == (422, True)
    status, _, headers = await paddock.browser.post("/sign-ins", {**prod.root, "clusters": [prod.id]})
    assert (status, headers["Location"]) == (303, "/jobs")


async def test_an_auditor_reads_and_is_offered_nothing(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    async with person(paddock, "a.huber", "auditor") as auditor:
        assert (await auditor.get(prod.path)).status == 200
        assert (await auditor.call("PUT", prod.path, {"username": "a@pam", "password": "b"})).status == 403


async def test_root_has_all_that_paddock_wants(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    rights = await prod.api.get(f"{prod.path}/rights")
    assert rights["level"] == "operator"
    assert [want["privilege"] for want in rights["wants"] if not want["present"]] == []


async def test_the_page_of_a_cluster_leads_to_the_manual_of_high_availability(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    _, page, _ = await paddock.browser.get(f"/clusters/{prod.id}")
    assert f"{prod.prod.first.url}/pve-docs/chapter-ha-manager.html" in page
