"""Roles and access control entries: /access/roles, /access/acl."""

from __future__ import annotations

import re

import msgspec

from pvesim.api import Call, Routes, perm
from pvesim.errors import failed, invalid
from pvesim.formats import words
from pvesim.identity import split_token
from pvesim.permissions import may_give, normal, writable
from pvesim.verify import BOOLEAN, text

_NAME = r"[\w.\-]+"
_CHARACTERS = re.compile(r"[\w.\-/]+", re.ASCII)
#: Where entries may be made (pve-access-control `AccessControl.pm`, check_path).
_PATH = re.compile(
    rf"/|/access(?:/groups(?:/{_NAME})?|/realm(?:/{_NAME})?)?|/nodes(?:/{_NAME})?|/pool(?:/{_NAME}){{0,3}}"
    rf"|/sdn|/sdn/(?:controllers|dns|fabrics|ipams|prefix-lists|route-maps)(?:/{_NAME})?"
    rf"|/sdn/zones(?:/{_NAME}(?:/{_NAME}(?:/[1-9][0-9]{{0,3}})?)?)?"
    rf"|/storage(?:/{_NAME})?|/vms(?:/[1-9][0-9]{{2,}})?|/mapping(?:/{_NAME}){{0,2}}",
    re.ASCII,
)


def register(routes: Routes) -> None:
    routes.get("/access/roles")(_roles)
    routes.get("/access/roles/{roleid}")(_role)
    routes.post("/access/roles")(_create_role)
    routes.put(
        "/access/roles/{roleid}",
        check=perm("/access", "Sys.Modify"),
        protected=True,
        params={
            "privs": text(format="pve-priv-list"),
            "append": msgspec.structs.replace(BOOLEAN, requires="privs"),
        },
    )(_change_role)
    routes.delete("/access/roles/{roleid}", check=perm("/access", "Sys.Modify"), protected=True)(_delete_role)
    routes.get("/access/acl")(_acl)
    routes.put("/access/acl")(_change_acl)


def _roles(call: Call) -> object:
    identity = call.cluster.identity
    return call.mixed(
        [
            {
                "roleid": name,
                "privs": ",".join(sorted(identity.role(name) or ())),
                "special": int(name in identity.builtin),
            }
            for name in identity.role_names()
        ]
    )


def _role(call: Call) -> object:
    privileges = call.cluster.identity.role(call.params["roleid"])
    if privileges is None:
        raise failed(f"role '{call.params['roleid']}' does not exist")
    return dict.fromkeys(sorted(privileges), 1)


def _create_role(call: Call) -> object:
    writable(call, "create role failed")
    name = call.params["roleid"]
    identity = call.cluster.identity
    if name.upper().startswith("PVE"):
        raise invalid(roleid="cannot use role ID starting with the (case-insensitive) 'PVE' namespace")
    if identity.role(name) is not None:
        raise failed(f"create role failed: role '{name}' already exists")
    identity.custom_roles[name] = frozenset(words(call.params.get("privs", "")))
    return None


def _change_role(call: Call) -> object:
    name = call.params["roleid"]
    identity = call.cluster.identity
    if name in identity.builtin:
        raise failed(f"auto-generated role '{name}' cannot be modified")
    writable(call, "update role failed")
    known = identity.custom_roles.get(name)
    if known is None:
        raise failed(f"update role failed: role '{name}' does not exist")
    privileges = frozenset(words(call.params.get("privs", "")))
    identity.custom_roles[name] = known | privileges if call.flag("append") else privileges
    identity.changed()
    return None


def _delete_role(call: Call) -> object:
    writable(call, "delete role failed")
    name = call.params["roleid"]
    identity = call.cluster.identity
    if name in identity.builtin:
        raise failed(f"auto-generated role '{name}' cannot be deleted")
    if name not in identity.custom_roles:
        raise failed(f"delete role failed: role '{name}' does not exist")
    del identity.custom_roles[name]
    identity.forget_role(name)
    return None


def _acl(call: Call) -> object:
    """Entries on the paths where one may give rights; all of them for who may audit /access."""
    rows = call.cluster.identity.listing()
    if call.is_root or call.can("/access", "Sys.Audit"):
        return rows
    allowed = {path: may_give(call, path) for path in call.cluster.identity.acl}
    return [row for row in rows if allowed[str(row["path"])]]


def _change_acl(call: Call) -> object:
    given = call.params
    identity = call.cluster.identity
    kinds = (("group", "groups"), ("user", "users"), ("token", "tokens"))
    if not any(given.get(plural) for _, plural in kinds):
        missing = "either 'users', 'groups' or 'tokens' is required."
        raise invalid(users=missing, groups=missing, tokens=missing)
    path, remove = normal(given["path"]), call.flag("delete")
    if not _CHARACTERS.fullmatch(path) or not (remove or _PATH.fullmatch(path)):
        raise invalid(path=f"invalid ACL path '{given['path']}'")
    writable(call, "ACL update failed")
    propagate = given.get("propagate", "1") == "1"
    changes: list[tuple[str, str, str]] = []
    for role in words(given["roles"]):
        if identity.role(role) is None:
            raise failed(f"ACL update failed: role '{role}' does not exist")
        _may_hand_out(call, path, role, propagate)
        for kind, plural in kinds:
            for who in words(given.get(plural, "")):
                _must_exist(call, kind, who)
                changes.append((kind, who, role))
    for kind, who, role in changes:  # all or nothing, as the file is written in the end
        if remove:
            identity.revoke(path, kind, who, role)
        else:
            identity.grant(path, kind, who, role, propagate)
    return None


def _may_hand_out(call: Call, path: str, role: str, propagate: bool) -> None:
    """Without Permissions.Modify only what one holds oneself. Raises 500, with a 400 inside."""
    held = call.cluster.identity.privileges(call.authid, path)
    if "Permissions.Modify" in held:
        return
    remove = call.flag("delete")
    what = f"Cannot {'remove' if remove else 'add'} role '{role}'"
    for privilege in sorted(call.cluster.identity.role(role) or ()):
        wrong = ""
        if privilege not in held:
            wrong = f"{what} - requires 'Permissions.Modify' or superset of privileges."
        elif propagate and not held[privilege] and not remove:
            wrong = f"{what} with propagation - requires 'Permissions.Modify' or propagated superset of privileges."
        if wrong:
            raise failed(f"ACL update failed: 400 Parameter verification failed.\nrole: {wrong}")


def _must_exist(call: Call, kind: str, who: str) -> None:
    identity = call.cluster.identity
    if kind == "user" and who not in identity.users:
        raise failed(f"ACL update failed: user '{who}' does not exist")
    if kind == "group" and who not in identity.groups:
        raise failed(f"ACL update failed: group '{who}' does not exist")
    if kind == "token" and identity.token(who) is None:
        user, token = split_token(who)
        if user not in identity.users:
            raise failed(f"ACL update failed: no such user ('{user}')")
        raise failed(f"ACL update failed: no such token '{token}' for user '{user}'")
