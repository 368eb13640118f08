"""Many guests at once: `startall`, `stopall`, `suspendall`, `migrateall`, `bulk-…`.

Sources: pve-manager `API2/Nodes.pm`, `API2/Cluster/BulkAction/Guest.pm`. Each guest gets a task of its own,
in the order of `startup`, so many at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pvesim.guest import Guest
from pvesim.guestconfig import plain
from pvesim.model import Cluster, Node
from pvesim.tasks import Interrupted, Task, TaskFailed, Work
from pvesim.works import migrating, power
from pvesim.works.locking import holding

_LABEL = {"lxc": "CT", "qemu": "VM"}
_POLL = 1.0
_NO_ROUTE_AFTER = 3.0  # until a call to a dead node fails
_LAST = 1 << 30  # of those without an order

Start = Callable[[Guest], Task | None]


class NotBegun(Exception):
    """The call to a guest's node is refused, and why."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """What is done with each: `verb` as the log has it, `start` gives the task, or None where there is
    nothing to do."""

    verb: str
    start: Start
    workers: int = 1
    backwards: bool = False
    summary: str = ""  # the failure's text where any failed; else they are only logged
    everywhere: bool = False  # each by a call to its node: failures count as warnings, of dead nodes too
    together: bool = False  # `startup` says nothing


def run(task: Task, guests: Iterable[Guest], bulk: Bulk) -> Work:
    """Go through the guests, one order of `startup` after the other; the task ends when all of theirs have."""
    going: list[tuple[Guest, Task]] = []
    failed: list[int] = []
    orders: dict[int, list[Guest]] = {}
    for guest in guests:
        orders.setdefault(0 if bulk.together else _order(guest), []).append(guest)
    try:
        for order in sorted(orders, reverse=bulk.backwards):
            upwards = bulk.everywhere or not bulk.backwards
            for guest in sorted(orders[order], key=lambda guest: guest.vmid, reverse=not upwards):
                while len(going) >= bulk.workers:
                    yield _POLL
                    _ended(task, bulk, going, failed)
                if guest.node.down:
                    yield _NO_ROUTE_AFTER
                _begin(task, bulk, guest, going, failed)
            while going:
                yield _POLL
                _ended(task, bulk, going, failed)
    except Interrupted:
        raise TaskFailed("received interrupt") from None
    if failed and bulk.summary:
        raise TaskFailed(f"{bulk.summary} {', '.join(map(str, failed))}")


def _begin(task: Task, bulk: Bulk, guest: Guest, going: list[tuple[Guest, Task]], failed: list[int]) -> None:
    try:
        started = bulk.start(guest)
    except NotBegun as refusal:
        task.warn(str(refusal))
        failed.append(guest.vmid)
    else:
        if started is not None:
            going.append((guest, started))


def _ended(task: Task, bulk: Bulk, going: list[tuple[Guest, Task]], failed: list[int]) -> None:
    for guest, each in list(going):
        node = guest.node.cluster.nodes.get(each.node)
        lost = each.running and bulk.everywhere and (node is None or node.down)
        if each.running and not lost:
            continue
        going.remove((guest, each))
        if lost or (each.status != "OK" and not each.status.startswith("WARNINGS")):
            failed.append(guest.vmid)
            why = "could not query task status" if lost else each.status
            text = f"{bulk.verb} {_LABEL[guest.kind]} {guest.vmid} failed: {why}"
            if bulk.everywhere:
                task.warn(text)
            else:
                task.say(text)


def _order(guest: Guest) -> int:
    found = re.search(r"(?:^|,)(?:order=)?(\d+)(?:,|$)", str(plain(guest).get("startup", "")))
    return int(found[1]) if found else _LAST


def each(guest: Guest, verb: str, owner: str, work: Callable[[Task], Work]) -> Task:
    """The guest's own task. Raises NotBegun where its node is dead."""
    _reachable(guest)
    kind = "vz" if guest.kind == "lxc" else "qm"
    return guest.node.tasks.start(
        f"{kind}{verb}", str(guest.vmid), owner, lambda task: holding(task, guest, work(task))
    )


def _reachable(guest: Guest) -> None:
    if guest.node.down:
        raise NotBegun("595 No route to host")


def _skip(task: Task, text: str, *, everywhere: bool) -> None:
    if everywhere:
        task.warn(text)
    else:
        task.say(text.removesuffix("."))


def starting(task: Task, owner: str, *, everywhere: bool = False) -> Start:
    def start(guest: Guest) -> Task | None:
        label = f"{_LABEL[guest.kind]} {guest.vmid}"
        if guest.running and not guest.node.down:  # of a dead node nobody knows
            _skip(task, f"Skipping {label}, already running.", everywhere=everywhere)
            return None
        task.say(f"Starting {label}")
        node = guest.node
        return each(guest, "start", owner, lambda own: power.start(own, node, guest.vmid))

    return start


