"""Tasks, read: /cluster/tasks and /nodes/{node}/tasks/*."""

from __future__ import annotations

import re

from pvesim.api import Call, Routes
from pvesim.errors import failed, invalid
from pvesim.formats import words
from pvesim.history import tasks_of
from pvesim.identity import split_token
from pvesim.tasks import BROADCAST, Task, parse_upid
from pvesim.wire import Reply


def register(routes: Routes) -> None:
    routes.get("/cluster/tasks")(_of_cluster)
    tasks = "/nodes/{node}/tasks"
    routes.get(tasks)(_list)
    routes.get(f"{tasks}/{{upid}}")(lambda call: [{"name": "log"}, {"name": "status"}])
    routes.delete(f"{tasks}/{{upid}}")(_stop)
    routes.get(f"{tasks}/{{upid}}/status")(_status)
    routes.get(f"{tasks}/{{upid}}/log")(_log)


def _mine(call: Call, task: Task) -> bool:
    """A user sees what his tokens did; a token only its own."""
    return task.owner == call.authid or split_token(task.owner)[0] == call.authid


def _of_cluster(call: Call) -> object:
    audit = call.can("/", "Sys.Audit")
    rows: list[dict[str, object]] = []
    for node in call.cluster.nodes.values():
        tasks = tasks_of(node)[:BROADCAST]
        # a token is compared with the user that its task is split into, so it never sees its own
        rows += [t.broadcast() for t in tasks if audit or split_token(t.owner)[0] == call.authid]
    return sorted(rows, key=lambda row: -int(str(row["starttime"])))


def _list(call: Call) -> object:
    given = call.params
    audit = call.can(f"/nodes/{call.node.name}", "Sys.Audit")
    found = [t for t in tasks_of(call.node) if (audit or _mine(call, t)) and _wanted(t, given)]
    start, limit = call.number("start", 0), call.number("limit", 50)
    rows = [task.row() for task in found[start : start + limit]]
    return Reply(rows, beside={"total": len(found)} if found else {})


def _wanted(task: Task, given: dict[str, str]) -> bool:
    source = given.get("source", "archive")
    if source != "all" and task.running != (source == "active"):
        return False
    outcome = _outcome(task)
    if given.get("errors") == "1":
        if outcome == "ok":
            return False
    elif "statusfilter" in given and outcome not in words(given["statusfilter"].lower()):
        return False
    user = task.owner if task.running else split_token(task.owner)[0]
    checks = (
        (given.get("typefilter") or task.type) == task.type,
        (given.get("vmid") or task.id) == task.id,
        given.get("userfilter", "").lower() in user.lower(),
        int(given.get("since") or 0) <= task.starttime,
        task.starttime <= int(given.get("until") or task.starttime),
    )
    return all(checks)


def _outcome(task: Task) -> str:
    """As in `statusfilter` (pve-common `PVE/UPID.pm`, `upid_normalize_status_type`)."""
    if task.running or task.status == "unexpected status":
        return "unknown"
    if task.status == "OK":
        return "ok"
    return "warning" if re.fullmatch(r"WARNINGS: \d+", task.status) else "error"


def _stop(call: Call) -> object:
    """Interrupt a task; its own user may, others with Sys.Modify."""
    task = _find(call)
    if task is None:
        raise invalid(upid="no such task")
    if not _mine(call, task):
        call.need(f"/nodes/{call.node.name}", "Sys.Modify")
    worker = call.node.tasks.active.get(task.upid)
    if worker is not None:
        worker.stop(call.now)
    return None


def _find(call: Call) -> Task | None:
    upid = call.params["upid"]
    if parse_upid(upid) is None:
        raise invalid(upid="unable to parse worker upid")
    return next((task for task in tasks_of(call.node) if task.upid == upid), None)


def _status(call: Call) -> object:
    task = _find(call)
    if task is None:
        raise invalid(upid="no such task")
    _may_see(call, task)
    return task.state()


def _log(call: Call) -> object:
    task = _find(call)
    if task is None:
        lines = ["unable to open file - No such file or directory"]
    else:
        _may_see(call, task)
        lines = task.log or ["no content"]
    if call.flag("download"):
        if call.params.keys() & {"start", "limit"}:
            raise failed("'download' cannot be used together with 'start' or 'limit' parameters")
        return Reply(text="".join(f"{line}\n" for line in lines))
    start, limit = call.number("start", 0), call.number("limit", 50)
    rows: list[dict[str, object]] = [{"n": n + 1, "t": line} for n, line in enumerate(lines)]
    return Reply(rows[start : start + limit or None], beside={"total": len(lines)})


def _may_see(call: Call, task: Task) -> None:
    if not _mine(call, task):
        call.need(f"/nodes/{call.node.name}", "Sys.Audit")
