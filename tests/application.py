"""The real application, once for all tests here, emptied before each; and simulated estates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

import pvesim
from pvesim import ClusterScene, Estate, Running, serve
from tests import addresses, harness, postgres
from tests.harness import Api, Browser, Paddock

Estates = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture(scope="session")
async def running_paddock(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Paddock]:
    folder = tmp_path_factory.mktemp("paddock")
    if request.config.getoption("--database") == "postgresql":
        with postgres.server() as url:
            async with harness.running(folder, database_url=url) as paddock:
                yield paddock
    else:
        async with harness.running(folder) as paddock:
            yield paddock


@pytest.fixture
async def paddock(running_paddock: Paddock) -> Paddock:
    """A running Paddock that knows nothing but one administrator."""
    await running_paddock.clean()
    return running_paddock


@pytest.fixture
def api(paddock: Paddock) -> Api:
    return paddock.api


@pytest.fixture
def browser(paddock: Paddock) -> Browser:
    """Signed in as the administrator."""
    return paddock.browser


@pytest.fixture
def estates() -> Estates:
    """`async with estates(ClusterScene.simple(...)) as running:` serves clusters on loopback addresses."""

    def make(*scenes: ClusterScene, **settings: Any) -> AbstractAsyncContextManager[Running]:
        estate = Estate(list(scenes), seed=1, settings=pvesim.Settings.quick(**settings))
        return serve(estate, network=addresses.network(), port=addresses.port())

    return make


@pytest.fixture
async def estate(estates: Estates) -> AsyncIterator[Running]:
    """The cluster `prod`: five nodes, pve3 offline, 20 containers, two VMs."""
    async with estates(
        ClusterScene.simple("prod", nodes=5, containers=20, vms=2, offline=["pve3"])
    ) as running:
        yield running
