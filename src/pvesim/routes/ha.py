"""High availability: /cluster/ha/resources/* and /cluster/ha/status/*.

Sources: ha-manager `API2/HA/Resources.pm`, `API2/HA/Status.pm`, `HA/Resources/PVECT.pm`.
"""

from __future__ import annotations

import time

from pvesim.api import Call, Routes
from pvesim.errors import failed
from pvesim.formats import words
from pvesim.highavail import KINDS, TYPES, Options, Resource
from pvesim.model import digest
from pvesim.permissions import LOCK_TIMEOUT
from pvesim.works.hastack import manage, node_state, wake
from pvesim.works.placement import motion

_NUMBERS = frozenset(("max_restart", "max_relocate", "failback"))
_OPTIONS = ("state", "group", "comment", "failback", "max_restart", "max_relocate")
_SILENT_AFTER = 30.0  # seconds without a sign of life


def register(routes: Routes) -> None:
    routes.get("/cluster/ha")(_index)
    resources = "/cluster/ha/resources"
    routes.get(resources)(_list)
    routes.post(resources)(_create)
    routes.get(f"{resources}/{{sid}}")(_read)
    routes.put(f"{resources}/{{sid}}")(_update)
    routes.delete(f"{resources}/{{sid}}")(_delete)
    routes.post(f"{resources}/{{sid}}/migrate")(lambda call: _move(call, "migrate"))
    routes.post(f"{resources}/{{sid}}/relocate")(lambda call: _move(call, "relocate"))
    status = "/cluster/ha/status"
    routes.get(status)(_status_index)
    routes.get(f"{status}/current")(_current)
    routes.get(f"{status}/manager_status")(_manager_status)
    routes.post(f"{status}/arm-ha", since="9.2")(_arm)
    routes.post(f"{status}/disarm-ha", since="9.2")(_disarm)


def _index(call: Call) -> object:
    names = ["status", "resources", "groups"]
    return [{"id": name} for name in (*names, *(["rules"] if call.cluster.version.major >= 9 else []))]


def _status_index(call: Call) -> object:
    names = ["current", "manager_status"]
    if (call.cluster.version.major, call.cluster.version.minor) >= (9, 2):
        names += ["arm-ha", "disarm-ha"]
    return [{"name": name} for name in names]


def domain(call: Call, what: str) -> None:
    """The lock of the HA configuration. Raises 500, after a while, where there is no quorum."""
    if not call.cluster.quorate:
        delay = LOCK_TIMEOUT * call.cluster.settings.delay_scale
        raise failed(f"{what} failed: cfs-lock 'domain-ha' error: no quorum!", delay=delay)


def parsed_sid(call: Call, text: str) -> str:
    """ "101" or "ct:101" as "ct:101". Raises 500 for a number that no guest has."""
    if not text.isdigit():
        return text
    guest = call.cluster.guests.get(int(text))
    if guest is None:
        raise failed(f"unable do add resource - VM/CT {text} does not exist")
    return f"{TYPES[guest.kind]}:{guest.vmid}"


def _exists(call: Call, sid: str) -> int:
    kind, _, name = sid.partition(":")
    guest = call.cluster.guests.get(int(name))
    if guest is None:
        raise failed(f"resource '{sid}' does not exist in cluster")
    if guest.kind != KINDS[kind]:
        what = "container" if kind == "ct" else "VM"
        raise failed(f"resource '{sid}' - guest with ID {name} is not a {what}")
    return guest.vmid


def file_digest(call: Call, of: object) -> str:
    return digest(repr(of))


def _resources_digest(call: Call) -> str:
    return file_digest(call, [(r.sid, sorted(r.options.items())) for r in call.cluster.ha.resources.values()])


def _row(call: Call, resource: Resource) -> dict[str, object]:
    row: dict[str, object] = {"sid": resource.sid, "type": resource.type, **resource.options}
    group = resource.options.get("group")
    if group and group not in call.cluster.ha.groups:
        row["errors"] = {"group": f"group '{group}' does not exist"}
    return {**row, "digest": _resources_digest(call)}


def _list(call: Call) -> object:
    kind = call.params.get("type")
    found = [r for r in call.cluster.ha.resources.values() if kind in (None, r.type)]
    return call.mixed([_row(call, resource) for resource in found])


def _known(call: Call) -> Resource:
    sid = parsed_sid(call, call.params["sid"])
    found = call.cluster.ha.resources.get(sid)
    if found is None:
        raise failed(f"no such resource '{sid}'")
    return found


