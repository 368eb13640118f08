from __future__ import annotations

import asyncio

import pytest

from paddock.base.errors import NotFound
from paddock.proxmox import ConnectionPlan, Connections, Member, reads
from tests.contract.lab import Lab


async def test_a_connection_is_made_once_when_first_needed(lab: Lab) -> None:
    loaded = []

    async def load(cluster_id: str) -> ConnectionPlan:
        loaded.append(cluster_id)
        await asyncio.sleep(0)
        return ConnectionPlan("c", (Member("pve1", lab.endpoint("pve1"), lab.ca),), lab.token())

    connections = Connections(load)
    assert connections.open("1") is None
    found = await asyncio.gather(*(connections.get("1") for _ in range(5)))
    assert loaded == ["1"]
    assert len({id(connection) for connection in found}) == 1
    await reads.version(found[0])
    await connections.forget("1")
    assert await connections.get("1") is not found[0]
    await connections.close()


async def test_a_reload_keeps_what_stays_the_same(lab: Lab) -> None:
    nodes = ["pve1"]
    credential = [lab.password("wrong")]

    async def load(_cluster_id: str) -> ConnectionPlan:
        members = tuple(Member(name, lab.endpoint(name), lab.ca) for name in nodes)
        return ConnectionPlan("c", members, credential[0])

    connections = Connections(load)
    connection = await connections.get("1")
    await connection.contact("pve1")
    nodes.append("pve2")
    await connections.reload("1")
    assert [(s.member.name, s.ok) for s in connection.member_states()] == [("pve1", True), ("pve2", False)]
    credential[0] = lab.password()
    await connections.reload("1")
    await reads.version(connection)
    assert await connections.get("1") is connection
    await connections.close()


async def test_what_the_loader_raises_goes_through_and_is_tried_again() -> None:
    async def load(cluster_id: str) -> ConnectionPlan:
        raise NotFound(f"no cluster {cluster_id}")

    connections = Connections(load)
    for _ in range(2):
        with pytest.raises(NotFound):
            await connections.get("1")
