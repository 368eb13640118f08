"""Jobs that back guests up regularly: /cluster/backup. They are kept and told of, not run.

Source: pve-manager `API2/Backup.pm`; the schedule is a calendar event since 7.1.
"""

from __future__ import annotations

import re

from pvesim import schema
from pvesim.api import Call, Routes, perm
from pvesim.errors import failed, invalid
from pvesim.formats import words
from pvesim.guestconfig import disks, plain
from pvesim.permissions import LOCK_TIMEOUT, permitted
from pvesim.routes.backups import check_rights, check_selection, selected
from pvesim.verify import BOOLEAN, Param, text

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EVENT = re.compile(r"[a-zA-Z0-9,.:*/\- ]+")
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_\-]+")


def register(routes: Routes) -> None:
    audit, modify = perm("/", "Sys.Audit"), perm("/", "Sys.Modify")
    of_job: dict[str, Param] = {
        **{
            name: param
            for name, param in schema.methods()["POST /nodes/{node}/vzdump"].parameters.items()
            if name not in ("stdout", "job-id", "node")
        },
        "node": text(format="pve-node"),
        "schedule": text(max_length=128),
        "starttime": text(pattern=r"\d{1,2}:\d{1,2}"),
        "dow": text(),
        "enabled": BOOLEAN,
        "repeat-missed": BOOLEAN,
        "comment": text(max_length=512),
        "id": text(max_length=50),
    }
    routes.get("/cluster/backup", check=audit)(_list)
    routes.post("/cluster/backup", check=modify, protected=True, params=of_job)(_create)
    one = "/cluster/backup/{id}"
    routes.get(one, check=audit)(_read)
    routes.put(one, check=modify, protected=True, params={**of_job, "delete": text()})(_update)
    routes.delete(one, check=modify, protected=True)(_delete)
    routes.get(f"{one}/included_volumes", check=audit, protected=True)(_included)
    routes.get("/cluster/backup-info", check=_root)(lambda call: [{"subdir": "not-backed-up"}])
    routes.get("/cluster/backup-info/not-backed-up", check=audit, protected=True)(_not_backed_up)


def _root(call: Call) -> None:
    """A method without permissions is root's alone, and not by token."""
    permitted(call, None)


def _list(call: Call) -> object:
    return [_row(call, name) for name in sorted(call.cluster.backup_jobs)]


def _row(call: Call, name: str) -> dict[str, object]:
    job = call.cluster.backup_jobs[name]
    row: dict[str, object] = {"id": name, "type": "vzdump"}
    known = schema.methods()["POST /nodes/{node}/vzdump"].parameters
    for key, value in job.items():
        numeric = key in ("enabled", "repeat-missed") or (
            key in known and known[key].type in ("boolean", "integer")
        )
        row[key] = _taken_apart(value) if key == "prune-backups" else int(value) if numeric else value
    return row


def _taken_apart(text: str) -> dict[str, str]:
    """A retention is sent as an object here, with its numbers as texts."""
    parts = (part.partition("=") for part in text.split(","))
    return {key: value for key, _, value in parts}


def _existing(call: Call) -> str:
    name = call.params["id"]
    if name not in call.cluster.backup_jobs:
        raise invalid(id=f"No such job '{name}'")
    return name


def _read(call: Call) -> object:
    return _row(call, _existing(call))


def _writable(call: Call) -> None:
    if not call.cluster.quorate:
        delay = LOCK_TIMEOUT * call.cluster.settings.delay_scale
        raise failed("cfs-lock 'file-jobs_cfg' error: no quorum!", delay=delay)


def _schedule(given: dict[str, str]) -> None:
    """What older clients give by time and days becomes a calendar event. Raises 400, 500."""
    start, days = given.pop("starttime", ""), given.pop("dow", "")
    for day in words(days):
        if day not in _DAYS:
            raise invalid(dow=f"invalid format - invalid day '{day}'\n")
    if start:
        if "schedule" in given:
            raise failed("Please use schedule, not starttime/dow")
        which = ",".join(words(days)) if days and set(words(days)) != set(_DAYS) else ""
        given["schedule"] = f"{which} {start}".strip()
    if "schedule" in given and not _EVENT.fullmatch(given["schedule"]):
        raise invalid(schedule="invalid format - unable to parse calendar event - could not parse event\n")


def _create(call: Call) -> object:
    given = {key: value for key, value in call.params.items() if value != ""}
    check_rights(call, given)
    if "pool" in given and not call.is_root:
        call.need(f"/pool/{given['pool']}", "Pool.Audit")
    name = given.pop("id", "") or f"backup-{call.cluster.chance.getrandbits(48):012x}"
    if not _ID.fullmatch(name):
        raise invalid(id=f"invalid format - invalid configuration ID '{name}'\n")
    _schedule(given)
    if "schedule" not in given:
        raise failed("missing schedule or starttime")
    given = check_selection(given)
    _writable(call)
    if name in call.cluster.backup_jobs:
        raise failed(f"Job '{name}' already exists")
    given.setdefault("enabled", "1")
    call.cluster.backup_jobs[name] = given
    return None


def _update(call: Call) -> object:
    given = {key: value for key, value in call.params.items() if key != "id"}
    delete = words(given.pop("delete", ""))
    if not given and not delete:
        raise failed("no options specified")
    check_rights(call, given)
    _schedule(given)
    check_selection(given, complete=False)
    name = _existing(call)
    _writable(call)
    job = {key: value for key, value in call.cluster.backup_jobs[name].items() if key not in delete}
    job |= given
    if "vmid" in given:
        for key in ("all", "exclude", "pool"):
            job.pop(key, None)
    elif given.get("all") == "1":
        for key in ("vmid", "pool"):
            job.pop(key, None)
    elif "pool" in given:
        for key in ("vmid", "all", "exclude"):
            job.pop(key, None)
    call.cluster.backup_jobs[name] = check_selection(job)
    return None


def _delete(call: Call) -> object:
    name = _existing(call)
    _writable(call)
    del call.cluster.backup_jobs[name]
    return None


def _included(call: Call) -> object:
    job = call.cluster.backup_jobs[_existing(call)]
    rows = []
    for vmid in sorted(selected(call.cluster, job)):
        guest = call.cluster.guests.get(vmid)
        if guest is None or not call.can(f"/vms/{vmid}", "VM.Audit"):
            continue
        if job.get("node") and job["node"] != guest.node.name:
            continue
        volumes = [
            {
                "id": key,
                "name": disk["volume"],
                "included": int(disk.get("backup", "0" if key.startswith("mp") else "1") == "1"),
                "reason": "enabled",
            }
            for key, disk in disks(plain(guest), guest.kind).items()
        ]
        rows.append({"id": vmid, "name": guest.name, "type": guest.kind, "children": volumes})
    return {"children": rows}


def _not_backed_up(call: Call) -> object:
    """Guests that no enabled job includes."""
    cluster = call.cluster
    covered: set[int] = set()
    for job in cluster.backup_jobs.values():
        covered.update(selected(cluster, job))
    return [
        {"vmid": guest.vmid, "name": guest.name, "type": guest.kind}
        for guest in sorted(cluster.guests.values(), key=lambda guest: guest.vmid)
        if guest.vmid not in covered and call.can(f"/vms/{guest.vmid}", "VM.Audit")
    ]
