"""The pages of nodes, as a browser gets them."""

import csv
import io
import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import update

from paddock.clusters.model import Member
from paddock.nodes.model import Node
from paddock.nodes.queries import natural
from pvesim import Running
from pvesim.certificates import Authority
from tests.app.editing import edited
from tests.harness import Paddock

REFRESH = {"HX_Request": "true", "HX_Target": "nodes"}


@pytest.fixture
async def imported(paddock: Paddock, estate: Running) -> Paddock:
    """The cluster prod is imported, and settled."""
    await paddock.imported(await paddock.site(), estate["prod"])
    await paddock.until_status("pve1", "online")
    await paddock.until_status("pve3", "offline")
    return paddock


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def order_of(html: str) -> list[str]:
    return re.findall(r'id="n-[^"]+"[^>]*>([^<]+)<', html)


async def get(paddock: Paddock, path: str, **headers: str) -> str:
    status, html, _ = await paddock.browser.get(path, **headers)
    assert status == 200, html[:2000]
    return html


async def test_without_a_site_the_list_offers_to_create_one(paddock: Paddock) -> None:
    html = await get(paddock, "/nodes")
    assert "No nodes yet" in html
    assert "Create Site" in html
    assert "Import Nodes" not in html


async def test_without_a_node_the_list_offers_to_import(paddock: Paddock) -> None:
    site = await paddock.site()
    html = await get(paddock, f"/nodes?site={site}")
    assert f'href="/nodes/import?site={site}"' in html
    assert "CSV" not in html


async def test_the_list_groups_nodes_by_cluster_and_says_what_is_wrong(imported: Paddock) -> None:
    said = text_of(await get(imported, "/nodes"))
    assert "5 nodes in 1 site. 1 needs attention." in said
    assert "Vienna › prod" in said
    assert "Quorate, 4 of 5 members online" in said
    assert "Offline Cluster says down since" in said


async def test_sorting_by_a_figure_ends_the_groups(imported: Paddock) -> None:
    html = await get(imported, "/nodes?sort=-status")
    assert 'class="group"' not in html
    assert "Vienna › prod" in text_of(html)
    assert order_of(html)[-1] == "pve3"
    assert order_of(await get(imported, "/nodes?sort=status"))[0] == "pve3"


async def test_sorting_by_name_keeps_the_groups(imported: Paddock) -> None:
    html = await get(imported, "/nodes?sort=-name")
    assert 'class="group"' in html
    assert order_of(html) == ["pve5", "pve4", "pve3", "pve2", "pve1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=offline", ["pve3"]),
        ("q=pve2", ["pve2"]),
        ("q=PVE2", ["pve2"]),
        ("version=9.2.11&status=offline", []),
        ("status=nonsense", []),
    ],
)
async def test_filters_narrow_the_list(imported: Paddock, query: str, found: list[str]) -> None:
    html = await get(imported, f"/nodes?{query}")
    assert order_of(html) == found
    assert ("Clear the filter" in html) == (not found)


async def test_a_refresh_is_the_card_and_what_stands_around_it(imported: Paddock) -> None:
    html = await get(imported, "/nodes?sort=-memory&status=online", **REFRESH)
    assert "<html" not in html
    assert html.lstrip().startswith("<section")
    assert 'hx-get="/nodes?sort=-memory&amp;status=online"' in html
    assert html.count("hx-swap-oob") == 3