def stopping(task: Task, owner: str, timeout: int, *, force: bool, everywhere: bool = False) -> Start:
    def start(guest: Guest) -> Task | None:
        label = f"{_LABEL[guest.kind]} {guest.vmid}"
        if not guest.running and not guest.node.down:
            if everywhere:
                task.warn(f"Skipping {label}, not running.")
            return None
        if everywhere:
            task.say(f"Shutting down {label} (Timeout = {timeout} seconds)")
        else:
            task.say(f"Stopping {label} (timeout = {timeout} seconds)")
        return each(
            guest, "shutdown", owner, lambda own: power.shutdown(own, guest, timeout=timeout, force=force)
        )

    return start


def suspending(task: Task, owner: str, *, everywhere: bool = False) -> Start:
    """Only virtual machines can be suspended."""

    def start(guest: Guest) -> Task | None:
        label = f"{_LABEL[guest.kind]} {guest.vmid}"
        if guest.kind == "lxc":
            if everywhere:
                task.warn(f"skipping {guest.vmid}, only VMs can be suspended")
            else:
                task.say(f"Skipping {label}, only VMs can be suspended")
            return None
        if not guest.running and not guest.node.down:
            if everywhere:
                task.warn(f"Skipping {label}, not running.")
            return None
        task.say(f"Suspending {label}")
        return each(guest, "suspend", owner, lambda own: power.suspend(own, guest))

    return start


def moving(task: Task, owner: str, target: Node, queue: Callable[[Guest], Task] | None = None) -> Start:
    """Running containers are restarted on the other node; `queue` asks HA to move what it manages."""

    def start(guest: Guest) -> Task | None:
        if guest.node is target:
            return None
        task.say(f"Migrating {_LABEL[guest.kind]} {guest.vmid}")
        return _move(guest, owner, target, queue, restart=guest.running)

    return start


def moving_everywhere(
    task: Task, owner: str, target: Node, queue: Callable[[Guest], Task], *, online: bool
) -> Start:
    """As one call per guest: a running container is refused unless `online` allows to restart it."""

    def start(guest: Guest) -> Task | None:
        label = f"{_LABEL[guest.kind]} {guest.vmid}"
        if guest.node is target:
            task.warn(f"{label} already on {target.name}, skipping.")
            return None
        task.say(f"Migrating {label}")
        _reachable(guest)
        if guest.kind == "lxc" and guest.running and not online:
            raise NotBegun("can't migrate running container without --online or --restart")
        return _move(guest, owner, target, queue, restart=guest.running)

    return start


def _move(
    guest: Guest, owner: str, target: Node, queue: Callable[[Guest], Task] | None, *, restart: bool
) -> Task:
    if queue is not None and guest.node.cluster.ha_managed(guest):
        return queue(guest)
    options = migrating.Options(restart=restart)
    kind = "vzmigrate" if guest.kind == "lxc" else "qmigrate"
    return guest.node.tasks.start(
        kind, str(guest.vmid), owner, lambda own: migrating.migrate(own, guest, target, options)
    )


def on_boot(node: Node) -> list[Guest]:
    """What is to be started with the node; HA starts its own."""
    return [guest for guest in chosen(node.guests.values(), managed=False) if _starts_with_node(guest)]


def _starts_with_node(guest: Guest) -> bool:
    if guest.conf is None:
        return guest.scene.onboot or str(guest.scene.config.get("onboot", 0)) == "1"
    return str(guest.conf.get("onboot", 0)) == "1"


def chosen(
    guests: Iterable[Guest], vms: Iterable[int] = (), *, managed: bool = True, templates: bool = False
) -> list[Guest]:
    """Those of `vms`, or all."""
    wanted = set(vms)
    return [
        guest
        for guest in guests
        if (not wanted or guest.vmid in wanted)
        and (templates or not guest.template)
        and (managed or not guest.node.cluster.ha_managed(guest))
    ]


def start_with_node(node: Node) -> None:
    """The task that pve-guests runs when a node has come up; none where nothing is to be started."""
    guests = on_boot(node)
    if guests:
        node.tasks.start("startall", "", "root@pam", lambda task: boot(task, node.cluster, guests))


def boot(task: Task, cluster: Cluster, guests: list[Guest]) -> Work:
    while not cluster.quorate:
        yield _POLL
    yield from run(task, guests, Bulk("Starting", starting(task, "root@pam")))
