"""A person asks what is wrong with a node."""

from __future__ import annotations

import re

from playwright.async_api import expect

from pvesim import Running
from tests.browser.driving import Person
from tests.harness import Paddock


async def test_a_person_finds_out_where_a_node_stops_and_copies_the_next_command(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    await paddock.imported(await paddock.site("Vienna"), demo["prod"])
    node = await paddock.until_status("pve1", "online")
    demo.fault("certificate-replaced", cluster="prod", node="pve1")
    await paddock.until_status("pve1", "untrusted", seconds=40)
    page = person.page
    await person.go(f"/nodes/{node['id']}")
    await expect(page.get_by_role("heading", name="Stopped at step 4 of 13: certificate")).to_be_visible()
    await expect(page.get_by_text(re.compile("^Diagnosed by itself"))).to_be_visible()
    await page.get_by_role("button", name="Diagnose").first.click()
    await expect(page).to_have_url(re.compile(f"/nodes/{node['id']}/diagnosis$"))
    await expect(page.get_by_role("heading", name="Stopped at step 4 of 13: certificate")).to_be_visible()
    await expect(page.get_by_role("heading", name="Shown now")).to_be_visible()
    await expect(page.get_by_role("button", name="Copy: pvenode cert info").first).to_be_visible()
    await person.look("diagnose")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Support bundle").first.click()
    assert (await download.value).suggested_filename == "paddock-pve1.json"
    demo.clear()
    await page.get_by_role("button", name="Check again").click()
    await expect(page.get_by_role("heading", name=re.compile("Everything works|It works"))).to_be_visible()
    await person.look("diagnose-well")


async def test_a_person_diagnoses_an_address_before_registering_it(person: Person, demo: Running) -> None:
    node = demo["prod"].first
    page = person.page
    await person.go("/diagnose")
    await person.look("diagnose-address")
    await page.get_by_label("API URL").fill(node.url)
    await page.get_by_label("Password", exact=True).fill("not sent anywhere")
    await page.get_by_role("button", name="Diagnose").click()
    await expect(page.get_by_role("heading", name=re.compile("^It answers"))).to_be_visible()
    await expect(page.get_by_text("The certificate is not trusted: no credential is sent")).to_be_visible()
    await person.look("diagnose-address-result")