def _read(call: Call) -> object:
    return _row(call, _known(call))


def _given(call: Call) -> Options:
    return {
        key: int(value) if key in _NUMBERS else value
        for key, value in call.params.items()
        if key in _OPTIONS and value != ""
    }


def _no_groups(call: Call) -> None:
    group = call.params.get("group")
    if not group:
        return
    if call.cluster.version.major >= 9:
        raise failed("invalid parameter 'group': ha groups have been migrated to rules")
    if group not in call.cluster.ha.groups:
        raise failed(f"HA group '{group}' does not exist")


def _create(call: Call) -> object:
    call.quorum()
    _no_groups(call)
    sid = parsed_sid(call, call.params["sid"])
    if call.params.get("type", sid.partition(":")[0]) != sid.partition(":")[0]:
        raise failed("types does not match")
    vmid = _exists(call, sid)
    if sid in call.cluster.ha.resources:
        raise failed(f"create resource failed: resource ID '{sid}' already defined")
    manage(call.cluster, Resource(sid, vmid, _given(call)))
    return None


def _managed(call: Call, sid: str) -> Resource:
    found = call.cluster.ha.resources.get(sid)
    if found is None or found.wanted == "ignored":
        raise failed(f"resource '{sid}' is not HA managed")
    return found


def _not_in_error(resource: Resource | None, wanted: str | None) -> None:
    if resource is not None and resource.state == "error" and wanted != "disabled":
        raise failed(f"service '{resource.sid}' in error state, must be disabled and fixed first")


def _update(call: Call) -> object:
    sid = parsed_sid(call, call.params["sid"])
    _no_groups(call)
    _not_in_error(call.cluster.ha.resources.get(sid), call.params.get("state"))
    domain(call, "update resource")
    if call.params.get("digest", "") not in ("", _resources_digest(call)):
        raise failed(
            "update resource failed: detected modified configuration - file changed by other user? Try again."
        )
    resource = call.cluster.ha.resources.get(sid)
    if resource is None:
        raise failed(f"update resource failed: no such resource '{sid}'")
    for key in words(call.params.get("delete", "")):
        if key not in _OPTIONS:
            raise failed(f"update resource failed: no such option '{key}'")
    resource.options |= _given(call)
    for key in words(call.params.get("delete", "")):
        resource.options.pop(key, None)
    call.cluster.guests[resource.vmid].touch()
    wake(call.cluster)
    return None


def _delete(call: Call) -> object:
    sid = parsed_sid(call, call.params["sid"])
    resource = call.cluster.ha.resources.get(sid)
    if resource is None:
        raise failed(f"resource '{sid}' is not HA managed")
    domain(call, "delete resource")
    ha = call.cluster.ha
    rules = {name: dict(rule) for name, rule in ha.rules.items()}
    ha.forget(resource.vmid)
    if call.params.get("purge", "1") == "0":
        ha.rules = rules
    if guest := call.cluster.guests.get(resource.vmid):
        guest.touch()
    return None


def _move(call: Call, verb: str) -> object:
    sid, target = parsed_sid(call, call.params["sid"]), call.params["node"]
    resource = _managed(call, sid)
    _not_in_error(resource, None)
    domain(call, f"{verb} resource")
    along, blocking = motion(call.cluster, sid)
    if target not in blocking:
        resource.command = (verb, target)
        wake(call.cluster)
    if call.cluster.version.major < 9:
        return None
    answer: dict[str, object] = {"sid": sid, "requested-node": target}
    if along:
        answer["comigrated-resources"] = along
    if target in blocking:
        answer["blocking-resources"] = blocking[target]
    return answer


def _local(at: float) -> str:
    """As Perl's localtime prints a time."""
    parts = time.gmtime(at)
    return f"{time.strftime('%a %b', parts)} {parts.tm_mday:2d} {time.strftime('%H:%M:%S %Y', parts)}"


def _current(call: Call) -> object:
    cluster, ha = call.cluster, call.cluster.ha
    quorate = cluster.quorate
    rows: list[dict[str, object]] = [
        {
            "id": "quorum",
            "type": "quorum",
            "node": call.node.name,
            "status": "OK" if quorate else f"No quorum on node '{call.node.name}'!",
            "quorate": int(quorate),
        }
    ]
    if ha.master:
        alive = cluster.nodes[ha.master].online(call.now)
        seen = int(call.now) if alive else int(ha.seen)
        text = "active" if alive else "old timestamp - dead?"
        rows.append(
            {
                "id": "master", "type": "master", "node": ha.master, "timestamp": seen,
                "status": f"{ha.master} ({text}, {_local(seen)})",
            }
        )  # fmt: skip
    if (cluster.version.major, cluster.version.minor) >= (9, 1):
        rows.append(_fencing(call))
    if ha.master:
        rows += [_lrm_row(call, name) for name in sorted(cluster.nodes)]
    rows += [_service(call, ha.resources[sid]) for sid in sorted(ha.resources)]
    return rows


