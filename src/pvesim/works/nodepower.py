"""A node is asked to reboot or to switch itself off; it can be woken again.

As pve-manager's `API2/Nodes.pm` (node_cmd) does: two seconds, then systemd stops everything, guests first
(the task `stopall`, as the boot's `startall`).
"""

from __future__ import annotations

from functools import partial

from pvesim.model import Node
from pvesim.nodelife import boot, power_cut
from pvesim.tasks import Task, Work
from pvesim.works import bulk
from pvesim.works.bulk import Bulk

_BEFORE = 2.0
_OFF_AFTER = 4.0  # once no guest runs any more
_BOOTING = 50.0
_GUEST_TIMEOUT = 180
_AT_ONCE = 4


def go_down(node: Node, *, reboot: bool) -> None:
    """Begin to. The node answers until all its guests have ended."""
    _after(node, _BEFORE, partial(_stop_guests, node, reboot))


def wake(node: Node) -> None:
    """A node that is off boots, as by wake-on-LAN; one that runs does not mind."""
    if node.down and not node.host.returning:
        node.host.returning = True
        _after(node, _BOOTING, partial(_up, node))
        _told(node)


def _after(node: Node, seconds: float, action: partial[None]) -> None:
    cluster = node.cluster
    now = cluster.clock.now()
    cluster.agenda.at(now + seconds / cluster.settings.speed, lambda due: action())


def _stop_guests(node: Node, reboot: bool) -> None:
    guests = bulk.chosen(node.guests.values(), managed=False)

    def work(task: Task) -> Work:
        stop = bulk.stopping(task, "root@pam", _GUEST_TIMEOUT, force=True)
        yield from bulk.run(task, guests, Bulk("Stopping", stop, _AT_ONCE, backwards=True))

    then = partial(_after, node, _OFF_AFTER, partial(_off, node, reboot))
    node.tasks.start("stopall", "", "root@pam", work, then)


def _off(node: Node, reboot: bool) -> None:
    if node.down:
        return
    power_cut(node)
    if reboot:
        node.host.returning = True
        _after(node, _BOOTING, partial(_up, node))
    _told(node)


def _up(node: Node) -> None:
    node.host.returning = False
    if node.down:
        boot(node)
    _told(node)


def _told(node: Node) -> None:
    for listener in node.cluster.on_power:
        listener(node)
