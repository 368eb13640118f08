"""An estate being served: listeners, faults, and what has been received."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import random
import socket
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvesim.connection import Connection
from pvesim.faults import FAULTS, Active, Target, UnknownFault
from pvesim.gate import Gate, Received
from pvesim.model import Cluster, Estate, Node
from pvesim.routes import all_routes
from pvesim.statedir import restore
from pvesim.wire import Head

_BACKLOG = 128
DEFAULT_PORT = 8006


@dataclass(frozen=True, slots=True)
class TokenOf:
    """An API token with its secret."""

    id: str
    secret: str

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"PVEAPIToken={self.id}={self.secret}"


class Listener:
    """The socket of one node and the connections on it. Opening and closing take effect at once."""

    def __init__(self, node: Node, gate: Gate, head: Head) -> None:
        self.node = node
        self._gate = gate
        self._head = head
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._starting: asyncio.Task[None] | None = None
        self._silent: list[socket.socket] = []
        self.accepted = 0

    def refresh(self) -> None:
        """Bring the socket in line with the node's state."""
        node = self.node
        if node.listening:
            self._unsilence()
            self.open()
        else:
            self.close(silently=node.down and node.down_silently)

    def open(self) -> None:
        """Listen; clients can connect as soon as this returns. Raises OSError."""
        if self._starting is not None:
            return
        node = self.node
        listening = _bound(node.address, node.port)
        listening.listen(_BACKLOG)
        node.port = listening.getsockname()[1]
        self._starting = asyncio.get_running_loop().create_task(self._start(listening))

    async def _start(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._accept, sock=listening, backlog=_BACKLOG)
        except BaseException:
            listening.close()
            raise

    async def opened(self) -> None:
        if self._starting is not None:
            await self._starting

    def close(self, *, silently: bool = False) -> None:
        """Stop listening. Connections are reset, or, silently, just never answer again."""
        if self._starting is not None:
            self._starting.cancel()
            self._starting = None
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            if silently:
                connection.silent = True
            else:
                connection.abort()
        if silently and not self._silent:
            self._silence()
        elif not silently:
            self._unsilence()

    def reset(self) -> None:
        """Cut all connections, so that the next ones see the present certificate."""
        for connection in list(self._connections):
            connection.abort()

    def _accept(self) -> Connection:
        self.accepted += 1
        connection = Connection(
            self._gate,
            lambda: self.node.shown.context,
            self.node.cluster.settings,
            self._head,
            self._connections.discard,
        )
        self._connections.add(connection)
        return connection

    def _silence(self) -> None:
        """Make connecting hang: a queue of one that is full, so that the kernel drops what comes."""
        listening = _bound(self.node.address, self.node.port)
        listening.listen(0)
        self._silent.append(listening)
        for _ in range(3):
            plug = socket.socket()
            plug.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                plug.connect((self.node.address, self.node.port))
            self._silent.append(plug)

    def _unsilence(self) -> None:
        for each in self._silent:
            each.close()
        self._silent.clear()


class NodeOf:
    """A served node, as tests see it."""

    def __init__(self, node: Node, listener: Listener) -> None:
        self.state = node
        self.listener = listener

    @property
    def name(self) -> str:
        return self.state.name

    @property
    def address(self) -> str:
        return self.state.address

    @property
    def port(self) -> int:
        return self.state.port

    @property
    def url(self) -> str:
        return self.state.url

    @property
    def fingerprint(self) -> str:
        """Of the certificate that the node ought to show."""
        return self.state.fingerprint

    @property
    def connections(self) -> int:
        """How many connections have been accepted so far."""
        return self.listener.accepted


class ClusterOf:
    """A served cluster, as tests see it."""

    def __init__(self, cluster: Cluster, nodes: dict[str, NodeOf]) -> None:
        self.state = cluster
        self.nodes = nodes

    @property
    def name(self) -> str:
        return self.state.name

    @property
    def ca_pem(self) -> str:
        return self.state.authority.certificate.pem

    @property
    def ca_fingerprint(self) -> str:
        return self.state.authority.certificate.fingerprint

    @property
    def root_password(self) -> str:
        return self.state.root_password

    @property
    def tokens(self) -> dict[str, TokenOf]:
        """By label: "full", "auditor" and "privsep" unless the scene says otherwise."""
        return {label: TokenOf(*self.state.secret(label)) for label in self.state.labels}

    def summary(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "version": self.state.version.text,
            "ca_fingerprint": self.ca_fingerprint,
            "root_password": self.root_password,
            "tokens": {label: {"id": t.id, "secret": t.secret} for label, t in self.tokens.items()},
            "nodes": [
                {
                    "name": node.name,
                    "url": node.url,
                    "fingerprint": node.fingerprint,
                    "online": not node.state.down,
                }
                for node in self.nodes.values()
            ],
        }

    @property
    def first(self) -> NodeOf:
        """The first node that listens."""
        return next(node for node in self.nodes.values() if node.state.listening)


