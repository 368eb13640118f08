"""The HA stack at work: a manager that decides, nodes that carry out. A turn is taken on the agenda
whenever something has changed, and again as long as something is on its way.

Sources: ha-manager `HA/Manager.pm`, `HA/LRM.pm`, `HA/Resources/PVECT.pm`; pve-container `API2/LXC.pm`.
"""

from __future__ import annotations

from collections.abc import Callable

from pvesim.guest import Guest
from pvesim.guestconfig import edit, set_lock
from pvesim.highavail import FENCED_AFTER, KINDS, RECOVERED_AFTER, Resource
from pvesim.model import Cluster, Node
from pvesim.tasks import Task, Work
from pvesim.works import migrating, power
from pvesim.works.locking import holding
from pvesim.works.placement import chosen, motion, usable

SOON = 3.0  # until the manager looks
PERIOD = 5.0  # between two turns while something is on its way
_LOCKS = frozenset(("backup", "mounted", "migrate", "snapshot", "rollback"))


def wake(cluster: Cluster, after: float = SOON) -> None:
    """The manager is to look, soon."""
    ha = cluster.ha
    if not ha.resources or ha.entry is not None:
        return
    when = cluster.clock.now() + after / cluster.settings.speed
    ha.entry = cluster.agenda.at(when, lambda now: _turn(cluster, now))


def manage(cluster: Cluster, resource: Resource) -> None:
    """From now on the guest is looked after."""
    if not cluster.ha.resources:
        watch(cluster)
    cluster.ha.resources[resource.sid] = resource
    cluster.guests[resource.vmid].touch()
    wake(cluster)


def watch(cluster: Cluster) -> None:
    """Notice what happens to managed guests."""
    cluster.watchers.append(lambda guest: _noticed(cluster, guest))


def _noticed(cluster: Cluster, guest: Guest | None) -> None:
    if guest is None or cluster.ha.of(guest.vmid) is not None:
        wake(cluster)


def node_state(cluster: Cluster, node: Node) -> str:
    """As the manager has it: online, maintenance, unknown, fence."""
    now = cluster.clock.now()
    if node.name in cluster.ha.maintenance:
        return "maintenance"
    if node.online(now):
        return "online"
    dead = _dead_for(node, now)
    services = any(each.node == node.name and each.state == "fence" for each in cluster.ha.resources.values())
    return "fence" if dead >= FENCED_AFTER and services else "unknown"


def _dead_for(node: Node, now: float) -> float:
    return (now - node.down_since) * node.cluster.settings.speed if node.down_since is not None else 0.0


def _turn(cluster: Cluster, now: float) -> None:
    ha = cluster.ha
    ha.entry = None
    if not cluster.quorate:
        wake(cluster, 4 * PERIOD)
        return
    if not ha.master or not cluster.nodes[ha.master].online(now):
        ha.master = next(name for name, node in cluster.nodes.items() if node.online(now))
    ha.seen = now
    going = False
    for resource in list(ha.resources.values()):
        guest = cluster.guests.get(resource.vmid)
        if guest is None or guest.kind != KINDS[resource.type]:
            continue
        before = resource.state
        going |= _step(cluster, resource, guest, now) or _in_danger(cluster, resource)
        if resource.state != before:
            guest.touch()
    if going:
        wake(cluster, PERIOD)


def _in_danger(cluster: Cluster, resource: Resource) -> bool:
    """Whether its node has died, though nobody may have noticed yet."""
    node = cluster.nodes.get(resource.node)
    return node is not None and node.down and resource.wanted not in ("ignored", "disabled")


def _step(cluster: Cluster, resource: Resource, guest: Guest, now: float) -> bool:
    """Take a guest one step further; whether it is still on its way."""
    wanted = resource.wanted
    if wanted == "ignored" or cluster.ha.disarmed:
        resource.state = "freeze" if cluster.ha.disarmed == "freeze" and wanted != "ignored" else ""
        return False
    if resource.state in ("", "freeze"):
        resource.node = guest.node.name
        resource.state = "request_start" if wanted == "started" else "request_stop"
        return True
    if resource.work is not None and resource.work.running and not guest.node.down:
        return True
    node = cluster.nodes.get(resource.node)
    if node is None or not node.online(now):
        return _of_dead_node(cluster, resource, guest, _dead_for(node, now) if node else RECOVERED_AFTER)
    if resource.state in ("fence", "recovery"):  # it came back in time
        resource.state = "request_start" if wanted == "started" else "request_stop"
        return True
    if guest.node is not node and not resource.target:  # somebody has moved it by hand
        resource.node = guest.node.name
    steps = {
        "request_start": _request_start, "started": _started, "request_stop": _request_stop,
        "stopped": _stopped, "migrate": _move, "relocate": _move, "error": _error,
    }  # fmt: skip
    return steps[resource.state](cluster, resource, guest)


