"""What a running container takes over at once, and what waits for its next start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from pvesim import ClusterScene, Running, StorageScene
from tests.pvesim.client import Client, serving
from tests.pvesim.working import done, failed, refused, worked

AT = "/nodes/pve1/lxc/100"
TEMPLATE = "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst"


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    scene = ClusterScene.simple("prod", nodes=1, containers=1)
    tank = StorageScene(name="tank", type="zfspool", content=["rootdir", "images"])
    async with serving(
        ClusterScene(name="prod", nodes=scene.nodes, guests=scene.guests, storages=[*scene.storages, tank])
    ) as served:
        yield served


@pytest.fixture
def root(running: Running) -> Client:
    return Client(running["prod"]).by("full")


async def put(client: Client, **given: Any) -> None:
    assert await done(client, "PUT", f"{AT}/config", given) is None


async def waiting(client: Client) -> dict[str, dict[str, Any]]:
    """The keys of which something waits."""
    rows = await client.get(f"{AT}/pending")
    return {row.pop("key"): row for row in rows if "pending" in row or "delete" in row}


async def test_memory_and_name_are_taken_over_at_once_and_nameservers_wait(root: Client) -> None:
    await put(root, memory=777, hostname="neu", nameserver="9.9.9.9", cmode="shell")
    assert await waiting(root) == {"nameserver": {"pending": "9.9.9.9"}, "cmode": {"pending": "shell"}}
    now, then = await root.get(f"{AT}/config?current=1"), await root.get(f"{AT}/config")
    assert (now["memory"], now["hostname"], "nameserver" in now) == (777, "neu", False)
    assert (then["nameserver"], then["digest"]) == ("9.9.9.9", now["digest"])


async def test_what_waits_is_taken_over_at_the_next_start(running: Running, root: Client) -> None:
    await put(root, nameserver="9.9.9.9", mp0="local:1,mp=/data")
    await put(root, delete="mp0")
    assert await waiting(root) == {
        "nameserver": {"pending": "9.9.9.9"},
        "mp0": {"value": "local:100/vm-100-disk-1.raw,mp=/data,size=1G", "delete": 1},
    }
    assert "mp0" not in await root.get(f"{AT}/config")
    assert "mp0" in await root.get(f"{AT}/config?current=1")
    await worked(running, root, "POST", f"{AT}/status/reboot")
    assert await waiting(root) == {}
    now = await root.get(f"{AT}/config?current=1")
    assert (now["nameserver"], now["unused0"], "mp0" in now) == (
        "9.9.9.9",
        "local:100/vm-100-disk-1.raw",
        False,
    )


async def test_what_waits_can_be_taken_back_and_changes_the_digest(root: Client) -> None:
    before = (await root.get(f"{AT}/config"))["digest"]
    await put(root, tty=1, delete="arch")
    assert await waiting(root) == {"tty": {"pending": 1}, "arch": {"value": "amd64", "delete": 1}}
    assert "500 detected modified configuration" in await refused(
        root, "PUT", f"{AT}/config", {"memory": 99, "digest": before}
    )
    await put(root, revert="tty,arch")
    assert await waiting(root) == {}
    assert (await root.get(f"{AT}/config"))["digest"] == before


async def test_a_stopped_container_takes_everything_over_at_once(running: Running, root: Client) -> None:
    await worked(running, root, "POST", f"{AT}/status/stop")
    await put(root, nameserver="9.9.9.9", features="nesting=1")
    assert await waiting(root) == {}
    assert (await root.get(f"{AT}/config?current=1"))["nameserver"] == "9.9.9.9"


async def test_some_options_cannot_be_taken_away(root: Client) -> None:
    for key in ("memory", "rootfs", "ostype"):
        said = await refused(root, "PUT", f"{AT}/config", {"delete": key})
        assert said == f"500 unable to delete required option '{key}'"
    assert await refused(root, "PUT", f"{AT}/config", {"delete": "unprivileged"}) == (
        "500 unable to delete read-only option: 'unprivileged'"
    )
    await put(root, mp0="local:1,mp=/data", protection=1)
    assert await refused(root, "PUT", f"{AT}/config", {"delete": "mp0"}) == (
        "500 can't remove CT 100 drive 'mp0' - protection mode enabled"
    )


async def test_a_disk_that_cannot_be_made_is_named_and_the_rest_is_written(
    running: Running, root: Client
) -> None:
    running.fault("storage-full", storage="local")
    said = await refused(root, "PUT", f"{AT}/config", {"mp0": "local:1,mp=/data", "memory": 777})
    assert said.startswith("400 {'mp0': \"unable to hotplug mp0: unable to create image")
    config = await root.get(f"{AT}/config?current=1")
    assert (config["memory"], "mp0" in config) == (777, False)
    assert await waiting(root) == {"mp0": {"pending": "local:1,mp=/data"}}


async def test_a_template_stays_while_linked_clones_stand_on_it(running: Running, root: Client) -> None:
    given = {"vmid": 300, "ostemplate": TEMPLATE, "rootfs": "tank:1"}
    await worked(running, root, "POST", "/nodes/pve1/lxc", given)
    await done(root, "POST", "/nodes/pve1/lxc/300/template")
    running.advance(5)
    await worked(running, root, "POST", "/nodes/pve1/lxc/300/clone", {"newid": 301})
    said = await failed(running, root, "DELETE", "/nodes/pve1/lxc/300")
    assert said == "base volume 'basevol-300-disk-0' is still in use by linked clones"
    assert (await root.get("/nodes/pve1/lxc/300/config"))["template"] == 1
    await worked(running, root, "DELETE", "/nodes/pve1/lxc/301")
    await worked(running, root, "DELETE", "/nodes/pve1/lxc/300")


async def test_the_indexes_name_what_the_real_ones_name(root: Client) -> None:
    assert [row["subdir"] for row in await root.get(f"{AT}/status")] == [
        *("current", "start", "stop", "shutdown", "reboot", "migrate")
    ]
