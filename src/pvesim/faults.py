"""Trouble on demand. Every fault is one function here; the registry documents itself.

A fault changes state and returns how to undo it. `sockets` says that listeners and open connections must
follow the change.
"""

from __future__ import annotations

import inspect
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pvesim.certificates import Authority
from pvesim.model import Cluster, Estate, Node
from pvesim.nodelife import boot, power_cut
from pvesim.scene import NodeScene

Undo = Callable[[], None]


class UnknownFault(ValueError):
    """No fault of that name, in a sentence."""


class BadTarget(ValueError):
    """A fault aimed at nothing, or with wrong parameters, in a sentence."""


@dataclass(frozen=True, slots=True)
class Target:
    cluster: Cluster
    node: Node | None = None

    @classmethod
    def find(cls, estate: Estate, fault: Fault, cluster: str, node: str) -> Target:
        names = ", ".join(estate.clusters)
        if not cluster and len(estate.clusters) == 1:
            cluster = names
        if cluster not in estate.clusters:
            raise BadTarget(f"which cluster? {cluster!r} is not one of {names}.")
        found = estate.clusters[cluster]
        if node and node not in found.nodes:
            raise BadTarget(f"cluster {cluster!r} has no node {node!r}: it has {', '.join(found.nodes)}.")
        if fault.scope == "node" and not node:
            raise BadTarget(f"{fault.name} needs a node: one of {', '.join(found.nodes)}.")
        return cls(found, found.nodes[node] if node else None)

    @property
    def nodes(self) -> list[Node]:
        return [self.node] if self.node else list(self.cluster.nodes.values())


Effect = Callable[..., Undo]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble."""

    name: str
    scope: str  # "node", "cluster", or "node or cluster"
    sockets: bool
    effect: Effect

    @property
    def description(self) -> str:
        return inspect.cleandoc(self.effect.__doc__ or "")

    @property
    def parameters(self) -> Mapping[str, object]:
        """Name → default."""
        given = list(inspect.signature(self.effect).parameters.values())[1:]
        return {each.name: each.default for each in given}

    def parameters_from(self, given: Mapping[str, object]) -> dict[str, object]:
        """Texts as the parameters' types. Raises BadTarget."""
        known = self.parameters
        values: dict[str, object] = {}
        for name, value in given.items():
            if name not in known:
                takes = ", ".join(known) or "none"
                raise BadTarget(f"{self.name} has no parameter {name!r}; it takes: {takes}.")
            kind = type(known[name])
            try:
                values[name] = kind(str(value)) if kind in (int, float, str) else value
            except ValueError as error:
                raise BadTarget(f"{self.name}: {name} must be a number, not {value!r}.") from error
        return values

    def apply(self, target: Target, parameters: Mapping[str, object]) -> Undo:
        return self.effect(target, **parameters)


@dataclass(slots=True, eq=False)
class Active:
    """A fault that is in effect."""

    id: int
    fault: Fault
    target: Target
    parameters: Mapping[str, object]
    undo: Undo


#: Every fault by name, in the order in which they are documented.
FAULTS: dict[str, Fault] = {}


def fault(name: str, *, scope: str = "node", sockets: bool = False) -> Callable[[Effect], Effect]:
    """Register a fault."""

    def register(effect: Effect) -> Effect:
        FAULTS[name] = Fault(name, scope, sockets, effect)
        return effect

    return register


def _set(things: list[Node] | list[Cluster], **values: object) -> Undo:
    before = [(thing, {name: getattr(thing, name) for name in values}) for thing in things]

    def put(thing: Node | Cluster, values: Mapping[str, object]) -> None:
        for name, value in values.items():
            setattr(thing, name, value)

    for thing in things:
        put(thing, values)

    def undo() -> None:
        for thing, old in before:
            put(thing, old)

    return undo


@fault("node-down", sockets=True)
def _node_down(target: Target, how: str = "refused") -> Undo:
    """The node is dead. how=refused: its address refuses connections; how=silent: as after a power cut,
    connecting hangs and open connections fall silent. The cluster notices after some seconds; its guests
    turn "unknown" after five minutes."""
    if how not in ("refused", "silent"):
        raise BadTarget(f"node-down: how must be refused or silent, not {how!r}.")
    return _set(target.nodes, down_since=target.cluster.clock.now(), down_silently=how == "silent")


