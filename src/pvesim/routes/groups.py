"""Groups of users: /access/groups (pve-access-control `API2/Group.pm`)."""

from __future__ import annotations

from pvesim.api import Call, Routes, perm
from pvesim.errors import failed
from pvesim.identity import Group
from pvesim.permissions import writable
from pvesim.verify import GROUPID, TEXT


def register(routes: Routes) -> None:
    groups, one = "/access/groups", "/access/groups/{groupid}"
    allocate = perm(groups, "Group.Allocate")
    comment = {"comment": TEXT}
    routes.get(groups)(_groups)
    made = {"groupid": GROUPID.needed(), **comment}
    routes.post(groups, check=allocate, protected=True, params=made)(_create)
    audit = perm(groups, "Sys.Audit", "Group.Allocate", any_of=True)
    routes.get(one, check=audit)(_group)
    routes.put(one, check=allocate, protected=True, params=comment)(_change)
    routes.delete(one, check=allocate, protected=True)(_delete)


def _members(call: Call, name: str) -> list[str]:
    return sorted(userid for userid, user in call.cluster.identity.users.items() if name in user.groups)


def _groups(call: Call) -> object:
    rows: list[dict[str, object]] = []
    for name, group in call.cluster.identity.groups.items():
        if not call.can(f"/access/groups/{name}", "User.Modify", "Sys.Audit", "Group.Allocate", any_of=True):
            continue
        row: dict[str, object] = {"groupid": name, "users": ",".join(_members(call, name))}
        rows.append({**row, "comment": group.comment} if group.comment else row)
    return call.mixed(rows)


def _known(call: Call, failure: str = "") -> Group:
    name = call.params["groupid"]
    group = call.cluster.identity.groups.get(name)
    if group is None:
        raise failed(f"{failure}group '{name}' does not exist")
    return group


def _group(call: Call) -> object:
    group = _known(call)
    row: dict[str, object] = {"members": _members(call, call.params["groupid"])}
    return {**row, "comment": group.comment} if group.comment else row


def _create(call: Call) -> object:
    writable(call, "create group failed")
    name = call.params["groupid"]
    if name in call.cluster.identity.groups:
        raise failed(f"create group failed: group '{name}' already exists")
    call.cluster.identity.groups[name] = Group(call.params.get("comment", ""))
    return None


def _change(call: Call) -> object:
    writable(call, "update group failed")
    group = _known(call, "update group failed: ")
    group.comment = call.params.get("comment", group.comment)
    return None


def _delete(call: Call) -> object:
    writable(call, "delete group failed")
    _known(call, "delete group failed: ")
    name = call.params["groupid"]
    identity = call.cluster.identity
    del identity.groups[name]
    for user in identity.users.values():
        user.groups.discard(name)
    identity.forget("group", name)
    return None
