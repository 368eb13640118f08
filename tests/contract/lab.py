"""A served estate, and what it takes to talk to it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from paddock.base.vault import Secret
from paddock.proxmox import Endpoint, Member, PasswordCredential, TlsPolicy, TokenCredential, TrustMode
from paddock.proxmox.connection import Connection
from paddock.proxmox.credentials import Credential
from paddock.proxmox.transport import HttpTransport
from pvesim import ClusterScene, Estate, Running, Settings, serve
from tests import addresses


class Now:
    """A monotonic clock that runs, and can be moved."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.offset


class Lab:
    """One served cluster called `c` with three nodes, and connections to it."""

    def __init__(self, sim: Running, stack: AsyncExitStack) -> None:
        self.sim = sim
        self.cluster = sim["c"]
        self.now = Now()
        self._stack = stack

    @property
    def ca(self) -> TlsPolicy:
        return TlsPolicy(TrustMode.CLUSTER_CA, ca_pem=self.cluster.ca_pem)

    def endpoint(self, node: str) -> Endpoint:
        found = self.cluster.nodes[node]
        return Endpoint(found.address, found.port)

    def token(self, label: str = "full") -> TokenCredential:
        found = self.cluster.tokens[label]
        return TokenCredential(found.id, Secret(found.secret))

    def password(self, password: str | None = None, username: str = "root@pam") -> PasswordCredential:
        return PasswordCredential(username, Secret(password or self.cluster.root_password))

    def transport(self, connect_seconds: float = 0.5) -> HttpTransport:
        made = HttpTransport(connect_seconds=connect_seconds)
        self._stack.push_async_callback(made.close)
        return made

    def connection(
        self,
        credential: Credential | None = None,
        *,
        policies: dict[str, TlsPolicy] | None = None,
        nodes: tuple[str, ...] = (),
        attempt_seconds: float = 2.0,
        connect_seconds: float = 0.5,
    ) -> Connection:
        names = nodes or tuple(self.cluster.nodes)
        members = [Member(name, self.endpoint(name), (policies or {}).get(name, self.ca)) for name in names]
        return Connection(
            "c",
            members,
            credential or self.token(),
            self.transport(connect_seconds),
            attempt_seconds=attempt_seconds,
            now=self.now,
        )

    def received(self, path: str, **wanted: str) -> int:
        return self.sim.count(path=f"/api2/json{path}", **wanted) + self.sim.count(path=path, **wanted)


@asynccontextmanager
async def make_lab(scene: ClusterScene | None = None, **settings: float) -> AsyncIterator[Lab]:
    scene = scene or ClusterScene.simple("c", nodes=3, containers=12, vms=2)
    estate = Estate([scene], settings=Settings.quick(**settings))
    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(serve(estate, network=addresses.network()))
        yield Lab(sim, stack)
