"""What taking the picture of the whole estate costs: Paddock's own reading between a floor and a peer.

All three run in this process, one after the other over the same clusters; the simulator is another process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec
from proxmoxer import ProxmoxAPI

from bench.processes import Simulated
from bench.report import Figure, median
from paddock.base.vault import Secret
from paddock.proxmox.address import Endpoint
from paddock.proxmox.connection import Connection
from paddock.proxmox.credentials import TokenCredential
from paddock.proxmox.members import Member
from paddock.proxmox.shapes import Resource
from paddock.proxmox.transport import HttpTransport
from paddock.proxmox.trust import TlsPolicy, TrustMode
from paddock.watch import reading

GROUP = "Taking the picture of 20 clusters, 1,000 nodes, 50,000 containers"
ROUNDS = 5
BARE = 0.06
"""Seconds of CPU that the bare reader took on the machine for which the goals of watching were set: 0.15 s for the
picture, 0.7 s for all of a cycle. On another machine they grow with what the bare reader takes there in the same run."""


def goal(seconds: float, floor: float) -> float:
    """A goal of that machine on this one, where the bare reader takes `floor` seconds."""
    return seconds * floor / BARE


class _Envelope(msgspec.Struct):
    data: list[Resource]


async def measure(simulated: Simulated) -> list[Figure]:
    clusters = list(simulated.clusters.values())
    floor = await _cpu(lambda: _bare(clusters))
    connections = [_connection(cluster) for cluster in clusters]
    own = await _cpu(lambda: _own(connections))
    for connection in connections:
        await connection.close()
    peer = await _cpu(lambda: asyncio.to_thread(_proxmoxer, clusters))
    note = f"median of {ROUNDS}"
    return [
        Figure(GROUP, "floor: bare aiohttp + msgspec, CPU", floor, "s", note=note),
        Figure(
            GROUP,
            "Paddock: status and resources, sorted, CPU",
            own,
            "s",
            goal(0.15, floor),
            f"{note}; 0.15 s where the bare reader takes {BARE} s",
        ),
        Figure(GROUP, "peer: a loop with proxmoxer, CPU", peer, "s", note=note),
    ]


async def _cpu(work: Callable[[], Awaitable[object]]) -> float:
    """The first round opens connections and is not counted."""
    taken = []
    for _ in range(ROUNDS + 1):
        begin = time.process_time()
        await work()
        taken.append(time.process_time() - begin)
    return median(taken[1:])


async def _bare(clusters: list[dict[str, Any]]) -> None:
    decoder = msgspec.json.Decoder(_Envelope, strict=False)
    async with aiohttp.ClientSession() as session:
        for cluster in clusters:
            token = cluster["tokens"]["full"]
            headers = {"Authorization": f"PVEAPIToken={token['id']}={token['secret']}"}
            url = f"{cluster['nodes'][0]['url']}/api2/json/cluster/resources"
            async with session.get(url, headers=headers, ssl=False) as answer:
                decoder.decode(await answer.read())


def _connection(cluster: dict[str, Any]) -> Connection:
    token = cluster["tokens"]["full"]
    members = []
    for node in cluster["nodes"][:3]:
        host, _, port = node["url"].removeprefix("https://").rpartition(":")
        policy = TlsPolicy(TrustMode.PINNED, fingerprint=node["fingerprint"])
        members.append(Member(node["name"], Endpoint(host, int(port)), policy))
    return Connection(
        cluster["name"], members, TokenCredential(token["id"], Secret(token["secret"])), HttpTransport()
    )


async def _own(connections: list[Connection]) -> None:
    for connection in connections:
        await reading.read(connection, datetime.now(UTC))


def _proxmoxer(clusters: list[dict[str, Any]]) -> None:
    for cluster in clusters:
        token = cluster["tokens"]["full"]
        user, _, name = token["id"].partition("!")
        host, _, port = cluster["nodes"][0]["url"].removeprefix("https://").rpartition(":")
        api = ProxmoxAPI(
            host, port=int(port), user=user, token_name=name, token_value=token["secret"], verify_ssl=False
        )
        api.cluster.status.get()
        api.cluster.resources.get()
