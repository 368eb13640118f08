"""Nodes and network.

Nodes that are dead, deaf or slow.
"""

from __future__ import annotations

import ipaddress

from pvesim.certificates import Authority
from pvesim.faults.registry import BadTarget, Target, all_of, fault, one_of
from pvesim.layers import Undo
from pvesim.meddling import Foreign, Late, Silent, meddle
from pvesim.nodelife import boot, power_cut
from pvesim.strangers import backup_server, web_page
from pvesim.trouble import Selector


@fault("node-down", sockets=True)
def _node_down(target: Target, how: str = "refused") -> Undo:
    """The node is dead. how=refused: its address refuses connections; how=silent: as after a power cut,
    connecting hangs and open connections fall silent. The cluster notices after some seconds; its guests
    turn "unknown" after five minutes."""
    one_of("node-down", "how", how, "refused", "silent")
    return target.put(target.nodes, down_since=target.cluster.clock.now(), down_silently=how == "silent")


@fault("power-cut", sockets=True, reversible=False)
def _power_cut(target: Target, how: str = "silent") -> Undo:
    """As node-down, and everything on the node is lost: its tasks end without a last line, locks and
    half-made disks stay. Ended, the node boots: its containers are stopped, those that start with it come up
    again."""
    one_of("power-cut", "how", how, "refused", "silent")
    now = target.cluster.clock.now()
    undo_down = target.put(target.nodes, down_since=now, down_silently=how == "silent")
    for node in target.nodes:
        power_cut(node, silently=how == "silent")
        node.down_since = now
    nodes = target.nodes

    def undo() -> None:
        undo_down()
        for node in nodes:
            if not node.down:
                boot(node)

    return undo


@fault("daemon-down", sockets=True)
def _daemon_down(target: Target) -> Undo:
    """pveproxy does not listen: connections are refused, though the cluster says the node is online."""
    return target.put(target.nodes, proxy_down=True)


@fault("backend-down")
def _backend_down(target: Target) -> Undo:
    """pvedaemon is down: protected calls, signing in included, answer 595; other reads work."""
    return target.put(target.nodes, backend_down=True)


@fault("black-hole", sockets=True, selects="answers")
def _black_hole(target: Target, selector: Selector) -> Undo:
    """The node accepts connections and requests and never answers, or never answers those selected."""
    if not selector.everything:
        return meddle(target.nodes, Silent(selector))
    return target.put(target.nodes, hung=True)


@fault("slow", scope="node or cluster", selects="answers")
def _slow(target: Target, selector: Selector, seconds: float = 5.0) -> Undo:
    """Every answer, or those selected, comes `seconds` late."""
    if seconds < 0:
        raise BadTarget("slow: seconds must not be negative.")
    if not selector.everything:
        return meddle(target.nodes, Late(selector, seconds))
    return target.put(target.nodes, slowness=seconds)


@fault("backlog-full", sockets=True)
def _backlog_full(target: Target) -> Undo:
    """All workers are busy and the accept queue is full: connecting hangs, connections that are open go on, as
    when pveproxy has 500 connections per worker."""
    return target.put([node.trouble for node in target.nodes], full_backlog=True)


@fault("address-changed", sockets=True)
def _address_changed(target: Target, address: str = "") -> Undo:
    """The node has another address, with a certificate for it; by default a hundred further on."""
    node = target.nodes[0]
    try:
        moved = str(ipaddress.ip_address(address)) if address else beyond(node.address, 100)
    except ValueError as error:
        raise BadTarget(f"address-changed: {address!r} is no IP address.") from error
    if not moved.startswith("127."):
        raise BadTarget(f"address-changed: {moved} is no loopback address: use 127.x.")
    if moved in {other.address for other in target.cluster.nodes.values() if other is not node}:
        raise BadTarget(f"address-changed: another node of {target.cluster.name!r} has {moved}.")
    return target.put([node], address=moved)


@fault("clock-skew", scope="node or cluster")
def _clock_skew(target: Target, seconds: float = 600.0) -> Undo:
    """The node's clock is ahead by `seconds` (behind where negative): its tickets, the Date header,
    /nodes/N/time, the times of its tasks, what has expired. More than 300 s ahead, the other nodes refuse
    its tickets."""
    return target.put([node.trouble for node in target.nodes], skew=seconds)


@fault("wrong-product", sockets=True)
def _wrong_product(target: Target, product: str = "web") -> Undo:
    """Something else listens on the node's port, with a certificate of its own. product=web: a web server;
    product=backup: a Proxmox Backup Server."""
    one_of("wrong-product", "product", product, "web", "backup")
    leaf = Authority.stranger().leaf("www.example.org", ["www.example.org", target.nodes[0].address])
    meddler = Foreign(web_page if product == "web" else backup_server)
    return all_of([target.put(target.nodes, presented=leaf), meddle(target.nodes, meddler)])


def beyond(address: str, steps: int) -> str:
    """The address some steps further on."""
    return str(ipaddress.ip_address(address) + steps)
