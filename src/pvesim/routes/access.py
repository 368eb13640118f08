"""Signing in, and what one may do: /access/ticket, /access/permissions, /access/domains."""

from __future__ import annotations

import json
from urllib.parse import quote

from pvesim import secondfactor as second
from pvesim.api import Call, Routes
from pvesim.errors import ApiError, failed, forbidden, invalid
from pvesim.formats import words
from pvesim.identity import ROOT, User, steps
from pvesim.model import user_of
from pvesim.permissions import existing
from pvesim.privileges import CAP_PATHS, capabilities
from pvesim.verify import TEXT

#: Paths that /access/permissions always looks at (pve-access-control `get_effective_permissions`).
_WELL_KNOWN = ("/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms")


def register(routes: Routes) -> None:
    routes.get("/access")(_index)
    routes.get("/access/ticket")(lambda call: None)
    routes.post("/access/ticket")(_sign_in)
    routes.post(
        "/access/vncticket",
        protected=True,
        since="9.0",
        params=dict.fromkeys(("authid", "vncticket", "path", "privs"), TEXT.needed()),
    )(_verify_vnc_ticket)
    routes.get("/access/permissions")(_permissions)
    routes.put("/access/password")(_change_password)


def _index(call: Call) -> object:
    names = ("users", "groups", "roles", "acl", "domains", "openid", "tfa", "ticket", "password")
    return [{"subdir": name} for name in names]


def _sign_in(call: Call) -> object:
    """Password, a still valid ticket, or the answer to a challenge; root's ticket signs in anybody
    (API2/AccessControl.pm, create_ticket)."""
    cluster = call.cluster
    given = call.params
    name = given["username"]
    if "realm" in given:
        name = f"{name}@{given['realm']}"
    user = cluster.identity.users.get(name)
    now = call.node.now()
    if user is None or not _may_sign_in(user, name, now) or "otp" in given:
        raise _refused()
    checks_path = "path" in given and "privs" in given
    asked = None
    if "tfa-challenge" in given and not checks_path:
        _answer(call, name, user)
    elif cluster.tickets.owner(given["password"], now) not in (name, ROOT):
        if not _right(call, name, user, given["password"]):
            raise _refused()
        asked = second.challenge(user)
    if checks_path and not cluster.identity.allowed(name, given["path"], words(given["privs"])):
        raise _refused()
    answer: dict[str, object] = {"username": name}
    if asked is not None:
        text = quote(json.dumps(asked, separators=(",", ":")), safe="!*'()")
        answer["ticket"] = cluster.tickets.ticket(f"!tfa!{text}", now, bound_to=name)
        answer["NeedTFA"] = 1
    else:
        answer["cap"] = {
            section: capabilities(section, frozenset(cluster.identity.privileges(name, path)))
            for section, path in CAP_PATHS.items()
        }
    if not checks_path:  # asking whether somebody may do something gives no ticket
        answer.setdefault("ticket", cluster.tickets.ticket(name, now))
        answer["CSRFPreventionToken"] = cluster.tickets.csrf(name, now)
    if cluster.clustered and cluster.identity.allowed(name, "/", ["Sys.Audit"]):
        answer["clustername"] = cluster.called
    cluster.log.say(call.node.name, now, "root@pam", f"successful auth for user '{name}'")
    return answer


def _answer(call: Call, name: str, user: User) -> None:
    """The second step: the challenge's ticket, and "totp:CODE" for a password. Raises 401."""
    owner = call.cluster.tickets.owner(call.params["tfa-challenge"], call.node.now(), bound_to=name) or ""
    if not owner.startswith("!tfa!") or not second.passes(user, call.params["password"], call.node.now()):
        raise _refused()


def _right(call: Call, name: str, user: User, password: str) -> bool:
    """Whether that is the user's password; those of the system are each node's own (PAM)."""
    known = call.node.passwords.get(name, user.password)
    return bool(known) and known == password


def _may_sign_in(user: User, name: str, now: float) -> bool:
    return name == ROOT or (user.enable and not (user.expire and user.expire < int(now)))


def _refused() -> ApiError:
    return ApiError(401, "authentication failure")


def _verify_vnc_ticket(call: Call) -> object:
    raise _refused()  # there is no console here, so there are no tickets for one


def _permissions(call: Call) -> object:
    identity = call.cluster.identity
    who = call.params.get("userid", call.authid)
    own = who == call.authid or (not call.is_token and user_of(who) == call.authid)
    if not own:
        call.need("/access", "Sys.Audit")
    if "path" in call.params:
        path = call.params["path"]
        return {path: _flags(call, who, path)}
    paths = dict.fromkeys(_WELL_KNOWN)
    paths |= dict.fromkeys(step for path in identity.acl for step in steps(path))
    paths |= dict.fromkeys(identity.pool_of)
    return {path: held for path in paths if (held := _flags(call, who, path))}


def _flags(call: Call, who: str, path: str) -> dict[str, int]:
    return {p: int(prop) for p, prop in call.cluster.identity.privileges(who, path).items()}


def _change_password(call: Call) -> object:
    userid, password = call.params["userid"], call.params["password"]
    user = existing(call)
    confirm(call, "confirmation-password")
    name = userid.rpartition("@")[2]
    realm = call.cluster.identity.realms.get(name)
    if realm is None:
        raise failed(f"auth domain '{name}' does not exist")
    if realm.type == "pam":
        call.node.passwords[userid] = password
    elif realm.type == "pve":
        user.password = password
    else:
        raise failed(f"can't set password on auth type '{realm.type}'")
    call.cluster.log.say(call.node.name, call.now, "root@pam", f"changed password for user '{userid}'")
    return None


def confirm(call: Call, parameter: str) -> None:
    """Who changes how somebody signs in gives his own password, unless he is root@pam himself
    (`reauth_user_for_user_modification`). Raises 403 for root's, 400 without a password, 500 for a wrong one."""
    if call.is_root:
        return
    userid = call.params["userid"]
    if userid == ROOT or (userid != call.authid and userid.endswith("@pam")):
        raise forbidden()
    if parameter not in call.params:
        raise invalid(**{parameter: "password is required to modify user"})
    user = call.cluster.identity.users[call.authid]
    if not _right(call, call.authid, user, call.params[parameter]):
        raise failed("invalid credentials")
