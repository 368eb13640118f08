"""The import wizard, as a person uses it."""

from __future__ import annotations

import re

from playwright.async_api import Page, expect

from pvesim import Running
from tests.browser.driving import Person
from tests.harness import Paddock


async def connect(page: Page, estate: Running, *, password: str | None = None) -> None:
    await page.get_by_label("API URL").fill(f"{estate['prod'].first.url}/api2/json")
    await page.get_by_label("Password", exact=True).fill(password or estate["prod"].root_password)
    await page.get_by_role("button", name="Connect").click()


async def test_a_person_imports_a_cluster_and_sees_it_online(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    await paddock.site("Vienna")
    await paddock.site("Graz")
    page = person.page
    await person.go("/")
    await page.locator(".nav-side").get_by_role("link", name=re.compile("^Nodes")).click()
    await page.get_by_role("link", name="Import Nodes").first.click()
    await expect(page.get_by_role("textbox", name="Username")).to_have_value("root@pam")
    await expect(page.locator(".title").get_by_text("Recommended")).to_be_visible()
    await page.locator("#f-site_id").select_option(label="Vienna")
    await person.look("import-connect")
    await connect(page, demo)

    await expect(page.get_by_role("heading", name="Is this your node?")).to_be_visible()
    await expect(page.get_by_text("pvenode cert info")).to_be_visible()
    shown = await page.locator("#shown-fp").inner_text()
    assert re.sub(r"[^0-9A-F]", "", shown) == demo["prod"].first.fingerprint.replace(":", "")
    assert demo["prod"].root_password not in await page.content()
    await person.look("import-confirm")
    await page.get_by_role("button", name="The fingerprint matches, continue").click()

    await expect(page.get_by_role("heading", name="Nothing has been written yet")).to_be_visible()
    await expect(page.get_by_role("row", name=re.compile("pve3.*New, offline"))).to_be_visible()
    assert (await paddock.api.get("/nodes"))["total"] == 0
    await person.look("import-review")
    await page.get_by_role("checkbox", name=re.compile("pve2")).uncheck()
    await page.get_by_role("button", name="Import 4 nodes").click()

    await expect(page.get_by_text("Reachable directly").first).to_be_visible(timeout=15_000)
    await expect(page.get_by_text(re.compile("Offline, says pve1")).first).to_be_visible()
    await person.look("import-done")
    assert sorted(await paddock.nodes()) == ["pve1", "pve3", "pve4", "pve5"]

    await person.go("/nodes")
    row = page.get_by_role("row", name=re.compile("pve1"))
    await expect(row.get_by_text("Online")).to_be_visible()


async def test_the_ways_to_sign_in_and_to_trust_say_what_they_are_good_for(
    person: Person, paddock: Paddock
) -> None:
    await paddock.site()
    await person.go("/nodes/import")
    page = person.page
    await expect(page.get_by_text("Recommended for production")).to_be_visible()
    await expect(page.get_by_text("For a first setup and for testing")).to_be_visible()
    await expect(page.get_by_text("The less secure way")).to_be_visible()
    await page.get_by_text("API token", exact=True).click()
    await page.get_by_text("How to make one in Proxmox VE").click()
    await expect(page.get_by_text("Datacenter › Permissions › API Tokens")).to_be_visible()
    await expect(page.get_by_text("Privilege Separation")).to_be_visible()
    await expect(page.get_by_label("Disable TLS Verification")).not_to_be_checked()
    await page.get_by_label("Disable TLS Verification").check()
    await expect(page.get_by_text("man in the middle")).to_be_visible()
    await expect(page.get_by_text("isolated networks and internal test clusters")).to_be_visible()
    system = page.locator("#h-t2")
    await expect(system).to_contain_text("right for production")
    await expect(system).to_contain_text("reached through the internet")
    await expect(page.get_by_text("install valid certificates instead")).to_be_visible()
    await expect(page.get_by_text("An auditor's read-only token")).to_be_visible()


async def test_a_wrong_password_keeps_what_was_typed_but_the_password(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    await paddock.site()
    await person.go("/nodes/import")
    page = person.page
    await connect(page, demo, password="not the password")
    await page.get_by_role("button", name="The fingerprint matches, continue").click()
    await expect(page.get_by_text("does not accept the user name and password").first).to_be_visible(
        timeout=15_000
    )
    await expect(page.get_by_label("API URL")).to_have_value(
        re.compile(re.escape(demo["prod"].first.address))
    )
    await expect(page.get_by_label("Password", exact=True)).to_have_value("")
    assert "not the password" not in await page.content()
    await person.look("import-wrong-password")


async def test_a_single_node_is_created_by_hand_under_its_exact_name(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    await paddock.site("Lab")
    page = person.page
    await paddock.imported((await paddock.api.get("/sites"))["items"][0]["id"], demo["bench1"])
    await person.go("/nodes")
    await page.get_by_role("link", name="Create New Node").first.click()
    await expect(page.get_by_role("heading", name="Create New Node")).to_be_visible()
    await page.locator("#f-site_id").select_option(label="Lab")
    await page.get_by_label("Name", exact=True).fill("PVE1")
    await connect(page, demo)
    await page.get_by_role("button", name="The fingerprint matches, continue").click()
    await expect(page.locator("#e-name")).to_contain_text("Proxmox calls it pve1, you typed PVE1")
    await person.look("create-node-mismatch")
    await page.get_by_role("button", name="Take pve1").click()
    await page.get_by_role("button", name="Save pve1").click()
    await expect(page.get_by_text("Reachable directly").first).to_be_visible(timeout=15_000)
    assert sorted(await paddock.nodes()) == ["bench1", "pve1"]


async def test_a_certificate_of_an_unknown_ca_names_the_ways_out(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    await paddock.site()
    await person.go("/nodes/import")
    page = person.page
    await page.get_by_label("Verify with a public or own CA").check()
    await connect(page, demo)
    await expect(page.get_by_text("Disable TLS Verification").first).to_be_visible()
    await expect(page.get_by_text("install certificates of a known CA on the nodes")).to_be_visible()
    await expect(page.get_by_text(re.compile("choose “Trust this cluster”"))).to_be_visible()
    await person.look("import-unknown-ca")


async def test_empty_fields_are_told_beside_them(person: Person, paddock: Paddock) -> None:
    await paddock.site()
    await person.go("/nodes/import")
    page = person.page
    await page.get_by_role("button", name="Connect").click()
    await expect(page.locator("#e-url")).to_be_visible()
    await expect(page.locator("#e-password")).to_be_visible()


async def test_the_wizard_works_by_keyboard_alone(person: Person, paddock: Paddock, demo: Running) -> None:
    await paddock.site()
    await person.go("/nodes/import")
    page = person.page
    await page.get_by_label("API URL").focus()
    await page.keyboard.type(demo["prod"].first.url)
    await page.get_by_label("Password", exact=True).focus()
    await page.keyboard.type(demo["prod"].root_password)
    await page.keyboard.press("Enter")
    button = page.get_by_role("button", name="The fingerprint matches, continue")
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Nothing has been written yet")).to_be_visible()
