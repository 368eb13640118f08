"""Signing in, and what one may do: /access/ticket, /access/permissions, /access/domains."""

from __future__ import annotations

import json

from pvesim.api import Call, Routes
from pvesim.errors import ApiError
from pvesim.formats import words
from pvesim.identity import ROOT, User, steps
from pvesim.model import user_of
from pvesim.privileges import CAP_PATHS, capabilities
from pvesim.verify import TEXT

#: Paths that /access/permissions always looks at (pve-access-control `get_effective_permissions`).
_WELL_KNOWN = ("/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms")


def register(routes: Routes) -> None:
    routes.get("/access")(_index)
    routes.get("/access/domains")(_domains)
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


def _domains(call: Call) -> object:
    return call.mixed(
        [
            {"realm": name, "type": realm.type, "comment": realm.comment}
            for name, realm in call.cluster.identity.realms.items()
        ]
    )


def _sign_in(call: Call) -> object:
    """Password or a still valid ticket; root's ticket signs in anybody (API2/AccessControl.pm)."""
    cluster = call.cluster
    given = call.params
    name = given["username"]
    if "realm" in given:
        name = f"{name}@{given['realm']}"
    user = cluster.identity.users.get(name)
    if user is None or not _may_sign_in(user, name, call.now) or "otp" in given:
        raise _refused()
    owner = cluster.tickets.owner(given["password"], call.now)
    by_ticket = owner in (name, ROOT)
    if owner is not None and owner.startswith("!tfa!"):
        by_ticket = False
    password = call.node.pam.get(name, user.password)
    if not by_ticket and (not password or password != given["password"]):
        raise _refused()
    checks_path = "path" in given and "privs" in given
    if checks_path and not cluster.identity.allowed(name, given["path"], words(given["privs"])):
        raise _refused()
    if user.totp and not by_ticket:
        challenge = json.dumps({"totp": True, "recovery": "unavailable"})
        return {
            "username": name,
            "ticket": cluster.tickets.ticket(f"!tfa!{challenge}", call.now),
            "CSRFPreventionToken": cluster.tickets.csrf(name, call.now),
            "NeedTFA": 1,
        }
    answer: dict[str, object] = {
        "username": name,
        "cap": {
            section: capabilities(section, frozenset(cluster.identity.privileges(name, path)))
            for section, path in CAP_PATHS.items()
        },
    }
    if not checks_path:  # asking whether somebody may do something gives no ticket
        answer["ticket"] = cluster.tickets.ticket(name, call.now)
        answer["CSRFPreventionToken"] = cluster.tickets.csrf(name, call.now)
    if cluster.clustered and cluster.identity.allowed(name, "/", ["Sys.Audit"]):
        answer["clustername"] = cluster.name
    return answer


def _may_sign_in(user: User, name: str, now: float) -> bool:
    return name == ROOT or (user.enable and not (user.expire and user.expire <= now))


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
    paths = dict.fromkeys((*_WELL_KNOWN, *(step for path in identity.acl for step in steps(path))))
    return {path: held for path in paths if (held := _flags(call, who, path))}


def _flags(call: Call, who: str, path: str) -> dict[str, int]:
    return {p: int(prop) for p, prop in call.cluster.identity.privileges(who, path).items()}


def _change_password(call: Call) -> object:
    userid = call.params["userid"]
    user = call.cluster.identity.users.get(userid)
    if user is None:
        raise ApiError(500, f"no such user ('{userid}')")
    if userid.endswith("@pam"):  # PAM knows the node's own users only
        call.node.pam[userid] = call.params["password"]
    else:
        user.password = call.params["password"]
    return None
