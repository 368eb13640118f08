"""What lists of containers are chosen by follows the rows, cluster by cluster, and survives what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import update

from paddock.base.context import Context
from paddock.containers import catalogue
from paddock.containers.catalogue import Catalogue
from paddock.containers.events import ContainersChanged, DetailsChanged
from paddock.containers.model import Container
from paddock.containers.shelf import Shelf
from paddock.web.paging import Paging
from pvesim import ClusterScene
from tests.app.editing import edited
from tests.application import Estates
from tests.harness import Paddock


@pytest.fixture
async def imported(paddock: Paddock, estates: Estates) -> AsyncIterator[Paddock]:
    """Two clusters, and nothing that changes any more."""
    scenes = [ClusterScene.simple(name, nodes=2, containers=8) for name in ("prod", "test")]
    async with estates(*scenes) as running:
        site = await paddock.site()
        for name in running.clusters:
            await paddock.imported(site, running[name])
        async with edited(paddock):
            pass
        yield paddock


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The clusters whose rows are read, in order."""
    read, asked = catalogue._read, list[str]()

    async def counted(ctx: Context, cluster_id: str) -> Shelf:
        asked.append(cluster_id)
        return await read(ctx, cluster_id)

    monkeypatch.setattr(catalogue, "_read", counted)
    return asked


async def clusters(paddock: Paddock) -> list[str]:
    return [one["id"] for one in (await paddock.api.get("/clusters?size=100"))["items"]]


async def test_what_there_is_is_read_before_anybody_asks(imported: Paddock, reads: list[str]) -> None:
    ours = Catalogue()
    ours.start(imported.services)
    async with asyncio.timeout(5):
        while len(reads) < 2:
            await asyncio.sleep(0.01)
        assert await ours.count(imported.ctx) > 2
    assert sorted(reads) == sorted(await clusters(imported))
    await ours.stop()


async def test_only_the_cluster_that_changed_is_read_again(imported: Paddock, reads: list[str]) -> None:
    await imported.api.get("/containers")
    reads.clear()
    changed = (await clusters(imported))[0]
    imported.services.bus.deliver([ContainersChanged(changed)])
    for path in ("/containers", "/containers?sort=-cpu", "/containers?q=1&status=running"):
        await imported.api.get(path)
    assert reads == [changed]


async def test_a_failed_reading_beside_the_lists_is_told_in_the_log_and_costs_them_nothing(
    imported: Paddock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ours = Catalogue()
    everything = await ours.count(imported.ctx)
    read, failing = catalogue._read, True

    async def fails(ctx: Context, cluster_id: str) -> Shelf:
        if failing:
            raise OSError("disk I/O error")
        return await read(ctx, cluster_id)

    monkeypatch.setattr(catalogue, "_read", fails)
    monkeypatch.setattr(catalogue, "DETAILS_PACE", 0.0)
    ours._look_at = 0.0
    async with imported.services.db.write() as session:
        await session.execute(update(Container).values(addresses=["192.0.2.77"]))
    for id in await clusters(imported):
        imported.services.bus.deliver([DetailsChanged(id)])
    async with asyncio.timeout(5):
        while "were not read again" not in caplog.text:
            assert await ours.count(imported.ctx) == everything
            await asyncio.sleep(0.01)
        assert (await ours.choose(imported.ctx, Paging(q="192.0.2.77"))).total == 0
        failing = False
        while (await ours.choose(imported.ctx, Paging(q="192.0.2.77"))).total < everything:
            await asyncio.sleep(0.01)
    await ours.stop()


async def test_lists_begin_empty_handed_where_reading_ahead_failed(
    imported: Paddock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ours, read = Catalogue(), catalogue._read

    async def fails(ctx: Context, cluster_id: str) -> Shelf:
        raise OSError("disk I/O error")

    monkeypatch.setattr(catalogue, "_read", fails)
    ours.start(imported.services)
    async with asyncio.timeout(5):
        while "could not be read ahead" not in caplog.text:
            await asyncio.sleep(0.01)
    monkeypatch.setattr(catalogue, "_read", read)
    assert await ours.count(imported.ctx) > 2
    await ours.stop()


@pytest.mark.parametrize("sort", ["name", "-vmid", "-cpu"])
async def test_pages_far_down_go_on_where_the_first_ones_end(
    imported: Paddock, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    whole = await imported.api.get(f"/containers?size=2000&sort={sort}")
    monkeypatch.setattr(catalogue, "FIRST_PAGES", 4)
    pages = [
        await imported.api.get(f"/containers?size=3&page={page + 1}&sort={sort}")
        for page in range(-(-whole["total"] // 3))
    ]
    assert [one["id"] for page in pages for one in page["items"]] == [one["id"] for one in whole["items"]]
