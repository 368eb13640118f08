"""A node's services: /nodes/{node}/services (pve-manager `API2/Services.pm`)."""

from __future__ import annotations

from functools import partial

from pvesim.api import Call, Routes
from pvesim.hostconfig import SERVICES
from pvesim.model import Node
from pvesim.tasks import Task, TaskFailed, Work, command

_ESSENTIAL = ("pve-cluster", "pvedaemon", "pveproxy")
_TIMERS = {"chrony": "systemd-timesyncd"}  # of two that do the same, one is not there
_SECONDS = 0.8


def register(routes: Routes) -> None:
    path = "/nodes/{node}/services"
    one = f"{path}/{{service}}"
    routes.get(path)(lambda call: call.mixed([_row(call.node, name) for name in SERVICES]))
    verbs = ("start", "stop", "restart", "reload")
    routes.get(one)(lambda call: [{"subdir": name} for name in ("state", *verbs)])
    routes.get(f"{one}/state")(lambda call: _row(call.node, call.params["service"]))
    for verb in verbs:
        routes.post(f"{one}/{verb}")(partial(_do, verb))


def _row(node: Node, name: str) -> dict[str, object]:
    row: dict[str, object] = {"service": name, "name": name, "desc": name}
    if name in _TIMERS.values():
        return {**row, "state": "dead", "active-state": "inactive", "unit-state": "not-found"}
    if name in node.host.stopped:
        return {**row, "state": "dead", "active-state": "inactive", "unit-state": "enabled"}
    if name == "corosync" and not node.cluster.clustered:
        return {**row, "state": "dead", "active-state": "inactive", "unit-state": "enabled"}
    return {**row, "state": "running", "active-state": "active", "unit-state": "enabled"}


def _do(verb: str, call: Call) -> object:
    node, name = call.node, call.params["service"]
    return call.start(f"srv{verb}", name, lambda task: _work(task, node, name, verb))


def _work(task: Task, node: Node, name: str, verb: str) -> Work:
    if name in _ESSENTIAL and verb in ("start", "stop"):
        raise TaskFailed(f"invalid service cmd '{name} {verb}': ERROR")
    if verb == "reload" and name in node.host.stopped:
        raise TaskFailed(f"command 'systemctl reload {name}' failed: exit code 1")
    yield from command(f"systemctl {verb} {name}", _SECONDS)
    if verb == "stop":
        node.host.stopped.add(name)
    else:
        node.host.stopped.discard(name)
    if name == "pveproxy":
        node.still_shown = None