async def test_a_wrong_address_still_opens(imported: Paddock) -> None:
    html = await get(imported, "/nodes?page=abc&size=-1&sort=%3B&path=x&q=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in html


async def test_names_are_escaped_everywhere(imported: Paddock) -> None:
    evil = "<img src=x onerror=alert(1)>"
    async with edited(imported) as session:
        await session.execute(
            update(Node).where(Node.name == "pve2").values(cpu_model=evil, status_reason=evil)
        )
    node = (await imported.nodes())["pve2"]
    for path in ("/nodes?q=pve2", f"/nodes/{node['id']}?why=open", "/", "/search?q=pve2"):
        assert "<img src=x" not in await get(imported, path)
    assert "&lt;img src=x" in await get(imported, f"/nodes/{node['id']}")


async def test_the_csv_has_what_the_list_has_and_runs_no_formula(imported: Paddock) -> None:
    async with edited(imported) as session:
        await session.execute(update(Node).where(Node.name == "pve2").values(address="=HYPERLINK(1)"))
    status, body, headers = await imported.browser.get("/nodes.csv?sort=name")
    assert (status, headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    rows = list(csv.DictReader(io.StringIO(body)))
    assert [row["name"] for row in rows] == ["pve1", "pve2", "pve3", "pve4", "pve5"]
    assert rows[1]["address"] == "'=HYPERLINK(1)"
    assert rows[2]["status"] == "Offline"
    assert int(rows[0]["memory_bytes"]) > 0
    _, body, _ = await imported.browser.get("/nodes.csv?status=offline")
    assert len(body.splitlines()) == 2


async def test_a_node_in_trouble_shows_both_truths_and_the_next_step(imported: Paddock) -> None:
    node = (await imported.nodes())["pve3"]
    html = await get(imported, f"/nodes/{node['id']}")
    said = text_of(html)
    assert "Why offline" in said
    assert re.search(r"What the cluster says Offline Said by pve\d", said)
    assert "What Paddock reaches itself Not reached" in said
    assert "What to do." in said
    assert "Without fresh evidence it is Unknown, never Online." in said


async def test_why_opens_for_a_well_node_and_closes_for_a_bad_one(imported: Paddock) -> None:
    nodes = await imported.nodes()
    assert 'id="why"' not in await get(imported, f"/nodes/{nodes['pve1']['id']}")
    assert 'id="why"' in await get(imported, f"/nodes/{nodes['pve1']['id']}?why=open")
    closed = await get(imported, f"/nodes/{nodes['pve3']['id']}?why=closed")
    assert 'id="why"' not in closed
    assert "pve3 is offline" in closed


async def test_a_node_says_what_it_is_and_links_to_proxmox_safely(imported: Paddock) -> None:
    node = (await imported.nodes())["pve1"]
    html = await get(imported, f"/nodes/{node['id']}")
    assert f'href="{node["url"]}" target="_blank" rel="noopener noreferrer"' in html
    said = text_of(html)
    for fact in (node["address"], node["kernel"], node["cpu_model"], "root@pam", "Cluster CA of prod"):
        assert fact in said


@pytest.mark.parametrize("tab", ["overview", "containers", "storage", "network", "events", "nonsense"])
async def test_every_tab_has_an_address_and_a_refresh(imported: Paddock, tab: str) -> None:
    node = (await imported.nodes())["pve1"]
    page = await get(imported, f"/nodes/{node['id']}?tab={tab}")
    assert "<title>pve1 · Nodes · Paddock</title>" in page
    part = await get(imported, f"/nodes/{node['id']}?tab={tab}", HX_Request="true", HX_Target="node-head")
    assert part.lstrip().startswith('<div class="head" id="node-head"')


async def test_the_network_tab_lists_bridges(imported: Paddock) -> None:
    node = (await imported.nodes())["pve1"]
    assert "vmbr0" in await get(imported, f"/nodes/{node['id']}?tab=network")


async def test_the_storages_of_a_node_are_a_part_of_their_own(imported: Paddock) -> None:
    node = (await imported.nodes())["pve1"]
    said = text_of(await get(imported, f"/storages?node={node['id']}"))
    stored = await imported.api.get(f"/nodes/{node['id']}/storages")
    for storage in stored["items"]:
        assert storage["name"] in said
    if any(storage["shared"] for storage in stored["items"]):
        assert "counted once for the cluster" in said


@pytest.mark.parametrize(
    ("left", "kind", "words"),
    [
        (timedelta(days=30, hours=1), "", ""),
        (timedelta(days=29, hours=23), "is-wish", "ends in 29 days"),
        (timedelta(days=20, hours=1), "is-wish", "ends in 20 days"),
        (timedelta(days=7, hours=1), "is-wish", "ends in 7 days"),
        (timedelta(days=6, hours=23), "is-warn", "ends in 6 days"),
        (timedelta(days=1, hours=1), "is-warn", "ends in 1 day"),
        (timedelta(hours=20), "is-bad", "ends today"),
        (timedelta(hours=-1), "is-bad", "has ended"),
    ],
)
async def test_a_certificate_that_ends_soon_is_said(
    imported: Paddock, left: timedelta, kind: str, words: str
) -> None:
    ends = imported.ctx.now() + left
    async with edited(imported) as session:
        await session.execute(update(Node).where(Node.name == "pve1").values(certificate_ends=ends))
    node = (await imported.nodes())["pve1"]
    html = await get(imported, f"/nodes/{node['id']}")
    if not kind:
        assert "The certificate of pve1" not in html
    else:
        assert f"The certificate of pve1 {words}" in html
        assert f'<ul class="attn"><li><span class="{kind}">' in re.sub(r"\n\s*", "", html)


@pytest.mark.parametrize(
    ("by_cluster", "command"),
    [
        (True, "pvecm updatecerts --force && systemctl restart pveproxy"),
        (False, "pvenode acme cert renew --force"),
    ],
    ids=["cluster", "another"],
)
@pytest.mark.parametrize("page", ["node", "overview"])
async def test_a_certificate_that_ends_soon_is_renewed_by_whoever_signed_it(
    imported: Paddock, estate: Running, by_cluster: bool, command: str, page: str
) -> None:
    signer = estate["prod"].state.authority if by_cluster else Authority.stranger()
    ends = imported.ctx.now() + timedelta(days=3)
    pem = signer.leaf("pve1", ["pve1"], not_after=ends).pem
    async with edited(imported) as session:
        await session.execute(update(Node).where(Node.name == "pve1").values(certificate_ends=ends))
        await session.execute(update(Member).where(Member.name == "pve1").values(certificate_pem=pem))
    node = (await imported.nodes())["pve1"]
    said = unescape(text_of(await get(imported, f"/nodes/{node['id']}" if page == "node" else "/")))
    assert command in said
    assert ("pvecm updatecerts" in said) is by_cluster


async def test_a_node_that_is_not_there_is_a_page_in_the_frame(paddock: Paddock) -> None:
    status, html, _ = await paddock.browser.get("/nodes/0190-no-such-node")
    assert status == 404
    assert "Not found" in html
    assert 'aria-label="Main"' in html


def test_names_sort_as_people_count() -> None:
    assert sorted(["pve10", "PVE2", "pve1", "a", "7x"], key=natural) == ["7x", "a", "pve1", "PVE2", "pve10"]
