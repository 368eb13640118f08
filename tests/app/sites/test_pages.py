"""The pages of sites, as a browser without scripts sees them."""

import re

from pvesim import Running
from tests.harness import Paddock

FIELDS = {
    "name": "Vienna",
    "domain": "vienna.example.net",
    "subnet": "10.20.4.0/22",
    "range": "10.20.4.100-10.20.5.199",
    "gateway": "10.20.4.1",
    "forwarders": "9.9.9.9, 1.1.1.1",
    "external_ip": "203.0.113.7",
}


async def test_an_empty_list_says_what_a_site_is_and_offers_the_first_step(paddock: Paddock) -> None:
    status, text, _ = await paddock.browser.get("/sites")
    assert status == 200
    assert "A site is a place with its network" in text
    assert 'href="/sites/new"' in text


async def test_a_site_is_created_and_shown_with_its_network(paddock: Paddock) -> None:
    await paddock.browser.get("/sites/new")
    status, _, headers = await paddock.browser.post("/sites/new", FIELDS)
    assert status == 303
    _, text, _ = await paddock.browser.get(headers["location"])
    for value in FIELDS.values():
        assert f'data-copy="{value}"' in text or f"<h1>{value}</h1>" in text
    assert re.search(r'href="/nodes/import\?site=[0-9a-f-]+"', text)


async def test_every_fault_stands_beside_its_field_and_nothing_typed_is_lost(paddock: Paddock) -> None:
    await paddock.browser.get("/sites/new")
    wrong = FIELDS | {"name": "", "gateway": "10.9.9.9", "forwarders": "dns.example"}
    status, text, _ = await paddock.browser.post("/sites/new", wrong)
    assert status == 422
    for field in ("name", "gateway", "forwarders"):
        assert f'id="e-{field}"' in text
        assert f'href="#f-{field}"' in text
    assert 'id="e-domain"' not in text
    assert 'value="dns.example"' in text
    assert 'value="10.20.4.100-10.20.5.199"' in text
    assert (await paddock.api.get("/sites"))["total"] == 0


async def test_a_change_of_somebody_else_is_shown_beside_ones_own(paddock: Paddock) -> None:
    site = await paddock.site(**{k: v for k, v in FIELDS.items() if k != "name"})
    await paddock.browser.get(f"/sites/{site}/edit")
    await paddock.api.call("PATCH", f"/sites/{site}", {"gateway": "10.20.4.2"})
    mine = FIELDS | {"gateway": "10.20.4.3", "version": "1"}
    status, text, _ = await paddock.browser.post(f"/sites/{site}/edit", mine)
    assert status == 412
    assert 'value="10.20.4.3"' in text
    assert "Saved now: <b>10.20.4.2</b>" in text
    assert 'name="version" value="2"' in text
    assert (await paddock.api.get(f"/sites/{site}"))["gateway"] == "10.20.4.2"
    status, _, _ = await paddock.browser.post(f"/sites/{site}/edit", mine | {"version": "2"})
    assert status == 303
    assert (await paddock.api.get(f"/sites/{site}"))["gateway"] == "10.20.4.3"


async def test_deleting_needs_the_name_typed(paddock: Paddock) -> None:
    site = await paddock.site()
    await paddock.browser.get(f"/sites/{site}")
    status, text, _ = await paddock.browser.post(f"/sites/{site}/delete", {"confirm": "vienna"})
    assert status == 422
    assert "Nothing was deleted" in text
    status, _, _ = await paddock.browser.post(f"/sites/{site}/delete", {"confirm": "Vienna", "version": "1"})
    assert status == 303
    assert (await paddock.api.get("/sites"))["total"] == 0


async def test_a_site_with_nodes_is_not_deleted_and_the_refusal_names_them(
    paddock: Paddock, estate: Running
) -> None:
    site = await paddock.site()
    await paddock.imported(site, estate["prod"])
    _, text, _ = await paddock.browser.get(f"/sites/{site}")
    for name in ("pve1", "pve5"):
        assert re.search(rf'<a class="name"[^>]*>{name}</a>', text)
    status, text, _ = await paddock.browser.post(f"/sites/{site}/delete", {"confirm": "Vienna"})
    assert status == 409
    assert "cannot be deleted" in text
    assert "node pve3" in text
    _, text, _ = await paddock.browser.get("/sites")
    assert f'<a href="/nodes?site={site}">5</a>' in text


async def test_names_are_escaped_and_the_search_finds_them(paddock: Paddock) -> None:
    await paddock.site("Graz <b>1</b>")
    await paddock.site("Linz")
    _, text, _ = await paddock.browser.get("/sites?q=graz")
    assert "Graz &lt;b&gt;1&lt;/b&gt;" in text
    assert ">Linz</a>" not in text.split('id="sites-rows"')[1]
    _, text, _ = await paddock.browser.get("/sites?q=nowhere")
    assert "Clear the filter" in text


async def test_the_rows_alone_come_to_a_page_that_refreshes_itself(paddock: Paddock) -> None:
    await paddock.site()
    _, text, _ = await paddock.browser.get("/sites?sort=-name", HX_Request="true")
    assert text.lstrip().startswith("<section")
    assert 'hx-get="/sites?sort=-name"' in text
