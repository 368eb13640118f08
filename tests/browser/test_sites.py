"""Sites in the browser."""

from __future__ import annotations

import re

from playwright.async_api import expect

from pvesim import Running
from tests.browser.driving import Person
from tests.harness import Paddock


async def test_a_site_is_created_edited_and_deleted(person: Person, paddock: Paddock) -> None:
    page = person.page
    await person.go("/sites")
    await page.get_by_role("link", name="Create Site").first.click()
    await page.get_by_label("Name", exact=True).fill("Vienna")
    await page.get_by_label(re.compile("Subnet")).fill("10.20.0.0/255.255.255.0")
    await page.get_by_label(re.compile("range", re.IGNORECASE)).fill("10.20.0.100-10.20.1.9")
    await page.get_by_role("button", name=re.compile("Create Site")).click()
    await expect(page.locator("#e-range")).to_contain_text("not in the subnet")
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Vienna")
    await person.look("site-form-error")
    await page.get_by_label(re.compile("range", re.IGNORECASE)).fill("10.20.0.100-199")
    await page.get_by_role("button", name=re.compile("Create Site")).click()
    await expect(page.get_by_role("heading", name="Vienna")).to_be_visible()
    await expect(page.get_by_text("10.20.0.0/24").first).to_be_visible()
    await person.look("site")
    await person.go("/sites")
    await person.look("sites")


async def test_a_site_with_nodes_is_not_deleted_and_names_them(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    site = await paddock.site("Vienna")
    await paddock.imported(site, demo["prod"])
    await person.go(f"/sites/{site}")
    await expect(person.page.get_by_text("pve1").first).to_be_visible()
    await person.look("site-in-use")


async def test_signing_in_and_the_api_reference(person: Person, paddock: Paddock) -> None:
    await person.go("/api/docs")
    await expect(person.page.get_by_text("/api/v1/nodes").first).to_be_visible()
    # One article is made like another; all of them would be looked at for a minute and a half.
    few = "document.querySelectorAll('.api-op').forEach((one, n) => { if (n % 8) one.remove() })"
    await person.page.evaluate(few)
    await person.look("api-docs")
    await person.page.context.clear_cookies()
    await person.go("/nodes")
    await expect(person.page).to_have_url(re.compile("/signin"))
    await person.look("signin")
