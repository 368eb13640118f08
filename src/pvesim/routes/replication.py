"""Replication of guests' local disks: /cluster/replication and /nodes/{node}/replication.

Sources: pve-manager `API2/ReplicationConfig.pm`, `API2/Replication.pm`; pve-guest-common
`ReplicationConfig.pm`. Jobs run on time (every 15 minutes unless scheduled otherwise) and succeed as long
as both nodes are there; their state follows from the clock.
"""

from __future__ import annotations

import re

from pvesim.api import Call, Routes
from pvesim.errors import failed, forbidden, invalid
from pvesim.formats import words
from pvesim.guest import Guest
from pvesim.guestconfig import disks, plain
from pvesim.model import digest

Job = dict[str, str | int]

_OPTIONS = ("comment", "disable", "rate", "remove_job", "schedule", "source")
_EVERY = re.compile(r"\*/(\d+)")
_REMOVED_AFTER = 60.0  # until pvescheduler has carried out a removal


def register(routes: Routes) -> None:
    jobs = "/cluster/replication"
    routes.get(jobs)(_list)
    routes.post(jobs)(_create)
    routes.get(f"{jobs}/{{id}}")(_read)
    routes.put(f"{jobs}/{{id}}")(_update)
    routes.delete(f"{jobs}/{{id}}")(_delete)
    at = "/nodes/{node}/replication"
    routes.get(at)(_of_node)
    routes.get(f"{at}/{{id}}")(lambda call: [{"name": n} for n in ("schedule_now", "log", "status")])
    routes.get(f"{at}/{{id}}/status")(_status)
    routes.get(f"{at}/{{id}}/log")(_log)
    routes.post(f"{at}/{{id}}/schedule_now")(_now)


def _visible(call: Call, job: Job) -> bool:
    return call.can(f"/vms/{job['guest']}", "VM.Audit")


def _digest(call: Call) -> str:
    return digest(repr([(name, sorted(_config(job).items())) for name, job in call.cluster.jobs.items()]))


def _config(job: Job) -> Job:
    return {key: value for key, value in job.items() if not key.startswith("_")}


def _list(call: Call) -> object:
    return [
        {**_config(job), "id": name} for name, job in sorted(call.cluster.jobs.items()) if _visible(call, job)
    ]


def _known(call: Call, name: str) -> Job:
    job = call.cluster.jobs.get(name)
    if job is None:
        raise failed(f"no such replication job '{name}'")
    return job


def _read(call: Call) -> object:
    job = _known(call, call.params["id"])
    if not _visible(call, job):
        raise forbidden()
    return {**_config(job), "id": call.params["id"], "digest": _digest(call)}


def _may_change(call: Call, vmid: int) -> None:
    """9.x: on the guest; before that on all storages."""
    if call.cluster.version.major >= 9:
        call.need(f"/vms/{vmid}", "VM.Replicate")
    else:
        call.need("/storage", "Datastore.Allocate")


def _writable(call: Call) -> None:
    if not call.cluster.quorate:
        raise failed("cfs-lock 'file-replication_cfg' error: no quorum!")


def _given(call: Call) -> Job:
    numbers = ("disable", "rate")
    return {
        key: int(float(value)) if key in numbers else value
        for key, value in call.params.items()
        if key in _OPTIONS and value != ""
    }


def _create(call: Call) -> object:
    name, target = call.params["id"], call.params["target"]
    vmid, _, number = name.partition("-")
    _may_change(call, int(vmid))
    guest = call.cluster.guests.get(int(vmid))
    if guest is None:
        raise failed(f"Guest '{vmid}' does not exist.")
    if target not in call.cluster.nodes:
        raise failed(f"Target '{target}' does not exist.")
    source = guest.node.name
    if call.params.get("source", source) != source:
        raise failed(
            f"Source '{call.params['source']}' does not match current node of guest '{vmid}' ({source})"
        )
    if target == source:
        raise failed("Source and target must not be identical")
    if not _volumes(guest):
        raise failed("No replicatable volumes found")
    _writable(call)
    if name in call.cluster.jobs:
        raise failed(f"replication job '{name}' already exists")
    given = _given(call)
    call.cluster.jobs[name] = {
        "type": call.params["type"], "guest": guest.vmid, "jobnum": int(number), "target": target,
        "source": source, **given, "_since": int(call.now),
    }  # fmt: skip
    return None