def _of_dead_node(cluster: Cluster, resource: Resource, guest: Guest, dead: float) -> bool:
    if resource.wanted == "disabled" and resource.state == "stopped":
        return False
    if dead < FENCED_AFTER:
        return True
    if dead < RECOVERED_AFTER:
        resource.state = "fence"
        return True
    resource.state = "recovery"
    target = chosen(cluster, resource, without=(resource.node,))
    if target is None:
        return True
    edit(guest)  # its local volumes stay where they are
    if guest.lock in _LOCKS:
        set_lock(guest, "")
    cluster.move(guest.vmid, target)
    guest.status = "stopped"
    guest.busy = None
    guest.touch()
    resource.node, resource.target, resource.running, resource.work = target, "", False, None
    resource.failures = 0
    resource.state = "request_start" if resource.wanted == "started" else "request_stop"
    return True


def _request_start(cluster: Cluster, resource: Resource, guest: Guest) -> bool:
    resource.state, resource.running = "started", guest.running
    return True


def _started(cluster: Cluster, resource: Resource, guest: Guest) -> bool:
    if resource.wanted != "started":
        resource.state = "request_stop"
        return True
    if resource.command is not None:
        return _commanded(cluster, resource, guest)
    if resource.failures > resource.number("max_restart"):
        return _failed(cluster, resource)
    target = chosen(cluster, resource)
    if target is not None and target != resource.node:
        resource.home = resource.node if resource.node in cluster.ha.maintenance else ""
        _go(resource, "relocate" if resource.type == "ct" else "migrate", target)
        return True
    if guest.running:
        resource.running, resource.failures = True, 0
        resource.failed_nodes.clear()
        return False
    resource.running = False
    node = guest.node

    def ended(task: Task) -> None:
        resource.failures = 0 if task.status == "OK" else resource.failures + 1

    _do(resource, guest, "start", lambda task: power.start(task, node, guest.vmid), ended)
    return True


def _failed(cluster: Cluster, resource: Resource) -> bool:
    """It does not start here: elsewhere, or not at all."""
    resource.failures = 0
    resource.failed_nodes.append(resource.node)
    if len(resource.failed_nodes) > resource.number("max_relocate"):
        resource.state = "error"
        return False
    target = chosen(cluster, resource, without=resource.failed_nodes)
    if target is not None:
        _go(resource, "relocate", target)
    return True


def _commanded(cluster: Cluster, resource: Resource, guest: Guest) -> bool:
    assert resource.command is not None
    verb, target = resource.command
    resource.command = None
    _, blocking = motion(cluster, resource.sid)
    resource.home = ""
    if target != resource.node and usable(cluster, target) and target not in blocking:
        _go(resource, verb, target)
        for other in motion(cluster, resource.sid)[0]:
            along = cluster.ha.resources[other]
            if along.command is None and along.node not in ("", target) and along.state == "started":
                along.command = (verb, target)
    return True


def _request_stop(cluster: Cluster, resource: Resource, guest: Guest) -> bool:
    if not guest.active:
        resource.state, resource.running, resource.timeout = "stopped", False, 60
        return resource.wanted == "started" or resource.command is not None
    timeout = resource.timeout
    if timeout:
        _do(
            resource, guest, "shutdown", lambda task: power.shutdown(task, guest, timeout=timeout, force=True)
        )
    else:
        _do(resource, guest, "stop", lambda task: power.stop(task, guest))
    return True


def _stopped(cluster: Cluster, resource: Resource, guest: Guest) -> bool:
    if resource.command is not None:
        return _commanded(cluster, resource, guest)
    if resource.wanted == "started":
        resource.state = "request_start"
        return True
    if guest.running and resource.wanted == "stopped":
        resource.state = "request_stop"
        return True
    return False


def _move(cluster: Cluster, resource: Resource, guest: Guest) -> bool:
    """Down, over, and up again; containers cannot be moved while they run."""
    done = resource.work
    if done is None and guest.running:
        _do(resource, guest, "shutdown", lambda task: power.shutdown(task, guest, timeout=60))
        return True
    if done is None or (done.type.endswith("shutdown") and not guest.running):
        target = cluster.nodes[resource.target]
        resource.work = guest.node.tasks.start(
            "vzmigrate" if guest.kind == "lxc" else "qmigrate",
            str(guest.vmid),
            "root@pam",
            lambda task: migrating.migrate(task, guest, target, migrating.Options()),
            lambda: wake(cluster, 1.0),
        )
        return True
    resource.node, resource.target, resource.work = guest.node.name, "", None
    resource.state = "started" if resource.wanted == "started" else "request_stop"
    return True


def _go(resource: Resource, state: str, target: str) -> None:
    resource.state, resource.target, resource.work = state, target, None


def _error(cluster: Cluster, resource: Resource, guest: Guest) -> bool:
    if resource.wanted == "disabled":
        resource.failed_nodes.clear()
        resource.state = "stopped"
    return False


def _do(
    resource: Resource,
    guest: Guest,
    verb: str,
    work: Callable[[Task], Work],
    ended: Callable[[Task], None] = lambda task: None,
) -> None:
    """What the node does with the guest is a task of root@pam."""
    cluster, kind = guest.node.cluster, "vz" if guest.kind == "lxc" else "qm"

    def then() -> None:
        if resource.work is not None:
            ended(resource.work)
        wake(cluster, 1.0)

    resource.work = guest.node.tasks.start(
        f"{kind}{verb}", str(guest.vmid), "root@pam", lambda task: holding(task, guest, work(task)), then
    )
