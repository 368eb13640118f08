"""The overview and the search, as a browser and a program get them."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from paddock.clusters.model import Cluster
from paddock.clusters.queries import list_clusters
from paddock.nodes.model import Node
from paddock.overview.queries import needs
from paddock.proxmox import certificates
from paddock.storages.model import Storage
from paddock.web.paging import Paging
from pvesim import Running
from tests.app.editing import edited
from tests.harness import Paddock


@pytest.fixture
async def imported(paddock: Paddock, estate: Running) -> Paddock:
    await paddock.imported(await paddock.site(), estate["prod"])
    await paddock.until_status("pve1", "online")
    await paddock.until_status("pve3", "offline")
    return paddock


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


async def page(paddock: Paddock, path: str = "/", **headers: str) -> str:
    status, html, _ = await paddock.browser.get(path, **headers)
    assert status == 200, html[:2000]
    return html


async def test_before_the_first_import_there_are_first_steps(paddock: Paddock) -> None:
    html = await page(paddock)
    assert "Welcome to Paddock" in html
    assert 'btn-primary" href="/sites/new"' in html
    assert 'href="/nodes/import"' not in html
    await paddock.site()
    html = await page(paddock)
    assert 'btn-primary" href="/nodes/import"' in html
    assert "Done: " in html


async def test_what_needs_attention_comes_first_with_its_reason(imported: Paddock) -> None:
    said = text_of(await page(imported))
    assert "1 thing needs you" in said
    assert "pve3 is offline The cluster says it is down." in said
    assert "See why" in said


@pytest.mark.parametrize(
    ("days", "kind", "words"), [(31, "", ""), (29, "wish", "ends in 29 days"), (6, "warn", "ends in 6 days"), (-1, "bad", "has ended")]
)  # fmt: skip
async def test_the_end_of_a_clusters_own_ca_is_said_ahead(
    imported: Paddock, estate: Running, days: int, kind: str, words: str
) -> None:
    ends = certificates.parse(estate["prod"].ca_pem).not_after
    groups = (await list_clusters(imported.ctx, Paging())).items
    found = needs([], groups, ends - timedelta(days=days, seconds=60), {})
    said = [(one.kind, one.title) for one in found if one.code == "authority_ends"]
    assert said == ([(kind, f"The CA of prod {words}")] if kind else [])


async def test_when_all_is_well_it_says_so(imported: Paddock) -> None:
    async with edited(imported) as session:
        await session.execute(update(Node).where(Node.name == "pve3").values(status="unknown"))
    assert "Everything is as it should be" in await page(imported)


async def test_trouble_of_a_cluster_is_said_once(paddock: Paddock, estate: Running) -> None:
    await paddock.imported(await paddock.site(), estate["prod"])
    async with edited(paddock) as session:
        await session.execute(update(Node).values(status="refused"))
        await session.execute(
            update(Cluster).values(trouble="password_refused", trouble_text="The password is wrong.")
        )
    seen = await paddock.api.get("/overview")
    assert [one["code"] for one in seen["attention"]] == ["cluster_refused"]
    assert "The password is wrong." in await page(paddock)


async def test_a_cluster_without_quorum_is_bad(imported: Paddock) -> None:
    async with edited(imported) as session:
        await session.execute(update(Cluster).values(quorate=False))
    seen = await imported.api.get("/overview")
    assert {one["code"]: one["level"] for one in seen["attention"]} == {
        "no_quorum": "bad",
        "node_offline": "bad",
    }
    assert "No quorum" in await page(imported, "/nodes")


async def test_a_node_that_left_its_cluster_is_said(imported: Paddock) -> None:
    async with edited(imported) as session:
        await session.execute(update(Node).where(Node.name == "pve3").values(vanished_at=imported.ctx.now()))
    codes = [one["code"] for one in (await imported.api.get("/overview"))["attention"]]
    assert codes == ["node_vanished"]


async def test_shared_storages_count_once_in_the_capacity_of_a_site(imported: Paddock) -> None:
    before = (await imported.api.get("/overview"))["sites"][0]["storage"]
    nodes = await imported.nodes()
    async with edited(imported) as session:
        for node in nodes.values():
            session.add(
                Storage(
                    node_id=node["id"],
                    name="ceph",
                    cluster_id=node["cluster_id"],
                    type="rbd",
                    shared=True,
                    content="images,rootdir",
                    status="available",
                    total=1000,
                )
            )
    assert (await imported.api.get("/overview"))["sites"][0]["storage"] == before + 1000


async def test_rest_says_the_same_as_the_page(imported: Paddock) -> None:
    seen = await imported.api.get("/overview")
    nodes = await imported.nodes()
    (site,) = seen["sites"]
    assert (site["site"], site["nodes"], site["nodes_online"], site["containers"]) == ("Vienna", 5, 4, 20)
    assert site["cores"] == sum(node["cores"] for node in nodes.values())
    assert site["old"] == ["pve3"]
    assert seen["events"][0]["node"] in nodes
    assert seen["attention"][0]["id"] == nodes["pve3"]["id"]


async def test_one_site_shows_only_its_own(imported: Paddock) -> None:
    other = await imported.site("Graz")
    seen = await imported.api.get(f"/overview?site={other}")
    assert [site["site"] for site in seen["sites"]] == ["Graz"]
    assert not seen["attention"]
    assert not seen["events"]


async def test_a_refresh_is_the_content_alone(imported: Paddock) -> None:
    html = await page(imported, HX_Request="true", HX_Target="overview")
    assert html.lstrip().startswith('<div id="overview"')


async def test_search_finds_nodes_by_name_and_address_and_containers_by_vmid(imported: Paddock) -> None:
    node = (await imported.nodes())["pve2"]
    assert f'href="/nodes/{node["id"]}"' in await page(imported, "/search?q=PVE2")
    assert f'href="/nodes/{node["id"]}"' in await page(imported, f"/search?q={node['address']}")
    html = await page(imported, "/search?q=105")
    assert 'href="/containers?q=105&amp;cluster=' in html


async def test_search_finds_sites_clusters_pages_and_actions(imported: Paddock) -> None:
    assert 'href="/sites/' in await page(imported, "/search?q=vienna")
    assert 'href="/nodes?cluster=' in await page(imported, "/search?q=prod")
    assert 'href="/nodes/import"' in await page(imported, "/search?q=import")
    assert 'href="/account"' in await page(imported, "/search?q=token")


async def test_what_is_exactly_meant_comes_first(imported: Paddock) -> None:
    hits = re.findall(r'class="hit-t">([^<]+)<', await page(imported, "/search?q=ct105"))
    assert hits[0] == "ct105"


async def test_search_without_a_find_or_a_word_says_so(paddock: Paddock) -> None:
    assert "Nothing matches" in await page(paddock, "/search?q=%3Ci%3Enothing%3C/i%3E")
    assert "Nothing matches" not in await page(paddock, "/search")
    assert await page(paddock, "/search?q=", HX_Request="true", HX_Target="found") == ""


@pytest.mark.parametrize(
    "path", ["/", "/nodes", "/nodes.csv", "/containers", "/containers.csv", "/search?q=x"]
)
async def test_nobody_sees_anything_without_signing_in(paddock: Paddock, path: str) -> None:
    async with paddock.api.session.get(
        f"{paddock.base}{path}", allow_redirects=False, headers={"Authorization": ""}
    ) as answer:
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/signin")
