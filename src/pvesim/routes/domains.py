"""Realms: /access/domains, and /access/openid that nobody can use here.

Sources: pve-access-control `API2/Domains.pm`, `API2/OpenId.pm`, `Auth/*.pm`.
"""

from __future__ import annotations

from pvesim import schema
from pvesim.api import Call, Routes, perm
from pvesim.errors import ApiError, failed
from pvesim.formats import words
from pvesim.identity import Realm, builtin_realm
from pvesim.model import digest
from pvesim.permissions import LOCK_TIMEOUT
from pvesim.verify import Param, text

_REALM = text(format="pve-realm", max_length=32)
_NEEDED = {
    "ldap": ("base_dn", "server1", "user_attr"),
    "ad": ("domain", "server1"),
    "openid": ("client-id", "issuer-url"),
}
_EVERY = frozenset(("comment", "default", "tfa"))
_LDAP = frozenset(
    [
        "base_dn",
        "bind_dn",
        "capath",
        "case-sensitive",
        "cert",
        "certkey",
        "filter",
        "group_classes",
        "group_dn",
        "group_filter",
        "group_name_attr",
        "mode",
        "port",
        "secure",
        "server1",
        "server2",
        "sslversion",
        "sync-defaults-options",
        "sync_attributes",
        "user_attr",
        "user_classes",
        "verify",
    ]
)
_OPTIONS = {
    "pam": _EVERY,
    "pve": _EVERY,
    "ldap": _EVERY | _LDAP,
    "ad": (_EVERY | _LDAP | {"domain"}) - {"user_attr"},
    "openid": frozenset(
        [
            "acr-values",
            "autocreate",
            "client-id",
            "client-key",
            "comment",
            "default",
            "groups-autocreate",
            "groups-claim",
            "groups-overwrite",
            "issuer-url",
            "prompt",
            "query-userinfo",
            "scopes",
            "username-claim",
        ]
    ),
}
_NUMBERS = frozenset(
    [
        "autocreate",
        "case-sensitive",
        "default",
        "groups-autocreate",
        "groups-overwrite",
        "port",
        "query-userinfo",
        "secure",
        "verify",
    ]
)


def register(routes: Routes) -> None:
    routes.get("/access/domains")(_domains)
    routes.post("/access/domains")(_create)
    one, path = "/access/domains/{realm}", "/access/realm"
    made = schema.find("POST", "/access/domains")
    assert made is not None
    changed = {
        name: param
        for name, param in made.parameters.items()
        if name not in ("realm", "type", "username-claim")
    }
    changed = {name: _optional(param) for name, param in changed.items()}
    changed |= {"delete": text(format="pve-configid-list", max_length=4096), "digest": text(max_length=64)}
    realm = {"realm": _REALM.needed()}
    audit = perm(path, "Realm.Allocate", "Sys.Audit", any_of=True)
    routes.get(one, check=audit, params=realm)(_domain)
    allocate = perm(path, "Realm.Allocate")
    routes.put(one, check=allocate, protected=True, params={**changed, **realm})(_change)
    routes.delete(one, check=allocate, protected=True, params=realm)(_delete)
    routes.get("/access/openid")(lambda call: [{"subdir": "auth-url"}, {"subdir": "login"}])
    url = {"redirect-url": text(max_length=255).needed()}
    routes.post("/access/openid/auth-url", protected=True, params={**realm, **url})(_auth_url)
    answer = {name: text(max_length=4096).needed() for name in ("code", "state")}
    routes.post("/access/openid/login", protected=True, params={**url, **answer})(_sign_in_by_openid)


def _optional(param: Param) -> Param:
    return Param(**{field: getattr(param, field) for field in param.__struct_fields__} | {"optional": 1})


def _domains(call: Call) -> object:
    rows = []
    for name, realm in call.cluster.identity.realms.items():
        row: dict[str, object] = {"realm": name, "type": realm.type}
        if realm.comment:
            row["comment"] = realm.comment
        if realm.options.get("default") == "1":
            row["default"] = 1
        if "tfa" in realm.options:
            row["tfa"] = dict(
                part.split("=", 1) for part in realm.options["tfa"].split(",") if "=" in part
            ).get("type")
        rows.append(row)
    return call.mixed(rows)


