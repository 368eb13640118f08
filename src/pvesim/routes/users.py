"""Users and groups: /access/users, /access/groups."""

from __future__ import annotations

from pvesim.api import Call, Routes, perm
from pvesim.errors import failed
from pvesim.formats import words
from pvesim.identity import Group, User
from pvesim.permissions import existing, may_modify, writable
from pvesim.routes.tokens import token_info
from pvesim.verify import GROUPID, TEXT

_USER_TEXTS = ("comment", "email", "firstname", "lastname", "keys")


def register(routes: Routes) -> None:
    routes.get("/access/users")(_users)
    routes.post("/access/users")(_create_user)
    one = "/access/users/{userid}"
    routes.get(one)(_user)
    routes.put(one)(_change_user)
    routes.delete(one)(_delete_user)
    routes.get("/access/groups")(_groups)
    routes.post(
        "/access/groups",
        check=perm("/access/groups", "Group.Allocate"),
        protected=True,
        params={"groupid": GROUPID.needed(), "comment": TEXT},
    )(_create_group)
    routes.get("/access/tfa")(lambda call: [])


def _users(call: Call) -> object:
    identity = call.cluster.identity
    rows: list[dict[str, object]] = []
    for userid, user in identity.users.items():
        if userid != call.authid and not may_modify(call, userid, "User.Modify", "Sys.Audit"):
            continue
        if call.flag("enabled") and not user.enable:
            continue
        row: dict[str, object] = {
            "userid": userid,
            "enable": int(user.enable),
            "expire": user.expire,
            **user.text,
        }
        realm = identity.realms.get(userid.rpartition("@")[2])
        if realm is not None:
            row["realm-type"] = realm.type
        if call.flag("full"):
            row["groups"] = ",".join(sorted(user.groups))
            row["tokens"] = [{"tokenid": t, **token_info(each)} for t, each in user.tokens.items()] or None
        rows.append(row)
    return call.mixed(rows)


def _user(call: Call) -> object:
    user = existing(call)
    return {
        "enable": int(user.enable),
        "expire": user.expire,
        **user.text,
        "groups": sorted(user.groups),
        "tokens": {t: token_info(each) for t, each in user.tokens.items()} or None,
    }


def _create_user(call: Call) -> object:
    writable(call, "create user failed")
    given = call.params
    userid = given["userid"]
    identity = call.cluster.identity
    realm = userid.rpartition("@")[2]
    if userid in identity.users:
        raise failed(f"create user failed: user '{userid}' already exists")
    if "password" in given and realm not in identity.realms:
        raise failed(f"create user failed: domain '{realm}' does not exist")
    user = User(password=given.get("password", ""))
    identity.users[userid] = user
    _apply(user, given)
    identity.changed()
    return None


def _apply(user: User, given: dict[str, str]) -> None:
    if "enable" in given:
        user.enable = given["enable"] == "1"
    if "expire" in given:
        user.expire = int(given["expire"])
    for key in _USER_TEXTS:
        if key in given:
            user.text[key] = given[key]
    if "groups" in given:
        groups = set(words(given["groups"]))
        user.groups = user.groups | groups if given.get("append") == "1" else groups


def _change_user(call: Call) -> object:
    writable(call, "update user failed")
    _apply(existing(call), call.params)
    call.cluster.identity.changed()
    return None


def _delete_user(call: Call) -> object:
    writable(call, "delete user failed")
    user = existing(call)
    userid = call.params["userid"]
    identity = call.cluster.identity
    for tokenid in user.tokens:
        identity.forget("token", f"{userid}!{tokenid}")
    identity.forget("user", userid)
    del identity.users[userid]
    identity.changed()
    return None


def _groups(call: Call) -> object:
    identity = call.cluster.identity
    rows = []
    for name, group in identity.groups.items():
        if not call.can(f"/access/groups/{name}", "User.Modify", "Sys.Audit", "Group.Allocate", any_of=True):
            continue
        members = sorted(userid for userid, user in identity.users.items() if name in user.groups)
        row = {"groupid": name, "users": ",".join(members)}
        rows.append({**row, "comment": group.comment} if group.comment else row)
    return rows


def _create_group(call: Call) -> object:
    writable(call, "create group failed")
    name = call.params["groupid"]
    if name in call.cluster.identity.groups:
        raise failed(f"create group failed: group '{name}' already exists")
    call.cluster.identity.groups[name] = Group(call.params.get("comment", ""))
    return None
