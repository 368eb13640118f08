"""What Proxmox VE 8.4 and 9.1 do not have yet."""

from __future__ import annotations

import pytest

from pvesim import ClusterScene
from tests.pvesim.client import Client, serving
from tests.pvesim.working import done, refused

UNDEFINED = "property is not defined in schema and the schema does not allow additional properties"


async def test_8_4_has_no_figures_of_a_decade() -> None:
    async with serving(ClusterScene.simple("old", nodes=1, containers=1, version="8.4.14")) as running:
        root = Client(running["old"]).by("full")
        for of in ("/nodes/pve1", "/nodes/pve1/lxc/100", "/nodes/pve1/storage/local"):
            said = await refused(root, "GET", f"{of}/rrddata?timeframe=decade")
            assert "'decade' does not have a value in the enumeration 'hour, day, week, month, year'" in said
            assert len(await root.get(f"{of}/rrddata?timeframe=year")) == 70


@pytest.mark.parametrize(("version", "there"), [("9.1.5", False), ("9.2.11", True)])
async def test_a_secret_is_made_anew_since_9_2(version: str, there: bool) -> None:
    async with serving(ClusterScene.simple("lab", nodes=1, containers=0, version=version)) as running:
        root = Client(running["lab"]).by("full")
        path, given = "/access/users/watch@pve/token/ro", {"regenerate": 1}
        if there:
            assert "value" in await done(root, "PUT", path, given)
        else:
            assert await refused(root, "PUT", path, given) == f"400 {{'regenerate': '{UNDEFINED}'}}"


async def test_a_parameter_with_an_endless_number_is_not_defined() -> None:
    async with serving(ClusterScene.simple("lab", nodes=1, containers=1)) as running:
        root = Client(running["lab"]).by("full")
        said = await refused(root, "PUT", "/nodes/pve1/lxc/100/config", {"net" + "9" * 5000: "x"})
        assert UNDEFINED in said
