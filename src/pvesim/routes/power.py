"""Starting and stopping guests: /nodes/{node}/{lxc,qemu}/{vmid}/status/*."""

from __future__ import annotations

from functools import partial

from pvesim.api import Call, Routes, perm
from pvesim.errors import failed, invalid
from pvesim.guest import Guest
from pvesim.tasks import Task, Work
from pvesim.verify import BOOLEAN, integer
from pvesim.works import power
from pvesim.works.highavail import requested
from pvesim.works.locking import holding

_LABEL = {"lxc": "CT", "qemu": "VM"}


def register(routes: Routes) -> None:
    for kind in ("lxc", "qemu"):
        at = f"/nodes/{{node}}/{kind}/{{vmid}}/status"
        allowed = perm("/vms/{vmid}", "VM.PowerMgmt")
        routes.post(f"{at}/start")(partial(_start, kind))
        routes.post(f"{at}/stop")(partial(_stop, kind))
        routes.post(f"{at}/shutdown")(partial(_shutdown, kind))
        timeout = {"timeout": integer(0), "skiplock": BOOLEAN}
        for verb in ("reboot", "suspend", "resume"):
            options = {} if kind == "lxc" else {"check": allowed, "protected": True, "params": timeout}
            handler = {"reboot": _reboot, "suspend": _suspend, "resume": _resume}[verb]
            routes.post(f"{at}/{verb}", **options)(partial(handler, kind))


def _type(kind: str, verb: str) -> str:
    if kind == "qemu" and verb == "suspend":
        return "qmpause"
    return f"{'vz' if kind == 'lxc' else 'qm'}{verb}"


def _options(call: Call) -> bool:
    """Whether locks are to be ignored, which only root@pam himself may ask for."""
    skiplock = call.flag("skiplock")
    if skiplock and not call.is_root:
        raise invalid(skiplock="Only root may use this option.")
    return skiplock


def _running(kind: str, call: Call) -> Guest:
    guest = call.node.guests.get(int(call.params["vmid"]))
    if guest is None or not guest.active:
        raise failed(f"{_LABEL[kind]} {call.params['vmid']} not running")
    return guest


def _stoppable(kind: str, call: Call) -> Guest:
    """A machine that does not run may be stopped all the same; a container may not."""
    return _running(kind, call) if kind == "lxc" else call.guest(kind)


def _start(kind: str, call: Call) -> object:
    skiplock = _options(call)
    node, vmid = call.node, int(call.params["vmid"])
    guest = node.guests.get(vmid)
    if guest is not None and guest.active:
        raise failed(f"{_LABEL[kind]} {vmid} already running")
    call.quorum()
    if (upid := requested(call, kind, vmid, "start")) is not None:
        return upid

    def work(task: Task) -> Work:
        inner = power.start(task, node, vmid, skiplock=skiplock)
        return holding(task, guest, inner) if guest is not None else inner

    return call.start(_type(kind, "start"), vmid, work)


def _stop(kind: str, call: Call) -> object:
    skiplock = _options(call)
    guest = _stoppable(kind, call)
    overrule = call.flag("overrule-shutdown")
    if overrule and call.cluster.ha_managed(guest):
        raise invalid(**{"overrule-shutdown": "cannot overrule a shutdown of an HA resource"})
    if (upid := requested(call, kind, guest.vmid, "stop")) is not None:
        return upid
    overruled = _abort_shutdowns(kind, call, guest) if overrule else []

    def work(task: Task) -> Work:
        if overruled:
            task.say(f"overruled {_type(kind, 'shutdown')} task - {', '.join(overruled)}")
        return holding(task, guest, power.stop(task, guest, skiplock=skiplock))

    return call.start(_type(kind, "stop"), guest.vmid, work)


def _abort_shutdowns(kind: str, call: Call, guest: Guest) -> list[str]:
    """Stop the shutdowns of the guest that are the caller's own, or anybody's with Sys.Modify."""
    foreign = call.can(f"/nodes/{call.node.name}", "Sys.Modify")
    found: list[str] = []
    for upid, worker in list(call.node.tasks.active.items()):
        task = worker.task
        mine = foreign or task.owner.partition("!")[0] == call.authid.partition("!")[0]
        if task.type == _type(kind, "shutdown") and task.id == str(guest.vmid) and mine:
            worker.stop(call.now)
            found.append(upid)
    return found


def _shutdown(kind: str, call: Call) -> object:
    guest = _stoppable(kind, call)
    if guest.status == "paused" and not call.flag("forceStop"):
        raise failed("VM is paused - cannot shutdown")
    timeout, force = call.number("timeout", 60), call.flag("forceStop")
    if (upid := requested(call, kind, guest.vmid, "stop", timeout)) is not None:
        return upid
    return call.start(
        _type(kind, "shutdown"),
        guest.vmid,
        lambda task: holding(task, guest, power.shutdown(task, guest, timeout=timeout, force=force)),
    )


def _reboot(kind: str, call: Call) -> object:
    guest = call.node.guests.get(int(call.params["vmid"]))
    if guest is None or not guest.active:
        raise failed(f"VM {call.params['vmid']} not running")
    timeout = call.number("timeout", 60)
    return call.start(
        _type(kind, "reboot"),
        guest.vmid,
        lambda task: holding(task, guest, power.reboot(task, guest, timeout=timeout)),
    )


def _suspend(kind: str, call: Call) -> object:
    guest = _running(kind, call)
    return call.start(
        _type(kind, "suspend"), guest.vmid, lambda task: holding(task, guest, power.suspend(task, guest))
    )


def _resume(kind: str, call: Call) -> object:
    guest = call.guest(kind)
    if kind == "qemu" and not guest.active:
        raise failed(f"VM {guest.vmid} not running")
    return call.start(
        _type(kind, "resume"), guest.vmid, lambda task: holding(task, guest, power.resume(task, guest))
    )
