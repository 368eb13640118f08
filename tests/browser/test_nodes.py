"""The list of nodes and the page of one, live."""

from __future__ import annotations

import re

from playwright.async_api import expect

from pvesim import Running
from tests.browser.driving import Person
from tests.harness import Paddock


async def test_the_list_shows_two_truths_and_changes_without_reload(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    for site, cluster in (("Vienna", "prod"), ("Graz", "edge"), ("Lab", "bench1")):
        await paddock.imported(await paddock.site(site), demo[cluster])
    await paddock.until_status("pve1", "online")
    page = person.page
    await person.go("/nodes")
    await expect(page.get_by_role("heading", name="Nodes", exact=True)).to_be_visible()
    await expect(page.get_by_role("row", name=re.compile("pve3")).get_by_text("Offline")).to_be_visible()
    await expect(page.get_by_text("9 nodes in 3 sites")).to_be_visible()
    cells = page.get_by_role("row", name=re.compile("^pve1 "))
    for figure in ("CPU", "Memory", "Storage"):
        bar = cells.get_by_role("img", name=re.compile(f"^{figure}.* used of "))
        await expect(bar).to_be_visible()
    await person.look("nodes")
    await page.evaluate("window.untouched = true")
    demo.fault("node-down", cluster="prod", node="pve2")
    await expect(page.get_by_role("row", name=re.compile("pve2")).get_by_text("Offline")).to_be_visible(
        timeout=20_000
    )
    assert await page.evaluate("window.untouched"), "the page was not loaded anew"
    demo.clear()
    await expect(page.get_by_role("row", name=re.compile("pve2")).get_by_text("Online")).to_be_visible(
        timeout=20_000
    )

    await page.get_by_role("link", name=re.compile("Offline")).first.click()
    await expect(page).to_have_url(re.compile("status=offline"))
    await expect(page.get_by_role("row", name=re.compile("pve1"))).to_have_count(0)
    await page.go_back()
    await expect(page.get_by_role("row", name=re.compile("pve1 "))).to_have_count(1)


async def test_a_click_is_not_lost_to_an_update_that_comes_while_the_button_is_down(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    await paddock.imported(await paddock.site("Vienna"), demo["prod"])
    await paddock.until_status("pve1", "online")
    page = person.page
    await person.go("/nodes")
    await page.evaluate(
        "document.addEventListener('htmx:beforeSwap',"
        " event => { document.body.dataset.swapped = event.detail.shouldSwap; })"
    )
    link = page.get_by_role("link", name="pve1", exact=True)
    place = await link.bounding_box()
    assert place
    await page.mouse.move(place["x"] + 4, place["y"] + 4)
    await page.mouse.down()
    await page.evaluate("document.body.dataset.swapped = ''")
    await expect(page.locator("body[data-swapped=false]")).to_have_count(1)
    await page.mouse.up()
    await expect(page).to_have_url(re.compile("/nodes/0"))


async def test_the_page_of_a_node_says_why(person: Person, paddock: Paddock, demo: Running) -> None:
    await paddock.imported(await paddock.site("Vienna"), demo["prod"])
    node = await paddock.until_status("pve1", "online")
    page = person.page
    await person.go(f"/nodes/{node['id']}")
    await expect(page.get_by_role("heading", name="pve1")).to_be_visible()
    await page.get_by_text("Why", exact=True).first.click()
    await expect(page.get_by_text("What the cluster says")).to_be_visible()
    await expect(page.get_by_text("What Paddock reaches itself")).to_be_visible()
    await expect(page.get_by_text(node["address"]).first).to_be_visible()
    await person.look("node")
    for tab in ("containers", "storage", "network", "events"):
        await person.go(f"/nodes/{node['id']}?tab={tab}")
        await person.look(f"node-{tab}")


async def test_containers_are_listed_searched_and_sorted(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    await paddock.imported(await paddock.site("Vienna"), demo["prod"])
    page = person.page
    await person.go("/containers")
    await expect(page.get_by_role("row", name=re.compile("gitlab")).first).to_be_visible()
    await person.look("containers")
    await person.go("/containers?q=gitlab")
    await expect(page.get_by_role("row", name=re.compile("gitlab")).first).to_be_visible()
    await expect(page.get_by_role("row", name=re.compile("invoices"))).to_have_count(0)


async def test_the_overview_says_what_needs_attention(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    await person.go("/")
    await person.look("overview-empty")
    await paddock.imported(await paddock.site("Vienna"), demo["prod"])
    await paddock.until_status("pve3", "offline")
    await person.go("/")
    await expect(person.page.get_by_text("pve3 is offline")).to_be_visible()
    await person.look("overview")


async def test_an_empty_list_says_what_to_do(person: Person, paddock: Paddock) -> None:
    for path, name in (
        ("/nodes", "nodes-empty"),
        ("/containers", "containers-empty"),
        ("/sites", "sites-empty"),
        ("/jobs", "jobs-empty"),
    ):
        await person.go(path)
        await person.look(name)


async def test_a_cut_stream_is_said_and_the_page_goes_on_by_polling(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    await paddock.imported(await paddock.site("Vienna"), demo["prod"])
    page = person.page
    await page.route("**/live", lambda route: route.abort())
    await person.go("/nodes")
    await expect(page.get_by_text(re.compile("not live", re.IGNORECASE))).to_be_visible(timeout=15_000)


async def test_the_counts_in_the_navigation_follow_without_reload(
    person: Person, paddock: Paddock, demo: Running
) -> None:
    page = person.page
    await person.go("/jobs")
    entry = page.locator(".nav-side").get_by_role("link", name=re.compile("^Containers"))
    await expect(entry).to_have_text(re.compile(r"Containers\s*0"))
    await paddock.imported(await paddock.site("Vienna"), demo["prod"])
    await expect(entry).to_have_text(re.compile(r"Containers\s*81"))
    await expect(page.get_by_role("link", name="Nodes in trouble: 1")).to_be_visible()
    await expect(page.locator(".nav-side [aria-current=page]")).to_contain_text("Jobs")
