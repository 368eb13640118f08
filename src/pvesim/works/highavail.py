"""What is asked of highly available guests: it is only queued, for the HA stack to carry out.

Sources: pve-container `API2/LXC/Status.pm` (`vm_start`, `vm_stop`, `vm_shutdown`), `API2/LXC.pm`
(`migrate_vm`).
"""

from __future__ import annotations

from collections.abc import Callable

from pvesim.api import Call
from pvesim.guest import Guest
from pvesim.highavail import Resource
from pvesim.model import Cluster
from pvesim.tasks import Task, TaskFailed, Work
from pvesim.works.hastack import wake

_QUEUING = 0.4


def requested(call: Call, kind: str, vmid: int, verb: str, timeout: int = 0) -> str | None:
    """The UPID of a task that only queues the wish; None for a guest that is not managed."""
    guest = call.node.guests.get(vmid)
    if guest is None or not call.cluster.ha_managed(guest):
        return None
    if verb == "start":
        return asked_to_run(call, kind, vmid)
    return asked_to_stop(call, kind, vmid, timeout)


def asked_to_run(call: Call, kind: str, vmid: int) -> str:
    def queued(resource: Resource) -> None:
        resource.options["state"] = "started"

    return _ask(call, kind, vmid, "start", "HA start", queued)


def asked_to_stop(call: Call, kind: str, vmid: int, timeout: int) -> str:
    def queued(resource: Resource) -> None:
        resource.options["state"] = "stopped"
        resource.timeout = timeout

    return _ask(call, kind, vmid, "stop", "HA stop", queued)


def asked_to_move(call: Call, kind: str, vmid: int, target: str) -> str:
    def queued(resource: Resource) -> None:
        resource.command = ("migrate", target)

    return _ask(call, kind, vmid, "migrate", f"HA migration to {target}", queued)


def _ask(call: Call, kind: str, vmid: int, verb: str, what: str, queued: Callable[[Resource], None]) -> str:
    """`hastart`, `hastop`, `hamigrate`: over once the request is queued."""
    return call.start(f"ha{verb}", vmid, _queueing(call.cluster, kind, vmid, verb, what, queued))


def move_request(guest: Guest, target: str, owner: str) -> Task:
    """The same by somebody else's task, on the guest's own node."""

    def queued(resource: Resource) -> None:
        resource.command = ("migrate", target)

    work = _queueing(
        guest.node.cluster, guest.kind, guest.vmid, "migrate", f"HA migration to {target}", queued
    )
    return guest.node.tasks.start("hamigrate", str(guest.vmid), owner, work)


def _queueing(
    cluster: Cluster, kind: str, vmid: int, verb: str, what: str, queued: Callable[[Resource], None]
) -> Callable[[Task], Work]:
    label = "CT" if kind in ("ct", "lxc") else "VM"
    request, _, target = what.partition(" to ")
    command = {
        "start": "set {sid} --state started",
        "stop": "crm-command stop {sid} {timeout}",
        "migrate": f"migrate {{sid}} {target}",
    }[verb]

    def work(task: Task) -> Work:
        task.say(f"Requesting {request} for {label} {vmid}{f' to node {target}' if target else ''}")
        yield _QUEUING
        resource = cluster.ha.of(vmid)
        if resource is None:
            raise TaskFailed(f"resource '{'ct' if label == 'CT' else 'vm'}:{vmid}' is not HA managed")
        if resource.state == "error":
            task.say(f"service '{resource.sid}' in error state, must be disabled and fixed first")
            line = command.format(sid=resource.sid, timeout=resource.timeout)
            raise TaskFailed(f"command 'ha-manager {line}' failed: exit code 255")
        queued(resource)
        wake(cluster)

    return work
