"""Nodes, daemons and the way to them."""

from __future__ import annotations

from pvesim.faults.registry import BadTarget, Target, Undo, fault, put
from pvesim.nodelife import boot, power_cut


@fault("node-down", sockets=True)
def _node_down(target: Target, how: str = "refused") -> Undo:
    """The node is dead. how=refused: its address refuses connections; how=silent: as after a power cut,
    connecting hangs and open connections fall silent. The cluster notices after some seconds; its guests
    turn "unknown" after five minutes."""
    if how not in ("refused", "silent"):
        raise BadTarget(f"node-down: how must be refused or silent, not {how!r}.")
    return put(target.nodes, down_since=target.cluster.clock.now(), down_silently=how == "silent")


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
    return put(target.nodes, proxy_down=True)


@fault("backend-down")
def _backend_down(target: Target) -> Undo:
    """pvedaemon is down: protected calls, signing in included, answer 595; other reads work."""
    return put(target.nodes, backend_down=True)


@fault("black-hole", sockets=True)
def _black_hole(target: Target) -> Undo:
    """The node accepts connections and requests and never answers."""
    return put(target.nodes, hung=True)


@fault("slow", scope="node or cluster")
def _slow(target: Target, seconds: float = 5.0) -> Undo:
    """Every answer comes `seconds` late."""
    return put(target.nodes, slowness=seconds)
