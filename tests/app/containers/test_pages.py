"""The list of containers, as a browser gets it."""

import csv
import io
import re

import pytest
from sqlalchemy import update

from paddock.containers.model import Container
from pvesim import Running
from tests.app.editing import edited
from tests.harness import Paddock


@pytest.fixture
async def imported(paddock: Paddock, estate: Running) -> Paddock:
    await paddock.imported(await paddock.site(), estate["prod"])
    await paddock.until_status("pve1", "online")
    return paddock


async def get(paddock: Paddock, path: str, **headers: str) -> str:
    status, html, _ = await paddock.browser.get(path, **headers)
    assert status == 200, html[:2000]
    return html


def names_in(html: str) -> list[str]:
    return re.findall(r'<span class="two name cut">([^<]+)<', html)


async def test_without_containers_the_list_says_what_they_are(paddock: Paddock) -> None:
    html = await get(paddock, "/containers")
    assert "No containers yet" in html
    assert "Search in this list" not in html


async def test_every_container_is_listed_and_templates_are_not(imported: Paddock) -> None:
    html = await get(imported, "/containers")
    listed = await imported.api.get("/containers?size=2000")
    assert sorted(names_in(html)) == sorted(one["name"] for one in listed["items"])
    assert f"{listed['total']} containers, " in html


async def test_filters_are_in_the_address_and_can_be_taken_off(imported: Paddock) -> None:
    node = (await imported.nodes())["pve1"]
    html = await get(imported, f"/containers?node={node['id']}&status=running")
    listed = await imported.api.get(f"/containers?node={node['id']}&status=running")
    assert sorted(names_in(html)) == sorted(one["name"] for one in listed["items"])
    assert names_in(html)
    assert "Remove the filter: </span>Node pve1" in html
    assert 'id="chip-node" aria-current="true" href="/containers?status=running"' in html


async def test_a_tag_filters_and_nothing_found_offers_to_clear(imported: Paddock) -> None:
    async with edited(imported) as session:
        await session.execute(update(Container).where(Container.vmid == 100).values(tags="blue;web"))
    assert len(names_in(await get(imported, "/containers?tag=web"))) == 1
    assert "Clear the filter" in await get(imported, "/containers?tag=we")


async def test_hostile_names_and_tags_are_text(imported: Paddock) -> None:
    async with edited(imported) as session:
        await session.execute(
            update(Container)
            .where(Container.vmid == 100)
            .values(name="<b>x</b>" * 20, tags='"><script>alert(1)</script>', lock="<i>")
        )
    node = (await imported.nodes())["pve1"]
    for path in ("/containers?q=100", "/search?q=100"):
        html = await get(imported, path)
        assert "<b>x</b>" not in html
        assert "<script>alert" not in html
    part = await get(
        imported, f"/containers?node={node['id']}", HX_Request="true", HX_Target="node-containers"
    )
    assert "<b>x</b>" not in part


async def test_the_csv_runs_no_formula(imported: Paddock) -> None:
    async with edited(imported) as session:
        await session.execute(update(Container).where(Container.vmid == 100).values(name="@SUM(A1)"))
    _, body, headers = await imported.browser.get("/containers.csv?q=100")
    assert headers["Content-Disposition"] == 'attachment; filename="containers.csv"'
    assert next(csv.DictReader(io.StringIO(body)))["name"] == "'@SUM(A1)"
    _, body, _ = await imported.browser.get("/containers.csv")
    assert len(body.splitlines()) == 21


@pytest.mark.parametrize(
    "sort", ["name", "-vmid", "status", "-node", "-cpu", "memory", "disk", "uptime", "tags"]
)
async def test_every_column_sorts(imported: Paddock, sort: str) -> None:
    html = await get(imported, f"/containers?sort={sort}&size=5")
    listed = await imported.api.get(f"/containers?sort={sort}&size=5")
    if sort not in {"-cpu", "memory", "disk", "uptime"}:  # figures move between the two calls
        assert names_in(html) == [one["name"] for one in listed["items"]]
    assert len(names_in(html)) == 5
    assert 'rel="next"' in html


async def test_a_refresh_asks_for_the_same_page_again(imported: Paddock) -> None:
    html = await get(imported, "/containers?size=5&page=2", HX_Request="true", HX_Target="containers")
    assert html.lstrip().startswith("<section")
    assert 'hx-get="/containers?size=5&amp;page=2"' in html
    assert len(names_in(html)) == 5


async def test_a_node_gets_its_containers_as_a_part_without_sorting(imported: Paddock) -> None:
    node = (await imported.nodes())["pve1"]
    html = await get(
        imported, f"/containers?node={node['id']}&size=2", HX_Request="true", HX_Target="node-containers"
    )
    assert "aria-sort" not in html
    assert f'href="/containers?node={node["id"]}"' in html
    assert len(names_in(html)) == 2
