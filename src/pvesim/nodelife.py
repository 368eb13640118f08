"""A node dies and comes back: what that does to work going on and to its guests.

As the recordings' EXPERIMENTS (section kill-create, boot) have it: tasks freeze and are lost, locks and
half-made disks stay, containers are stopped after a reboot, nothing is known of it until pvestatd has gone
round.
"""

from __future__ import annotations

from pvesim.model import Node
from pvesim.works.bulk import start_with_node
from pvesim.works.hastack import wake


def power_cut(node: Node, *, silently: bool = False) -> None:
    """The node is off from now on."""
    node.down_since = node.cluster.clock.now()
    node.down_silently = silently
    node.tasks.power_cut()
    for guest in node.guests.values():
        guest.busy = None
    wake(node.cluster)
    _tell(node)


def boot(node: Node) -> None:
    """The node is up again. Its guests are stopped; those that start with it are being started."""
    now = node.cluster.clock.now()
    node.down_since, node.down_silently = None, False
    node.booted = now
    node.sample = None
    if lag := node.cluster.settings.lag:
        node.silent_until = now + lag * node.cluster.chance.uniform(1.0, 1.5)
    node.tasks.booted(now)
    for guest in node.guests.values():
        if guest.active:
            guest.status = "stopped"
            guest.touch()
    node.changed()
    start_with_node(node)
    wake(node.cluster)
    _tell(node)


def _tell(node: Node) -> None:
    """Whoever has opened its port is to follow."""
    for told in node.cluster.on_power:
        told(node)


def maintenance(node: Node, *, on: bool) -> None:
    """`ha-manager crm-command node-maintenance enable|disable`: managed guests leave the node, and those
    that fail back come back afterwards. There is no call for it."""
    ha = node.cluster.ha
    if on:
        ha.maintenance.add(node.name)
    else:
        ha.maintenance.discard(node.name)
    wake(node.cluster)