class Running:
    """An estate that answers."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.requests: deque[Received] = deque(maxlen=estate.settings.keep_requests)
        self.faults: list[Active] = []
        head, routes = Head(), all_routes()
        self.clusters: dict[str, ClusterOf] = {}
        for name, cluster in estate.clusters.items():
            nodes = {
                node.name: NodeOf(node, Listener(node, Gate(node, routes, self.requests), head))
                for node in cluster.nodes.values()
            }
            self.clusters[name] = ClusterOf(cluster, nodes)

    def __getitem__(self, name: str) -> ClusterOf:
        return self.clusters[name]

    def __iter__(self) -> Iterator[ClusterOf]:
        return iter(self.clusters.values())

    def all_nodes(self) -> Iterable[NodeOf]:
        for cluster in self.clusters.values():
            yield from cluster.nodes.values()

    def fault(self, name: str, *, cluster: str = "", node: str = "", **parameters: object) -> Active:
        """Cause trouble; see `pvesim.faults.FAULTS`. Takes effect before this returns.

        Raises UnknownFault or BadTarget with a sentence.
        """
        fault = FAULTS.get(name)
        if fault is None:
            raise UnknownFault(f"there is no fault {name!r}: choose one of {', '.join(FAULTS)}.")
        target = Target.find(self.estate, fault, cluster, node)
        undo = fault.apply(target, fault.parameters_from(parameters))
        active = Active(len(self.faults) + 1, fault, target, parameters, undo)
        self.faults.append(active)
        self._after(active)
        return active

    def clear(self, what: Active | str | None = None, *, cluster: str = "", node: str = "") -> int:
        """End one fault, all of a name, or all; returns how many ended."""
        ending = [
            each
            for each in self.faults
            if (what is None or each is what or each.fault.name == what)
            and (not cluster or each.target.cluster.name == cluster)
            and (not node or (each.target.node is not None and each.target.node.name == node))
        ]
        for each in reversed(ending):
            each.undo()
            self.faults.remove(each)
            self._after(each)
        return len(ending)

    def summary(self) -> dict[str, Any]:
        """Everything that somebody needs to use the estate, for people, JSON and `paddock demo`."""
        return {"clusters": [cluster.summary() for cluster in self]}

    def advance(self, seconds: float) -> None:
        """Let time pass for everything that ages."""
        self.estate.clock.advance(seconds)

    def count(self, **wanted: str) -> int:
        """How many received requests have these attributes: cluster, node, method, path, auth."""
        return sum(all(getattr(r, key) == value for key, value in wanted.items()) for r in self.requests)

    def per_node(self) -> Counter[tuple[str, str]]:
        """(cluster, node) → requests received."""
        return Counter((r.cluster, r.node) for r in self.requests)

    def credentials(self) -> list[str]:
        """Every credential received, oldest first (with `keep_credentials`)."""
        return [r.credential for r in self.requests if r.credential]

    def _after(self, active: Active) -> None:
        if not active.fault.sockets:
            return
        cluster = self.clusters[active.target.cluster.name]
        for node in cluster.nodes.values():
            if active.target.node is None or active.target.node is node.state:
                node.listener.reset()
                node.listener.refresh()

    async def start(self) -> None:
        for node in self.all_nodes():
            node.listener.refresh()
        for node in self.all_nodes():
            await node.listener.opened()

    async def stop(self) -> None:
        for node in self.all_nodes():
            node.listener.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def serve(
    estate: Estate,
    *,
    network: str = "",
    port: int = DEFAULT_PORT,
    same_address: bool = False,
    state_dir: Path | None = None,
) -> AsyncIterator[Running]:
    """Serve an estate in the running event loop.

    Args:
        network: the first two numbers of the nodes' loopback addresses ("127.31"); random where empty.
        port: of every node; 0 lets the system choose one each.
        same_address: all nodes on 127.0.0.1, with ports counted up from `port`, for systems that have
            no other loopback address.
        state_dir: keys and certificates are kept there and taken from there.

    Raises OSError if an address cannot be bound.
    """
    give_addresses(estate, network, port, same_address=same_address)
    if state_dir is not None:
        restore(estate, state_dir)
    running = Running(estate)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


def give_addresses(estate: Estate, network: str, port: int, *, same_address: bool) -> None:
    """Decide every node's address and port; one a scene has chosen stays."""
    if not network:
        chance = random.SystemRandom()
        network = f"127.{chance.randint(16, 250)}.{chance.randint(0, 200)}"
    base = ipaddress.IPv4Address(".".join((network.split(".") + ["0"] * 4)[:4]))
    if not base.is_loopback:
        raise ValueError(f"network {network!r} is not a loopback network: use 127.x, for example 127.18.")
    count = 0
    for index, cluster in enumerate(estate.clusters.values()):
        for number, node in enumerate(cluster.nodes.values()):
            node.address = (
                "127.0.0.1" if same_address else node.scene.address or str(base + 256 * index + 11 + number)
            )
            node.port = port + count if same_address and port else port
            count += 1


def _bound(address: str, port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setblocking(False)
    try:
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound
