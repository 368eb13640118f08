"""Many guests at once: /nodes/{node}/{startall,stopall,suspendall,migrateall}, /cluster/bulk-action/guest/*.

Sources: pve-manager `API2/Nodes.pm`, `API2/Cluster/BulkAction/Guest.pm`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from pvesim.api import Call, Routes
from pvesim.errors import failed, forbidden, invalid
from pvesim.guest import Guest
from pvesim.routes.migration import known_node
from pvesim.tasks import Task, Work
from pvesim.works import bulk
from pvesim.works.bulk import Bulk
from pvesim.works.highavail import move_request


def register(routes: Routes) -> None:
    node = "/nodes/{node}"
    routes.post(f"{node}/startall")(_start_all)
    routes.post(f"{node}/stopall")(_stop_all)
    routes.post(f"{node}/suspendall")(_suspend_all)
    routes.post(f"{node}/migrateall")(_migrate_all)
    at = "/cluster/bulk-action"
    routes.get(at)(lambda call: [{"name": "guest"}])
    names = ("start", "shutdown", "migrate", "suspend")
    routes.get(f"{at}/guest")(lambda call: [{"name": name} for name in names])
    for name in names:
        routes.post(f"{at}/guest/{name}")(partial(_bulk, name))


def _vms(call: Call) -> list[int]:
    return [int(word) for word in re.split(r"[,;\0\s]+", call.params.get("vms", "")) if word]


def _allowed(call: Call, privilege: str) -> list[int]:
    """On every guest that is named, or else on /. Raises 403."""
    vms = _vms(call)
    for vmid in vms:
        call.need(f"/vms/{vmid}", privilege)
    if not vms and not call.can("/", privilege):
        raise forbidden(f"/, {privilege}")
    return vms


def _workers(call: Call, default: int = 0) -> int:
    """How many at a time. Raises 500 where nobody has said."""
    asked = call.params.get("max-workers") or call.params.get("maxworkers")
    known = int(asked or call.cluster.options.get("max_workers", 0) or default)
    if not known:
        raise failed("either 'maxworkers' parameter or max_workers in datacenter.cfg must be set!")
    return known


def _run(call: Call, kind: str, guests: list[Guest], make: Callable[[Task], Bulk]) -> str:
    def work(task: Task) -> Work:
        return bulk.run(task, guests, make(task))

    return call.node.tasks.start(kind, "", call.authid, work).upid


def _start_all(call: Call) -> object:
    vms = _allowed(call, "VM.PowerMgmt")
    call.quorum()
    guests = bulk.chosen(call.node.guests.values(), vms, managed=False)
    if not call.flag("force"):
        starting = {guest.vmid for guest in bulk.on_boot(call.node)}
        guests = [guest for guest in guests if guest.vmid in starting]
    workers = _workers(call, 1)
    return _run(
        call, "startall", guests, lambda task: Bulk("Starting", bulk.starting(task, call.authid), workers)
    )


def _stop_all(call: Call) -> object:
    vms = _allowed(call, "VM.PowerMgmt")
    guests = bulk.chosen(call.node.guests.values(), vms, managed=False)
    timeout, force = call.number("timeout", 180), call.params.get("force-stop", "1") == "1"
    workers = _workers(call, 4)
    return _run(
        call,
        "stopall",
        guests,
        lambda task: Bulk(
            "Stopping", bulk.stopping(task, call.authid, timeout, force=force), workers, backwards=True
        ),
    )


def _suspend_all(call: Call) -> object:
    vms = _allowed(call, "VM.PowerMgmt")
    guests = bulk.chosen(call.node.guests.values(), vms, managed=False)
    workers = _workers(call, 4)
    return _run(
        call,
        "suspendall",
        guests,
        lambda task: Bulk("Suspending", bulk.suspending(task, call.authid), workers, backwards=True),
    )


def _migrate_all(call: Call) -> object:
    vms = _allowed(call, "VM.Migrate")
    if call.params["target"] == call.node.name:
        raise invalid(target="target is local node.")
    call.quorum()
    target = known_node(call, call.params["target"])
    workers = _workers(call)
    guests = bulk.chosen(call.node.guests.values(), vms, templates=True)
    queue = partial(_queued, call, target.name)
    return _run(
        call,
        "migrateall",
        guests,
        lambda task: Bulk("Migrating", bulk.moving(task, call.authid, target, queue), workers, together=True),
    )


def _queued(call: Call, target: str, guest: Guest) -> Task:
    """A managed guest is asked to move; by a task on its node, that ends when that is queued."""
    return move_request(guest, target, call.authid)


def _bulk(verb: str, call: Call) -> object:
    """All guests of the cluster, by a task on the node that was asked."""
    vms = _allowed(call, "VM.Migrate" if verb == "migrate" else "VM.PowerMgmt")
    workers = _workers(call, 1 if verb == "migrate" else 4)
    guests = bulk.chosen(
        call.cluster.guests.values(), vms, managed=verb == "migrate", templates=verb == "migrate"
    )
    named = ", ".join(map(str, vms))

    def said(task: Task, what: str, suffix: str = "") -> None:
        task.say(f"{what} guests{suffix}: {named}" if vms else f"{what} all guests{suffix}")

    def make(task: Task) -> Bulk:
        by = call.authid
        if verb == "start":
            said(task, "Starting")
            summary = "Some guests failed to start:"
            return Bulk(
                "Starting",
                bulk.starting(task, by, everywhere=True),
                workers,
                summary=summary,
                everywhere=True,
            )
        summary = f"Some guests failed to {verb}"
        if verb == "migrate":
            said(task, "Migrating", f" to {target.name}")
            queue = partial(_queued, call, target.name)
            start = bulk.moving_everywhere(task, by, target, queue, online=call.flag("online"))
            return Bulk("Migrating", start, workers, summary=summary, everywhere=True, together=True)
        if verb == "shutdown":
            said(task, "Shutting down")
            timeout, force = call.number("timeout", 180), call.params.get("force-stop", "1") == "1"
            start = bulk.stopping(task, by, timeout, force=force, everywhere=True)
        else:
            said(task, "Suspending")
            start = bulk.suspending(task, by, everywhere=True)
        return Bulk("Stopping", start, workers, backwards=True, summary=summary, everywhere=True)

    target = known_node(call, call.params["target"]) if verb == "migrate" else call.node
    return _run(call, f"bulk-{verb}", guests, make)