@fault("power-cut", sockets=True)
def _power_cut(target: Target, how: str = "silent") -> Undo:
    """As node-down, and everything on the node is lost: its tasks end without a last line, locks and
    half-made disks stay. Ended, the node boots: its containers are stopped, those that start with it come up
    again."""
    if how not in ("refused", "silent"):
        raise BadTarget(f"power-cut: how must be refused or silent, not {how!r}.")
    for node in target.nodes:
        power_cut(node, silently=how == "silent")

    def undo() -> None:
        for node in target.nodes:
            boot(node)

    return undo


@fault("daemon-down", sockets=True)
def _daemon_down(target: Target) -> Undo:
    """pveproxy does not listen: connections are refused, though the cluster says the node is online."""
    return _set(target.nodes, proxy_down=True)


@fault("backend-down")
def _backend_down(target: Target) -> Undo:
    """pvedaemon is down: protected calls, signing in included, answer 595; other reads work."""
    return _set(target.nodes, backend_down=True)


@fault("black-hole", sockets=True)
def _black_hole(target: Target) -> Undo:
    """The node accepts connections and requests and never answers."""
    return _set(target.nodes, hung=True)


@fault("slow", scope="node or cluster")
def _slow(target: Target, seconds: float = 5.0) -> Undo:
    """Every answer comes `seconds` late."""
    return _set(target.nodes, slowness=seconds)


@fault("certificate-replaced", sockets=True)
def _certificate_replaced(target: Target, by: str = "stranger") -> Undo:
    """Port 8006 shows a certificate that is not the node's, as a man in the middle would.
    by=stranger: self-signed CA with names that fit; by=impostor: of a CA that looks like the cluster's."""
    if by == "stranger":
        authority = Authority.stranger()
    elif by == "impostor":
        authority = Authority.create(target.cluster.uuid)
    else:
        raise BadTarget(f"certificate-replaced: by must be stranger or impostor, not {by!r}.")
    undos = [_set([n], presented=authority.leaf(n.fqdn, n.names())) for n in target.nodes]

    def undo_all() -> None:
        for undo in undos:
            undo()

    return undo_all


@fault("certificate-renewed", sockets=True)
def _certificate_renewed(target: Target) -> Undo:
    """The node gets a new pve-ssl.pem of the same CA; its fingerprint changes, the CA does not."""
    node = target.nodes[0]
    before, custom = node.leaf, node.custom
    node.install(None, custom)
    return lambda: node.install(before, custom)


@fault("certificate-custom", sockets=True)
def _certificate_custom(target: Target) -> Undo:
    """An administrator uploads a certificate of another CA (pveproxy-ssl.pem); the cluster reports it."""
    node = target.nodes[0]
    before, custom = node.leaf, node.custom
    node.install(before, Authority.stranger().leaf(node.fqdn, [node.fqdn, node.address]))
    return lambda: node.install(before, custom)


@fault("ca-replaced", scope="cluster", sockets=True)
def _ca_replaced(target: Target) -> Undo:
    """The cluster's CA and all nodes' certificates are made anew."""
    cluster = target.cluster
    authority = cluster.authority
    before = [(node, node.leaf, node.custom) for node in cluster.nodes.values()]
    cluster.authority = Authority.create(cluster.uuid, key_usage=cluster.scene.ca_key_usage)
    for node, _, custom in before:
        node.install(None, custom)

    def undo() -> None:
        cluster.authority = authority
        for node, leaf, custom in before:
            node.install(leaf, custom)

    return undo


@fault("password-changed", scope="cluster")
def _password_changed(target: Target, user: str = "root@pam", password: str = "changed-meanwhile") -> Undo:  # noqa: S107
    """The user's password is another one now; tickets and tokens stay valid."""
    users = target.cluster.identity.users
    if user not in users:
        raise BadTarget(f"cluster {target.cluster.name!r} has no user {user!r}.")
    before = users[user].password
    users[user].password = password

    def undo() -> None:
        users[user].password = before

    return undo


