"""Tasks, read: /cluster/tasks and /nodes/{node}/tasks/*."""

from __future__ import annotations

from pvesim.api import Call, Routes
from pvesim.errors import invalid
from pvesim.identity import split_token
from pvesim.model import Node
from pvesim.tasks import BROADCAST, Task, history, parse_upid
from pvesim.verify import BOOLEAN, TEXT, VMID, choice, integer
from pvesim.wire import Reply

_LIST = {
    "start": integer(0),
    "limit": integer(0),
    "userfilter": TEXT,
    "typefilter": TEXT,
    "vmid": VMID,
    "errors": BOOLEAN,
    "source": choice("archive", "active", "all"),
    "since": integer(),
    "until": integer(),
    "statusfilter": TEXT,
}


def register(routes: Routes) -> None:
    routes.get("/cluster/tasks")(_of_cluster)
    tasks = "/nodes/{node}/tasks"
    routes.get(tasks, params=_LIST)(_list)
    routes.get(f"{tasks}/{{upid}}")(lambda call: [{"name": "log"}, {"name": "status"}])
    routes.get(f"{tasks}/{{upid}}/status", protected=True)(_status)
    routes.get(
        f"{tasks}/{{upid}}/log",
        protected=True,
        params={"start": integer(0), "limit": integer(0), "download": BOOLEAN},
    )(_log)


def tasks_of(node: Node, now: float) -> list[Task]:
    """All tasks of a node, newest first."""
    return history(node, now)


def _mine(call: Call, task: Task) -> bool:
    """A user sees what his tokens did; a token only its own."""
    return task.owner == call.authid or split_token(task.owner)[0] == call.authid


def _of_cluster(call: Call) -> object:
    audit = call.can("/", "Sys.Audit")
    rows: list[dict[str, object]] = []
    for node in call.cluster.nodes.values():
        tasks = tasks_of(node, call.now)[:BROADCAST]
        # a token is compared with the user that its task is split into, so it never sees its own
        rows += [t.broadcast() for t in tasks if audit or split_token(t.owner)[0] == call.authid]
    return sorted(rows, key=lambda row: -int(str(row["starttime"])))


def _list(call: Call) -> object:
    given = call.params
    audit = call.can(f"/nodes/{call.node.name}", "Sys.Audit")
    found = [t for t in tasks_of(call.node, call.now) if (audit or _mine(call, t)) and _wanted(t, given)]
    start, limit = call.number("start", 0), call.number("limit", 50)
    rows = [task.row() for task in found[start : start + limit]]
    return Reply(rows, beside={"total": len(found)} if found else {})


def _wanted(task: Task, given: dict[str, str]) -> bool:
    source = given.get("source", "archive")
    ended = task.endtime is not None
    if source != "all" and ended != (source == "archive"):
        return False
    if given.get("errors") == "1" and task.status == "OK":
        return False
    checks = (
        given.get("typefilter", task.type) == task.type,
        given.get("vmid", task.id) == task.id,
        given.get("userfilter", "") in task.owner,
        int(given.get("since", 0)) <= task.starttime,
        task.starttime <= int(given.get("until", task.starttime)),
    )
    return all(checks)


def _find(call: Call) -> Task | None:
    upid = call.params["upid"]
    if parse_upid(upid) is None:
        raise invalid(upid="unable to parse worker upid")
    return next((task for task in tasks_of(call.node, call.now) if task.upid == upid), None)


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
    start, limit = call.number("start", 0), call.number("limit", 50)
    rows: list[dict[str, object]] = [{"n": n + 1, "t": line} for n, line in enumerate(lines)]
    return Reply(rows[start : start + limit or None], beside={"total": len(lines)})


def _may_see(call: Call, task: Task) -> None:
    if not _mine(call, task):
        call.need(f"/nodes/{call.node.name}", "Sys.Audit")
