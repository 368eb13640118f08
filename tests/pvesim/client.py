"""A small client for the simulator's own tests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from pvesim import ClusterScene, Estate, Running, Settings, serve
from pvesim.running import ClusterOf, NodeOf
from tests import addresses
from tests.pvesim.replay import Answer, send


@asynccontextmanager
async def serving(*scenes: ClusterScene, **settings: Any) -> AsyncIterator[Running]:
    """The scenes on random loopback addresses, without waiting."""
    async with serve(
        Estate(list(scenes), settings=Settings.quick(**settings)), network=addresses.network()
    ) as running:
        yield running


class Client:
    """Speaks to one node at a time; every call on a connection of its own."""

    def __init__(self, cluster: ClusterOf, node: str = "", **headers: str) -> None:
        self.cluster = cluster
        self.node: NodeOf = cluster.nodes[node] if node else cluster.first
        self.headers = headers

    def by(self, label: str) -> Client:
        """The same, signed in with a token."""
        return Client(self.cluster, self.node.name, Authorization=self.cluster.tokens[label].header)

    def at(self, node: str) -> Client:
        return Client(self.cluster, node, **self.headers)

    async def call(self, method: str, path: str, given: dict[str, Any] | None = None) -> Answer:
        body = urlencode(given).encode() if given is not None else b""
        headers = {"Host": "x", "Connection": "close", **self.headers}
        if body:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
        lines = [f"{method} /api2/json{path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        return await send(self.node.address, self.node.port, "\r\n".join(lines).encode() + body)

    async def get(self, path: str) -> Any:
        """The data of a successful GET."""
        answer = await self.call("GET", path)
        assert answer.status == 200, f"{path}: {answer.status} {answer.reason}"
        return json.loads(answer.body)["data"]

    async def sign_in(self, username: str, password: str) -> Answer:
        return await self.call("POST", "/access/ticket", {"username": username, "password": password})
