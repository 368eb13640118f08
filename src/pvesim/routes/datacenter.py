"""What holds for the whole cluster: datacenter.cfg (`/cluster/options`) and the next free id.

Sources: pve-manager `API2/Cluster.pm`, pve-cluster `PVE/DataCenterConfig.pm`.
"""

from __future__ import annotations

from pvesim import schema
from pvesim.api import Call, Routes
from pvesim.errors import failed, invalid
from pvesim.formats import words

#: Property strings that the parser of datacenter.cfg takes apart; the others stay texts.
_TAKEN_APART = (
    "consent-text", "crs", "ha", "migration", "next-id", "notify", "replication", "tag-style", "u2f",
    "user-tag-access", "webauthn",
)  # fmt: skip
_LOWEST, _HIGHEST = 100, 1_000_000


def register(routes: Routes) -> None:
    routes.get("/cluster/nextid")(_nextid)
    routes.get("/cluster/options")(_options)
    routes.put("/cluster/options")(_change)


def _options(call: Call) -> object:
    known = call.cluster.options
    used = {tag for guest in call.cluster.guests.values() for tag in words(guest.tags)}
    registered = words(str(known.get("registered-tags", "")))
    tags = sorted(used | set(registered))
    if not call.can("/", "Sys.Audit"):
        return {"allowed-tags": tags}
    shown: dict[str, object] = {**known, "allowed-tags": tags}
    if registered:
        shown["registered-tags"] = registered
    for key in known.keys() & set(_TAKEN_APART):
        shown[key] = _taken_apart(key, str(known[key]))
    return shown


def _taken_apart(key: str, text: str) -> object:
    """A property string as an object; numbers stay the texts that they were written as."""
    form = schema.methods()["PUT /cluster/options"].parameters[key].format
    if not isinstance(form, dict):
        return text
    usual = next((name for name, spec in form.items() if spec.default_key), "")
    parts = (part.partition("=") for part in text.split(",") if part)
    return {name if equals else usual: value if equals else name for name, equals, value in parts}


def _change(call: Call) -> object:
    given = dict(call.params)
    known = call.cluster.options
    gone = words(given.pop("delete", ""))
    if unknown := next((key for key in gone if key not in _names()), ""):
        raise invalid(delete=f"unknown option '{unknown}'")
    for key, value in given.items():
        known[key] = int(value) if key == "max_workers" else value
    for key in gone:
        known.pop(key, None)
    return None


def _names() -> frozenset[str]:
    return frozenset(schema.methods()["PUT /cluster/options"].parameters) - {"delete"}


def _nextid(call: Call) -> object:
    """The lowest free id of the range; nothing is reserved by asking."""
    cluster = call.cluster
    wanted = call.params.get("vmid")
    if wanted:
        if int(wanted) in cluster.guests:
            raise invalid(vmid=f"VM {wanted} already exists")
        return wanted
    limits = _taken_apart("next-id", str(cluster.options.get("next-id", "")))
    assert isinstance(limits, dict)
    lower, upper = int(limits.get("lower", _LOWEST)), int(limits.get("upper", _HIGHEST))
    free = next((vmid for vmid in range(lower, upper) if vmid not in cluster.guests), None)
    if free is None:
        raise failed(f"unable to get any free VMID in range [{lower}, {upper}]")
    return str(free)