def _fencing(call: Call) -> dict[str, object]:
    ha = call.cluster.ha
    active = bool(ha.master and ha.resources)
    state = "disarmed" if ha.disarmed else "armed" if active else "standby"
    watchdog = "active" if state == "armed" else "standby"
    text = f"disarmed, resource mode {ha.disarmed}" if ha.disarmed else f"{state} (CRM watchdog {watchdog})"
    return {
        "id": "fencing", "type": "fencing", "node": ha.master or call.node.name, "status": text,
        "armed-state": state,
    }  # fmt: skip


def _busy(call: Call, name: str) -> bool:
    return any(
        r.node == name and r.state not in ("", "stopped", "freeze")
        for r in call.cluster.ha.resources.values()
    )


def _lrm_row(call: Call, name: str) -> dict[str, object]:
    node, ha = call.cluster.nodes[name], call.cluster.ha
    seen = call.now if node.down_since is None else node.down_since
    if name in ha.maintenance:
        text = "maintenance mode"
    elif call.now - seen > _SILENT_AFTER:
        text = "old timestamp - dead?"
    else:
        text = "active" if _busy(call, name) else "idle"
    if text in ("active", "idle") and (call.cluster.version.major, call.cluster.version.minor) >= (9, 1):
        text = f"{text}, watchdog {'active' if text == 'active' else 'standby'}"
    return {
        "id": f"lrm:{name}", "type": "lrm", "node": name, "timestamp": int(seen),
        "status": f"{name} ({text}, {_local(seen)})",
    }  # fmt: skip


def _service(call: Call, resource: Resource) -> dict[str, object]:
    guest = call.cluster.guests.get(resource.vmid)
    node = resource.node if resource.state else guest.node.name if guest else ""
    state = resource.shown(there=guest is not None)
    row: dict[str, object] = {
        "id": f"service:{resource.sid}", "type": "service", "sid": resource.sid, "node": node or None,
        "state": state, "status": f"{resource.sid} ({node or '---'}, {state})",
        "request_state": resource.wanted, "max_restart": resource.number("max_restart"),
        "max_relocate": resource.number("max_relocate"),
    }  # fmt: skip
    if resource.state:
        row["crm_state"] = resource.state
    if call.cluster.version.major >= 9:
        row["failback"] = resource.number("failback")
    row |= {key: resource.options[key] for key in ("group", "comment") if key in resource.options}
    return row


def _manager_status(call: Call) -> object:
    cluster, ha = call.cluster, call.cluster.ha
    status: dict[str, object] = {"node_status": {}}
    answer: dict[str, object] = {"manager_status": status}
    if ha.master:
        nodes = cluster.nodes
        status |= {
            "master_node": ha.master,
            "timestamp": int(call.now) if nodes[ha.master].online(call.now) else int(ha.seen),
            "node_status": {name: node_state(cluster, node) for name, node in nodes.items()},
            "service_status": {
                r.sid: {
                    "node": r.node, "state": r.state, "uid": digest(f"{r.sid}{r.state}{r.node}")[:22],
                    **({"running": 1} if r.running else {}), **({"target": r.target} if r.target else {}),
                }
                for r in ha.resources.values()
                if r.state
            },
        }  # fmt: skip
        answer["lrm_status"] = {
            name: {
                "mode": "maintenance" if name in ha.maintenance else "active",
                "state": "active" if _busy(call, name) else "wait_for_agent_lock",
                "timestamp": int(call.now if node.down_since is None else node.down_since),
                "results": {},
            }
            for name, node in nodes.items()
        }
    answer["quorum"] = {"node": call.node.name, "quorate": "1" if cluster.quorate else ""}
    return answer


def _arm(call: Call) -> object:
    call.quorum()
    call.cluster.ha.disarmed = ""
    wake(call.cluster)
    return None


def _disarm(call: Call) -> object:
    call.quorum()
    call.cluster.ha.disarmed = call.params["resource-mode"]
    wake(call.cluster)
    return None
