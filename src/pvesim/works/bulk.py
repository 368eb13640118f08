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
_LAST = 1 << 30  # of those without an order

Start = Callable[[Guest], Task | None]


@dataclass(frozen=True, slots=True)
class Bulk:
    """What is done with each: `verb` as the log has it, `start` gives the task, or None where there is
    nothing to do."""

    verb: str
    start: Start
    workers: int = 1
    backwards: bool = False
    summary: str = ""  # the failure's text where any failed; else they are only logged
    warns: bool = False  # failures count as warnings


def run(task: Task, guests: Iterable[Guest], bulk: Bulk) -> Work:
    """Go through the guests; the task ends when all of theirs have."""
    going: list[tuple[Guest, Task]] = []
    failed: list[int] = []
    key = _order if not bulk.backwards else lambda guest: tuple(-n for n in _order(guest))
    try:
        for guest in sorted(guests, key=key):
            while len(going) >= bulk.workers:
                yield _POLL
                _ended(task, bulk, going, failed)
            started = bulk.start(guest)
            if started is not None:
                going.append((guest, started))
        while going:
            yield _POLL
            _ended(task, bulk, going, failed)
    except Interrupted:
        raise TaskFailed("received interrupt") from None
    if failed and bulk.summary:
        raise TaskFailed(f"{bulk.summary}: {', '.join(map(str, failed))}")


def _ended(task: Task, bulk: Bulk, going: list[tuple[Guest, Task]], failed: list[int]) -> None:
    for guest, each in list(going):
        if each.running:
            continue
        going.remove((guest, each))
        if each.status != "OK" and not each.status.startswith("WARNINGS"):
            failed.append(guest.vmid)
            text = f"{bulk.verb} {_LABEL[guest.kind]} {guest.vmid} failed: {each.status}"
            if bulk.warns:
                task.warn(text)
            else:
                task.say(text)


def _order(guest: Guest) -> tuple[int, int]:
    found = re.search(r"(?:^|,)(?:order=)?(\d+)(?:,|$)", str(plain(guest).get("startup", "")))
    return (int(found[1]) if found else _LAST, guest.vmid)


def each(guest: Guest, verb: str, owner: str, work: Callable[[Task], Work]) -> Task:
    """The guest's own task."""
    kind = "vz" if guest.kind == "lxc" else "qm"
    return guest.node.tasks.start(
        f"{kind}{verb}", str(guest.vmid), owner, lambda task: holding(task, guest, work(task))
    )


def starting(task: Task, owner: str) -> Start:
    def start(guest: Guest) -> Task | None:
        label = f"{_LABEL[guest.kind]} {guest.vmid}"
        if guest.running:
            task.say(f"Skipping {label}, already running")
            return None
        task.say(f"Starting {label}")
        node = guest.node
        return each(guest, "start", owner, lambda own: power.start(own, node, guest.vmid))

    return start


def stopping(task: Task, owner: str, timeout: int, *, force: bool, verb: str = "Stopping") -> Start:
    def start(guest: Guest) -> Task | None:
        if not guest.running:
            return None
        task.say(f"{verb} {_LABEL[guest.kind]} {guest.vmid} (timeout = {timeout} seconds)")
        return each(
            guest, "shutdown", owner, lambda own: power.shutdown(own, guest, timeout=timeout, force=force)
        )

    return start


def suspending(task: Task, owner: str) -> Start:
    """Only virtual machines can be suspended."""

    def start(guest: Guest) -> Task | None:
        label = f"{_LABEL[guest.kind]} {guest.vmid}"
        if guest.kind == "lxc":
            task.say(f"Skipping {label}, only VMs can be suspended")
            return None
        if not guest.running:
            return None
        task.say(f"Suspending {label}")
        return each(guest, "suspend", owner, lambda own: power.suspend(own, guest))

    return start


def moving(task: Task, owner: str, target: Node, move: Callable[[Guest], Task] | None = None) -> Start:
    """Running containers are restarted on the other node."""

    def start(guest: Guest) -> Task | None:
        if guest.node is target:
            return None
        task.say(f"Migrating {_LABEL[guest.kind]} {guest.vmid}")
        if move is not None and guest.node.cluster.ha_managed(guest):
            return move(guest)
        options = migrating.Options(restart=guest.running)
        kind = "vzmigrate" if guest.kind == "lxc" else "qmigrate"
        return guest.node.tasks.start(
            kind, str(guest.vmid), owner, lambda own: migrating.migrate(own, guest, target, options)
        )

    return start


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
