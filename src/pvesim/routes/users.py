"""Users: /access/users (pve-access-control `API2/User.pm`)."""

from __future__ import annotations

from pvesim import secondfactor as second
from pvesim.api import Call, Routes
from pvesim.errors import failed
from pvesim.formats import words
from pvesim.identity import ROOT, User
from pvesim.permissions import existing, may_modify, writable
from pvesim.routes.tokens import token_info

_USER_TEXTS = ("comment", "email", "firstname", "lastname", "keys")


def register(routes: Routes) -> None:
    routes.get("/access/users")(_users)
    routes.post("/access/users")(_create_user)
    one = "/access/users/{userid}"
    routes.get(one)(_user)
    routes.put(one)(_change_user)
    routes.delete(one)(_delete_user)


def _users(call: Call) -> object:
    identity = call.cluster.identity
    rows: list[dict[str, object]] = []
    enabled = call.params.get("enabled")
    for userid, user in sorted(identity.users.items()):
        if userid != call.authid and not may_modify(call, userid, "User.Modify", "Sys.Audit"):
            continue
        if enabled is not None and user.enable != (enabled == "1"):
            continue
        row: dict[str, object] = {"userid": userid, **_shown(user)}
        realm = identity.realms.get(userid.rpartition("@")[2])
        if realm is not None:
            row["realm-type"] = realm.type
        if call.flag("full"):
            row["groups"] = ",".join(sorted(user.groups))
            row["tokens"] = [{"tokenid": t, **token_info(each)} for t, each in user.tokens.items()] or None
        if second.locked(user):
            row["totp-locked"] = 1
        rows.append(row)
    return rows


def _shown(user: User) -> dict[str, object]:
    """What user.cfg says of a user. In its lines an empty e-mail stands if something stands behind it."""
    row: dict[str, object] = {"enable": int(user.enable), "expire": user.expire}
    row |= {key: value for key in _USER_TEXTS if (value := user.text.get(key))}
    if "comment" in row or "keys" in row:
        row.setdefault("email", "")
    return row


def _user(call: Call) -> object:
    user = existing(call)
    return {
        **_shown(user),
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
        raise failed(f"create user failed: auth domain '{realm}' does not exist")
    user = User(password=given.get("password", ""))
    _apply(call, user, "create user failed")
    identity.users[userid] = user
    identity.changed()
    return None


def _apply(call: Call, user: User, failure: str) -> None:
    """All or nothing. Raises 500 where a group does not exist."""
    given = call.params
    groups = set(words(given.get("groups", "")))
    for group in sorted(groups):
        if group not in call.cluster.identity.groups:
            raise failed(f"{failure}: no such group '{group}'")
    if "enable" in given:
        user.enable = given["enable"] == "1"
    if "expire" in given:
        user.expire = int(given["expire"])
    for key in _USER_TEXTS:
        if key in given:
            user.text[key] = given[key]
    if "groups" in given:
        user.groups = user.groups | groups if given.get("append") == "1" else groups


def _change_user(call: Call) -> object:
    writable(call, "update user failed")
    _apply(call, existing(call), "update user failed")
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
    if userid == ROOT:  # comes back by itself, with nothing of his own
        identity.users[ROOT] = User(password=user.password)
    else:
        del identity.users[userid]
    identity.changed()
    return None
