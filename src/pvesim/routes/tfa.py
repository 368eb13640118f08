"""Second factors: /access/tfa, /access/users/{userid}/{tfa,unlock-tfa}.

Sources: pve-access-control `API2/TFA.pm` and `API2/User.pm`, proxmox-rs `proxmox-tfa`. WebAuthn, U2F and
Yubico keys cannot be set up.
"""

from __future__ import annotations

from pvesim import secondfactor as second
from pvesim.api import Call, Check, Routes
from pvesim.errors import ApiError, failed
from pvesim.identity import Factor, User
from pvesim.permissions import existing, may_modify, permitted
from pvesim.routes.access import confirm
from pvesim.verify import BOOLEAN, TEXT, choice, text

_KINDS = ("totp", "u2f", "webauthn", "recovery", "yubico")
_PASSWORD = text(min_length=5, max_length=64)
_DESCRIPTION = text(max_length=255)


def _by(*privileges: str, oneself: bool = True) -> Check:
    """The user himself, or who holds one of the privileges on his groups."""
    group = ["userid-group", list(privileges)]
    test = ["or", ["userid-param", "self"], group] if oneself else group
    return lambda call: permitted(call, {"check": test})


def register(routes: Routes) -> None:
    audit, modify = _by("User.Modify", "Sys.Audit"), _by("User.Modify")
    routes.get("/access/tfa", protected=True)(_all)
    of, one = "/access/tfa/{userid}", "/access/tfa/{userid}/{id}"
    routes.get(of, check=audit, protected=True)(_of_user)
    routes.get(one, check=audit, protected=True)(_one)
    routes.post(
        of,
        check=modify,
        protected=True,
        tokens=False,
        params={
            "type": choice(*_KINDS).needed(),
            "description": _DESCRIPTION,
            "totp": TEXT,
            "value": TEXT,
            "challenge": TEXT,
            "password": _PASSWORD,
        },
    )(_add)
    changed = {"description": _DESCRIPTION, "enable": BOOLEAN, "password": _PASSWORD}
    routes.put(one, check=modify, protected=True, tokens=False, params=changed)(_change)
    routes.delete(one, check=modify, protected=True, tokens=False, params={"password": _PASSWORD})(_delete)
    user = "/access/users/{userid}"
    routes.get(f"{user}/tfa", check=audit, protected=True, params={"multiple": BOOLEAN})(_types)
    unlock = _by("User.Modify", oneself=False)
    routes.put(f"{user}/unlock-tfa", check=unlock, protected=True)(_unlock)


def _rows(user: User) -> list[dict[str, object]]:
    return [second.entry(name, factor) for name, factor in second.factors(user).items()]


def _all(call: Call) -> object:
    rows: list[dict[str, object]] = []
    for userid, user in call.cluster.identity.users.items():
        entries = _rows(user)
        if not entries:
            continue
        if not (
            call.is_root or userid == call.authid or may_modify(call, userid, "User.Modify", "Sys.Audit")
        ):
            continue
        row: dict[str, object] = {"userid": userid, "entries": entries}
        rows.append({**row, "totp-locked": 1} if second.locked(user) else row)
    return rows


def _of_user(call: Call) -> object:
    user = call.cluster.identity.users.get(call.params["userid"])
    return _rows(user) if user is not None else []


def _known(call: Call) -> tuple[User, str, Factor]:
    """Raises 404, which Proxmox says nowhere else."""
    name = call.params["id"]
    user = call.cluster.identity.users.get(call.params["userid"])
    factor = second.factors(user).get(name) if user is not None else None
    if user is None or factor is None:
        raise ApiError(404, f"No such tfa entry '{name}'")
    return user, name, factor


def _one(call: Call) -> object:
    _, name, factor = _known(call)
    return second.entry(name, factor)


def _add(call: Call) -> object:
    user = existing(call)
    confirm(call, "password")
    given = call.params
    kind = given["type"]
    own = user.factors = user.factors or {}
    if kind == "recovery":
        if any(name in given for name in ("description", "totp", "value", "challenge")):
            raise failed("generating recovery tokens does not allow additional parameters")
        if kind in own:
            raise failed("user already has recovery keys")
        own[kind] = second.new_recovery(call.now, call.cluster.chance)
        return {"id": kind, "recovery": list(own[kind].keys)}
    if kind != "totp":
        text = "yubico otp" if kind == "yubico" else kind
        raise failed(f"no {text} configuration available")
    if "totp" not in given or "value" not in given:
        raise failed("'totp' type requires both 'totp' and 'value' parameters")
    if "description" not in given:
        raise failed("'description' is required for new entries")
    factor = second.new_totp(given["totp"], given["value"], given["description"], call.now)
    name = call.cluster.new_secret()
    own[name] = factor
    return {"id": name}


def _change(call: Call) -> object:
    existing(call)
    confirm(call, "password")
    _, _, factor = _known(call)
    factor.description = call.params.get("description", factor.description)
    if "enable" in call.params:
        factor.enable = call.flag("enable")
    return None


def _delete(call: Call) -> object:
    existing(call)
    confirm(call, "password")
    user, name, _ = _known(call)
    if name == second.OF_SCENE:
        user.totp = False
    else:
        assert user.factors is not None
        del user.factors[name]
    return None


def _types(call: Call) -> object:
    user = existing(call)
    types = sorted({factor.type for factor in second.factors(user).values()})
    if call.flag("multiple"):
        return {"types": types} | ({"user": "incompatible"} if types else {})
    if not types:
        return {}
    return {"user": "oath" if types == ["totp"] else types[0] if len(types) == 1 else "incompatible"}


def _unlock(call: Call) -> object:
    user = existing(call)
    was, user.failures = second.locked(user), 0
    return int(was)