def _volumes(guest: Guest) -> list[str]:
    """Only ZFS can be replicated. Raises 500 for a volume elsewhere that is not left out."""
    storages = guest.node.cluster.storages
    found: list[str] = []
    for key, disk in disks(plain(guest), guest.kind).items():
        storage = storages.get(disk["volume"].partition(":")[0])
        if storage is None or storage.shared or disk.get("replicate") == "0":
            continue
        if storage.type != "zfspool":
            raise failed(f"missing replicate feature on volume '{disk['volume']}'")
        found.append(key)
    return found


def _update(call: Call) -> object:
    name = call.params["id"]
    _may_change(call, int(name.partition("-")[0]))
    _writable(call)
    if call.params.get("digest", "") not in ("", _digest(call)):
        raise failed("detected modified configuration - file changed by other user? Try again.")
    job = call.cluster.jobs.get(name)
    if job is None:
        raise failed(f"no such job '{name}'")
    for key in words(call.params.get("delete", "")):
        if key not in (*_OPTIONS, "target", "type"):
            raise failed(f"no such option '{key}'")
        if key in ("target", "type"):
            raise failed(f"unable to delete required option '{key}'")
    job |= _given(call)
    for key in words(call.params.get("delete", "")):
        job.pop(key, None)
    return None


def _delete(call: Call) -> object:
    name = call.params["id"]
    _may_change(call, int(name.partition("-")[0]))
    _writable(call)
    jobs = call.cluster.jobs
    if call.flag("force"):
        if call.flag("keep"):
            raise invalid(keep="conflicts with parameter 'force'")
        jobs.pop(name, None)
        return None
    if name not in jobs:
        raise failed(f"no such job '{name}'")
    jobs[name]["remove_job"] = "local" if call.flag("keep") else "full"
    when = call.now + _REMOVED_AFTER / call.cluster.settings.speed

    def gone(now: float) -> None:
        jobs.pop(name, None)

    call.cluster.agenda.at(when, gone)
    return None


def _state(call: Call, name: str, job: Job) -> dict[str, object]:
    """What the node has noted about its job, as if it had run whenever it was due."""
    now, since = int(call.now), int(job["_since"])
    every = _EVERY.fullmatch(str(job.get("schedule", "*/15")))
    period = 60 * int(every[1]) if every else 900
    last = max(now // period * period, int(job.get("_asked", 0)))
    target = call.cluster.nodes.get(str(job["target"]))
    row: dict[str, object] = {
        **_config(job), "id": name, "vmtype": call.cluster.guests[int(job["guest"])].kind,
        "source": call.node.name, "fail_count": 0, "last_try": 0, "last_sync": 0,
        "next_sync": now // period * period + period,
    }  # fmt: skip
    if last > since and not job.get("disable"):
        row |= {"last_try": last, "last_sync": last, "duration": 3.2}
        died = target.down_since if target is not None else None
        if died is not None and died < last:
            ok = int(died) // period * period
            count = (last - ok) // period
            row |= {
                "last_sync": ok if ok > since else 0,
                "fail_count": max(1, count),
                "error": "command '/usr/bin/ssh -e none … -- pvesr prepare-local-job' failed: exit code 255",
            }
    return row


def _of_node(call: Call) -> object:
    wanted = call.params.get("guest")
    return [
        _state(call, name, job)
        for name, job in sorted(call.cluster.jobs.items())
        if int(job["guest"]) in call.node.guests
        and (wanted is None or str(job["guest"]) == wanted)
        and _visible(call, job)
    ]


def _here(call: Call) -> Job:
    name = call.params["id"]
    job = call.cluster.jobs.get(name)
    if job is None or int(job["guest"]) not in call.node.guests:
        raise failed(f"no such replication job '{name}'")
    if not _visible(call, job):
        raise forbidden()
    return job


def _status(call: Call) -> object:
    job = _here(call)
    return _state(call, call.params["id"], job)


def _log(call: Call) -> object:
    job, name = _here(call), call.params["id"]
    state = _state(call, name, job)
    if not state["last_try"]:
        return [{"n": 1, "t": "no content"}]
    lines = [
        f"{name}: start replication job",
        f"{name}: guest => {'CT' if state['vmtype'] == 'lxc' else 'VM'} {job['guest']}",
    ]
    lines.append(f"{name}: end replication job{' with error' if 'error' in state else ''}")
    start, limit = call.number("start", 0), call.number("limit", 50)
    rows = [{"n": n + 1, "t": line} for n, line in enumerate(lines)]
    return rows[start : start + limit]


def _now(call: Call) -> object:
    job = _here(call)
    _may_change(call, int(job["guest"]))
    job["_asked"] = int(call.now) + 1
    return None
