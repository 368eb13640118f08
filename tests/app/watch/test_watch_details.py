"""What only a container's configuration says, read afterwards and at a bounded rate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from paddock.base.context import Context
from paddock.proxmox.connection import Connection
from paddock.proxmox.connections import Connections
from paddock.watch import details
from paddock.watch.loop import Watcher
from pvesim import ClusterScene, GuestScene, NodeScene, Running
from tests.app.conftest import Estates
from tests.harness import Paddock

SCENE = ClusterScene(
    name="prod",
    nodes=[NodeScene(name="pve1"), NodeScene(name="pve2", offline=True)],
    guests=[
        GuestScene(vmid=100, name="fixed", node="pve1", ip="10.1.0.7/24"),
        GuestScene(vmid=101, name="leased", node="pve1", ip="dhcp"),
        GuestScene(vmid=102, name="off", node="pve1", ip="dhcp", status="stopped"),
        GuestScene(vmid=103, name="bare", node="pve1", ip="", unprivileged=False, ostype="alpine"),
        GuestScene(vmid=104, name="far", node="pve2", ip="10.1.0.9/24"),
    ],
)


@pytest.fixture
async def running(paddock: Paddock, estates: Estates) -> AsyncIterator[Running]:
    """Imported, and watched by nobody, so that a test does the reading itself."""
    async with estates(SCENE) as running:
        await paddock.imported(await paddock.site(), running["prod"])
        await quiet(paddock)
        yield running


async def quiet(paddock: Paddock) -> None:
    watcher = paddock.services.parts[Watcher]
    (cluster,) = (await paddock.api.get("/clusters"))["items"]
    async with asyncio.timeout(10):
        while watcher.watch_of(cluster["id"]) is None:
            await asyncio.sleep(0.01)
    await watcher.forget_all()


def bounded(paddock: Paddock, rate: float) -> Context:
    settings = replace(paddock.services.settings, details_per_second=rate)
    return replace(paddock.ctx, services=replace(paddock.services, settings=settings))


async def connected(paddock: Paddock) -> tuple[str, Connection]:
    (cluster,) = (await paddock.api.get("/clusters"))["items"]
    return cluster["id"], await paddock.ctx.part(Connections).get(cluster["id"])


async def containers(paddock: Paddock) -> dict[int, dict[str, object]]:
    return {one["vmid"]: one for one in (await paddock.api.get("/containers"))["items"]}


async def test_a_round_reads_no_more_than_the_settings_allow(paddock: Paddock, running: Running) -> None:
    ctx = bounded(paddock, 3)
    cluster_id, connection = await connected(paddock)
    rounds = [await details.read_some(ctx, cluster_id, connection) for _ in range(3)]
    assert rounds == [3, 1, 0], "four that can be read, then nothing until they are old"
    asked = [one.path for one in running.requests if one.path.endswith("/config")]
    assert len(asked) == len(set(asked)) == 4


async def test_addresses_are_found_where_they_are_to_be_had(paddock: Paddock, running: Running) -> None:
    cluster_id, connection = await connected(paddock)
    await details.read_some(bounded(paddock, 100), cluster_id, connection)
    found = await containers(paddock)
    assert found[100]["addresses"] == ["10.1.0.7"]
    leased = found[101]["addresses"]
    assert isinstance(leased, list)
    assert leased
    assert not any(str(one).startswith(("127.", "fe80", "::1")) for one in leased)
    assert found[102]["addresses"] == []
    assert (found[103]["addresses"], found[103]["ostype"], found[103]["unprivileged"]) == (
        [],
        "alpine",
        False,
    )
    assert found[104]["ostype"] == "", "nothing can be read of a node that is off"
    interfaces = {one.path for one in running.requests if one.path.endswith("/interfaces")}
    assert {path.split("/")[-2] for path in interfaces} == {"101"}, (
        "only the running one with a lease is asked"
    )


async def test_details_that_were_read_survive_one_that_fails(paddock: Paddock, running: Running) -> None:
    cluster_id, connection = await connected(paddock)
    await details.read_some(bounded(paddock, 100), cluster_id, connection)
    running.fault("password-changed", cluster="prod")
    running.fault("daemon-down", cluster="prod", node="pve1")
    late = replace(paddock.services, clock=_Later(paddock))
    again = await details.read_some(replace(paddock.ctx, services=late), cluster_id, connection)
    assert again == 4
    found = await containers(paddock)
    assert found[100]["addresses"] == ["10.1.0.7"], "what was known is kept"
    assert found[100]["details_error"]


class _Later:
    """Paddock's clock, an hour on."""

    def __init__(self, paddock: Paddock) -> None:
        self._clock = paddock.services.clock

    def now(self) -> datetime:
        return self._clock.now() + timedelta(hours=1)