def _known(call: Call, failure: str = "") -> Realm:
    name = call.params["realm"]
    realm = call.cluster.identity.realms.get(name)
    if realm is None:
        raise failed(f"{failure}domain '{name}' does not exist")
    return realm


def _domain(call: Call) -> object:
    realm = _known(call)
    row: dict[str, object] = {"type": realm.type, "digest": _digest(call)}
    if realm.comment:
        row["comment"] = realm.comment
    return row | {name: int(value) if name in _NUMBERS else value for name, value in realm.options.items()}


def _digest(call: Call) -> str:
    realms = call.cluster.identity.realms
    return digest(
        repr(sorted((name, r.type, r.comment, sorted(r.options.items())) for name, r in realms.items()))
    )


def _lock(call: Call, failure: str) -> None:
    if not call.cluster.quorate:
        delay = LOCK_TIMEOUT * call.cluster.settings.delay_scale
        raise failed(f"{failure}: cfs-lock 'file-domains_cfg' error: no quorum!", delay=delay)


def _create(call: Call) -> object:
    failure = "add auth server failed"
    _lock(call, failure)
    given = dict(call.params)
    name, kind = given.pop("realm"), given.pop("type")
    realms = call.cluster.identity.realms
    if name in realms:
        raise failed(f"{failure}: domain '{name}' already exists")
    if kind in ("pam", "pve"):
        raise failed(f"{failure}: unable to create builtin type '{kind}'")
    for secret in ("password", "check-connection"):
        given.pop(secret, None)
    _fitting(failure, kind, given)
    for needed in _NEEDED.get(kind, ()):
        if needed not in given:
            raise failed(f"{failure}: missing value for required option '{needed}'")
    realm = Realm(kind, given.pop("comment", ""), given)
    _only_default(realms, realm)
    realms[name] = realm
    return None


def _fitting(failure: str, kind: str, given: dict[str, str]) -> None:
    for option in given:
        if option not in _OPTIONS.get(kind, frozenset()):
            raise failed(f"{failure}: unexpected property '{option}'")


def _only_default(realms: dict[str, Realm], realm: Realm) -> None:
    if realm.options.get("default") == "1":
        for other in realms.values():
            if other is not realm:
                other.options.pop("default", None)


def _change(call: Call) -> object:
    failure = "update auth server failed"
    _lock(call, failure)
    given = dict(call.params)
    if given.pop("digest", None) not in (None, _digest(call)):
        raise failed(f"{failure}: detected modified configuration - file changed by other user? Try again.")
    realm = _known(call, f"{failure}: ")
    del given["realm"]
    removed = words(given.pop("delete", ""))
    if not removed and not given:
        raise failed(f"{failure}: no options specified")
    for secret in ("password", "check-connection"):
        given.pop(secret, None)
    _fitting(failure, realm.type, given)
    for option in removed:
        if option == "comment":
            realm.comment = ""
        realm.options.pop(option, None)
    realm.comment = given.pop("comment", realm.comment)
    realm.options |= given
    _only_default(call.cluster.identity.realms, realm)
    return None


def _delete(call: Call) -> object:
    failure = "delete auth server failed"
    _lock(call, failure)
    _known(call, f"{failure}: ")
    name = call.params["realm"]
    realms = call.cluster.identity.realms
    del realms[name]
    if name in ("pam", "pve"):  # what domains.cfg lacks is there all the same
        realms[name] = builtin_realm(name)
    return None


def _auth_url(call: Call) -> object:
    name = call.params["realm"]
    realm = call.cluster.identity.realms.get(name)
    if realm is None:
        raise failed(f"authentication domain '{name}' does not exist")
    if realm.type != "openid":
        raise failed(f"wrong realm type ({realm.type} != openid)")
    raise failed("failed to discover openid configuration")  # there is no provider to be asked


def _sign_in_by_openid(call: Call) -> object:
    raise ApiError(401, "authentication failure")