@fault("token-deleted", scope="cluster")
def _token_deleted(target: Target, token: str = "full") -> Undo:  # noqa: S107
    """An API token is gone, by label or full id; every call with it is 401."""
    cluster = target.cluster
    authid = cluster.labels.get(token, token)
    user, _, tokenid = authid.partition("!")
    if cluster.identity.token(authid) is None:
        raise BadTarget(
            f"cluster {cluster.name!r} has no token {token!r}: it has {', '.join(cluster.labels)}."
        )
    tokens = cluster.identity.users[user].tokens
    before = tokens.pop(tokenid)
    cluster.identity.changed()

    def undo() -> None:
        tokens[tokenid] = before
        cluster.identity.changed()

    return undo


@fault("token-stripped", scope="cluster")
def _token_stripped(target: Target, token: str = "auditor") -> Undo:  # noqa: S107
    """A token becomes privilege-separated without rights of its own: lists are empty, objects are 403."""
    cluster = target.cluster
    found = cluster.identity.token(cluster.labels.get(token, token))
    if found is None:
        raise BadTarget(
            f"cluster {cluster.name!r} has no token {token!r}: it has {', '.join(cluster.labels)}."
        )
    before = found.privsep
    found.privsep = True
    cluster.identity.changed()

    def undo() -> None:
        found.privsep = before
        cluster.identity.changed()

    return undo


@fault("user-disabled", scope="cluster")
def _user_disabled(target: Target, user: str = "watch@pve") -> Undo:
    """The user is disabled: he and his tokens are refused."""
    return _set_user(target, user, enable=False)


@fault("tfa-demanded", scope="cluster")
def _tfa_demanded(target: Target, user: str = "root@pam") -> Undo:
    """The user has set up a second factor: the password alone gets no usable ticket."""
    return _set_user(target, user, totp=True)


def _set_user(target: Target, user: str, **values: bool) -> Undo:
    users = target.cluster.identity.users
    if user not in users:
        raise BadTarget(f"cluster {target.cluster.name!r} has no user {user!r}.")
    found = users[user]
    before = {name: getattr(found, name) for name in values}
    for name, value in values.items():
        setattr(found, name, value)

    def undo() -> None:
        for name, value in before.items():
            setattr(found, name, value)

    return undo


@fault("node-added", scope="cluster", sockets=True)
def _node_added(target: Target, called: str = "added", cores: int = 8, memory: float = 62.6) -> Undo:
    """A node joins the cluster, at the address after the last one's."""
    cluster = target.cluster
    if called in cluster.nodes:
        raise BadTarget(f"cluster {cluster.name!r} has a node {called!r} already.")
    last = list(cluster.nodes.values())[-1]
    node = Node(NodeScene(name=called, cores=cores, memory=memory), cluster, last.number + 1)
    node.address, node.port = _beyond(last.address, 1), last.port
    cluster.nodes[called] = node

    def undo() -> None:
        cluster.nodes.pop(called, None)

    return undo


@fault("node-removed", sockets=True)
def _node_removed(target: Target) -> Undo:
    """The node has left the cluster and is switched off; its guests are gone with it."""
    cluster = target.cluster
    node = target.nodes[0]
    del cluster.nodes[node.name]
    for vmid in node.guests:
        cluster.guests.pop(vmid, None)

    def undo() -> None:
        nodes = [*cluster.nodes.values(), node]
        cluster.nodes = {each.name: each for each in sorted(nodes, key=lambda each: each.number)}
        cluster.guests |= node.guests

    return undo


@fault("address-changed", sockets=True)
def _address_changed(target: Target, address: str = "") -> Undo:
    """The node has another address, with a certificate for it; by default a hundred further on."""
    node = target.nodes[0]
    old, leaf, custom = node.address, node.leaf, node.custom
    node.address = address or _beyond(old, 100)
    node.install(None, custom)

    def undo() -> None:
        node.address = old
        node.install(leaf, custom)

    return undo


def _beyond(address: str, steps: int) -> str:
    return str(ipaddress.ip_address(address) + steps)


@fault("quorum-lost", scope="cluster")
def _quorum_lost(target: Target) -> Undo:
    """The cluster is not quorate: reads work, writes do not."""
    return _set([target.cluster], no_quorum=True)
