"""An estate being served: listeners, faults, and what has been received."""

from __future__ import annotations

import asyncio
import ipaddress
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvesim.estate import Estate
from pvesim.faults import FAULTS, Active, Target, UnknownFault
from pvesim.gate import Gate, Received
from pvesim.listener import Listener
from pvesim.model import Cluster, Node
from pvesim.routes import all_routes
from pvesim.statedir import keeping
from pvesim.wire import Head

DEFAULT_PORT = 8006
_LOOK_AGAIN = 0.5  # seconds, while a node is about to come up by itself


@dataclass(frozen=True, slots=True)
class TokenOf:
    """An API token with its secret."""

    id: str
    secret: str

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"PVEAPIToken={self.id}={self.secret}"


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
        self._caused = 0
        self._head, self._routes = Head(), all_routes()
        self.clusters: dict[str, ClusterOf] = {}
        for name, cluster in estate.clusters.items():
            nodes = {node.name: self._served(node) for node in cluster.nodes.values()}
            self.clusters[name] = ClusterOf(cluster, nodes)
            cluster.on_power.append(self._power_changed)

    def _served(self, node: Node) -> NodeOf:
        return NodeOf(node, Listener(node, Gate(node, self._routes, self.requests), self._head))

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
        given = fault.parameters_from(parameters)
        undo, selector = fault.apply(target, given)
        self._caused += 1
        active = Active(self._caused, fault, target, given, undo, selector)
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
            self.faults.remove(each)
            each.undo()
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
        """Bring listeners and connections in line with what a fault has changed."""
        if not active.fault.sockets:
            return
        self._members()
        for node in self.clusters[active.target.cluster.name].nodes.values():
            if active.target.node in (None, node.state):
                _bring(node)

    def _members(self) -> None:
        """Serve the nodes that there are now, by their present names, and no others."""
        joined: list[tuple[ClusterOf, Node]] = []
        for cluster in self.clusters.values():
            served, members = cluster.nodes, cluster.state.nodes
            for name in [name for name, node in served.items() if members.get(name) is not node.state]:
                served.pop(name).listener.close()
            joined += [(cluster, node) for name, node in members.items() if name not in served]
        for cluster, node in joined:
            cluster.nodes[node.name] = self._served(node)
            cluster.nodes[node.name].listener.refresh()
        for cluster in self.clusters.values():
            for name in cluster.state.nodes:  # in the cluster's order
                cluster.nodes[name] = cluster.nodes.pop(name)

    def _power_changed(self, node: Node) -> None:
        """A node has switched itself off, or has come up again."""
        served = self.clusters[node.cluster.name].nodes.get(node.name)
        if served is None:
            return
        _bring(served)
        if node.host.returning:  # perhaps nobody can ask meanwhile, and nothing happens unless somebody does
            asyncio.get_running_loop().call_later(_LOOK_AGAIN, self._look_again, node)

    def _look_again(self, node: Node) -> None:
        node.cluster.live()
        if node.host.returning:
            asyncio.get_running_loop().call_later(_LOOK_AGAIN, self._look_again, node)

    async def start(self) -> None:
        for node in self.all_nodes():
            node.listener.refresh()
        for node in self.all_nodes():
            await node.listener.opened()

    async def stop(self) -> None:
        for node in self.all_nodes():
            node.listener.close()
        await asyncio.sleep(0)


def _bring(node: NodeOf) -> None:
    """Bring the port in line with the node's state, and cut its connections so that the next ones see it."""
    state = node.state
    if not state.trouble.full_backlog and not (state.down and state.down_silently):
        node.listener.reset()
    node.listener.refresh()


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
        state_dir: keys and certificates are kept there and taken from there, and the estate is written
            there, every few seconds and at the end; `kept_scenes` reads it back.

    Raises OSError if an address cannot be bound.
    """
    give_addresses(estate, network, port, same_address=same_address)
    async with AsyncExitStack() as stack:
        if state_dir is not None:
            await stack.enter_async_context(keeping(estate, state_dir))
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
    base = _first_address(network)
    count = 0
    for index, cluster in enumerate(estate.clusters.values()):
        for node in cluster.nodes.values():
            own = node.scene.address or str(base + 256 * index + 10 + node.number)
            node.address = "127.0.0.1" if same_address else own
            node.port = port + count if same_address and port else port
            count += 1


def _first_address(network: str) -> ipaddress.IPv4Address:
    try:
        base = ipaddress.IPv4Address(".".join((network.split(".") + ["0"] * 4)[:4]))
    except ValueError:
        base = ipaddress.IPv4Address(0)
    if not base.is_loopback:
        raise ValueError(f"network {network!r} is not a loopback network: use 127.x, for example 127.18.")
    return base
