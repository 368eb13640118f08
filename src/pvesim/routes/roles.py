"""Roles and access control entries: /access/roles, /access/acl."""

from __future__ import annotations

from pvesim.api import Call, Routes, perm
from pvesim.errors import failed, invalid
from pvesim.formats import words
from pvesim.identity import split_token
from pvesim.permissions import normal, writable


def register(routes: Routes) -> None:
    routes.get("/access/roles")(_roles)
    routes.get("/access/roles/{roleid}")(_role)
    routes.post("/access/roles")(_create_role)
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
    if identity.role(name) is not None:
        raise failed(f"create role failed: role '{name}' already exists")
    identity.custom_roles[name] = frozenset(words(call.params.get("privs", "")))
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
    for entries in identity.acl.values():
        for kind in ("user", "group", "token"):
            for roles in entries.of(kind).values():
                roles.pop(name, None)
    identity.changed()
    return None


def _acl(call: Call) -> object:
    identity = call.cluster.identity
    everything = call.can("/access", "Sys.Audit") or call.can("/access", "Permissions.Modify")
    rows = identity.listing()
    return rows if everything else [r for r in rows if call.can(str(r["path"]), "Permissions.Modify")]


def _change_acl(call: Call) -> object:
    writable(call, "ACL update failed")
    given = call.params
    identity = call.cluster.identity
    path = normal(given["path"])
    kinds = (("user", "users"), ("group", "groups"), ("token", "tokens"))
    if not any(given.get(plural) for _, plural in kinds):
        raise invalid(users="property is missing and it is not optional")
    for role in words(given["roles"]):
        if identity.role(role) is None:
            raise failed(f"ACL update failed: role '{role}' does not exist")
        for kind, plural in kinds:
            for who in words(given.get(plural, "")):
                _must_exist(call, kind, who)
                if call.flag("delete"):
                    identity.revoke(path, kind, who, role)
                else:
                    identity.grant(path, kind, who, role, given.get("propagate", "1") == "1")
    return None


def _must_exist(call: Call, kind: str, who: str) -> None:
    identity = call.cluster.identity
    if kind == "user" and who not in identity.users:
        raise failed(f"ACL update failed: user '{who}' does not exist")
    if kind == "group" and who not in identity.groups:
        raise failed(f"ACL update failed: group '{who}' does not exist")
    if kind == "token" and identity.token(who) is None:
        user, token = split_token(who)
        raise failed(f"ACL update failed: no such token '{token}' for user '{user}'")
