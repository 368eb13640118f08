"""A cluster's sign-in, as a person changes it: a password becomes a token, the token is replaced."""

from __future__ import annotations

import re

from playwright.async_api import expect

from pvesim import Running
from tests.app.clusters.signing import signed
from tests.browser.driving import Person
from tests.harness import Paddock


async def test_a_person_turns_a_password_into_a_token_and_sees_what_was_made(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    prod = await signed(paddock, demo)
    page = person.page
    await person.go(prod.path)
    await expect(page.get_by_text("Paddock holds the password of root@pam.")).to_be_visible()
    await expect(page.get_by_role("row", name=re.compile("Start and stop containers"))).to_contain_text("Yes")
    await person.look("sign-in")
    await page.get_by_role("link", name="Make a token").click()
    await expect(page.get_by_text("The cluster offers the realms")).to_be_visible()
    await page.get_by_text("The privileges of the roles").click()
    await expect(
        page.get_by_text(re.compile("^Datastore.AllocateSpace, .*VM.Snapshot.Rollback"))
    ).to_be_visible()
    await person.look("sign-in-token")
    await page.get_by_label("Password", exact=True).first.fill(prod.prod.root_password)
    await page.get_by_role("button", name="Make the token").click()
    await expect(page.get_by_text("role PaddockOperator", exact=True)).to_be_visible(timeout=15_000)
    await expect(page.get_by_text("Created on Proxmox VE").first).to_be_visible()
    await person.look("sign-in-made")
    assert prod.prod.root_password not in await page.content()

    await person.go(f"/clusters/{prod.id}/deeds")
    await expect(page.get_by_role("row", name=re.compile("Token created"))).to_contain_text("as root@pam")
    await person.look("deeds")
    await person.go(f"{prod.path}/rotate")
    await expect(page.get_by_role("checkbox", name=re.compile("Remove it from Proxmox VE"))).to_be_checked()
    await page.get_by_text("Without giving Paddock a password").click()
    await expect(page.get_by_text(re.compile("^pveum user token add paddock@pve"))).to_be_visible()
    await person.look("sign-in-rotate")
    await person.go("/sign-ins")
    await expect(page.get_by_role("checkbox", name=re.compile("Replace the token of"))).to_be_enabled()
    await person.look("sign-ins")


async def test_a_person_changes_the_sign_in_and_is_told_what_each_member_said(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    prod = await signed(paddock, demo)
    token = prod.prod.tokens["privsep"]
    page = person.page
    await person.go(f"{prod.path}/change")
    await page.get_by_text("API token", exact=True).click()
    await page.get_by_label("Token ID").fill(token.id)
    await page.get_by_label("Secret", exact=True).fill(token.secret)
    await page.get_by_role("button", name="Try and save").click()
    await expect(page.get_by_text(re.compile("it holds no right at all"))).to_be_visible(timeout=15_000)
    await expect(page.get_by_label("Token ID")).to_have_value(token.id)
    await expect(page.get_by_label("Secret", exact=True)).to_have_value("")
    await expect(page.get_by_label("Reason")).to_be_visible()
    await person.look("sign-in-change")
    await person.go(f"{prod.path}/explain")
    await page.get_by_label("Password", exact=True).fill(prod.prod.root_password)
    await page.get_by_role("button", name="Look").click()
    await expect(page.get_by_text("Proxmox VE accepts root@pam now.")).to_be_visible(timeout=15_000)
    await person.look("sign-in-explain")
