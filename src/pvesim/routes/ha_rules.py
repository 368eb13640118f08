"""Where managed guests may be: /cluster/ha/rules (9.x) and /cluster/ha/groups (8.x).

Sources: ha-manager `API2/HA/Rules.pm`, `API2/HA/Groups.pm`, `HA/Rules/*.pm`.
"""

from __future__ import annotations

from collections.abc import Mapping

from pvesim.api import Call, Routes
from pvesim.errors import ApiError, failed
from pvesim.formats import words
from pvesim.highavail import Options
from pvesim.routes.ha import domain, file_digest, parsed_sid
from pvesim.works.hastack import wake
from pvesim.works.placement import names, parsed

_NEEDED = {"node-affinity": ("resources", "nodes"), "resource-affinity": ("resources", "affinity")}
_ALLOWED = {
    "node-affinity": ("resources", "nodes", "strict", "disable", "comment"),
    "resource-affinity": ("resources", "affinity", "disable", "comment"),
}
_FLAGS = ("strict", "disable", "nofailback", "restricted")
_MIGRATED = "ha groups have been migrated to rules"


def register(routes: Routes) -> None:
    rules = "/cluster/ha/rules"
    routes.get(rules)(_rules)
    routes.post(rules)(_create_rule)
    routes.get(f"{rules}/{{rule}}")(_read_rule)
    routes.put(f"{rules}/{{rule}}")(_update_rule)
    routes.delete(f"{rules}/{{rule}}")(_delete_rule)
    groups = "/cluster/ha/groups"
    routes.get(groups)(_groups)
    routes.post(groups)(_create_group)
    routes.get(f"{groups}/{{group}}")(_read_group)
    routes.put(f"{groups}/{{group}}")(_update_group)
    routes.delete(f"{groups}/{{group}}")(_delete_group)


def _rules_digest(call: Call) -> str:
    return file_digest(call, [(name, sorted(rule.items())) for name, rule in call.cluster.ha.rules.items()])


def _shown(call: Call, name: str) -> dict[str, object]:
    rule = call.cluster.ha.rules[name]
    order = list(call.cluster.ha.rules).index(name) + 1
    row: dict[str, object] = {**rule, "rule": name, "order": order, "digest": _rules_digest(call)}
    if rule["type"] == "node-affinity":
        row.setdefault("strict", 0)
    if wrong := _wrong(call, name, call.cluster.ha.rules):
        row["errors"] = {key: [text] for key, text in wrong.items()}
    return row


def _rules(call: Call) -> object:
    kind, sid = call.params.get("type"), call.params.get("resource")
    return [
        _shown(call, name)
        for name, rule in call.cluster.ha.rules.items()
        if kind in (None, rule["type"]) and (sid is None or sid in names(rule["resources"]))
    ]


def _read_rule(call: Call) -> object:
    name = call.params["rule"]
    if name not in call.cluster.ha.rules:
        raise failed(f"no such ha rule '{name}'")
    return _shown(call, name)


def _options(call: Call, kind: str) -> Options:
    """What is given, for that type of rule. Raises 500 for what does not belong to it."""
    found: Options = {}
    for key, value in call.params.items():
        if key in ("rule", "type", "digest", "delete"):
            continue
        if key not in _ALLOWED[kind]:
            raise failed(f"unexpected property '{key}'")
        if key == "resources":
            value = ",".join(sorted(parsed_sid(call, sid) for sid in words(value)))
        elif key == "nodes":
            value = ",".join(sorted(words(value)))
        found[key] = int(value or 0) if key in _FLAGS else value
    return found


def _check(call: Call, what: str, options: Mapping[str, str | int]) -> None:
    known = call.cluster.ha.resources
    unmanaged = [sid for sid in names(options.get("resources", "")) if sid not in known]
    if unmanaged:
        raise failed(f"{what}: cannot use unmanaged resource(s) {', '.join(unmanaged)}.")
    missing = [name for name in parsed(options.get("nodes", "")) if name not in call.cluster.nodes]
    if missing:
        raise failed(f"{what}: cannot use non-existant node(s) {', '.join(missing)}.")


def _wrong(call: Call, name: str, rules: Mapping[str, Options]) -> dict[str, str]:
    """Why a rule cannot be followed (`check_feasibility`)."""
    rule = rules[name]
    if rule.get("disable"):
        return {}
    mine = set(names(rule["resources"]))
    others = [(other, each) for other, each in rules.items() if other != name and not each.get("disable")]
    if rule["type"] == "node-affinity":
        for _, each in others:
            if each["type"] == "node-affinity":
                for sid in sorted(mine & set(names(each["resources"]))):
                    return {"resources": f"resource '{sid}' is already used in another node affinity rule"}
        return {}
    if len(mine) < 2:
        return {"resources": "rule is ineffective as there are less than two resources"}
    if rule["affinity"] == "negative" and len(mine) > len(call.cluster.nodes):
        return {"resources": "rule defines more resources than available nodes"}
    for _, each in others:
        shared = mine & set(names(each["resources"]))
        if each["type"] == "resource-affinity" and each["affinity"] != rule["affinity"] and len(shared) > 1:
            return {
                "resources": f"rule shares two or more resources with {each['affinity']} resource affinity rule"
            }
    return {}


def _feasible(call: Call, name: str, rules: Mapping[str, Options]) -> None:
    if wrong := _wrong(call, name, rules):
        raise ApiError(400, f"Rule '{name}' is invalid.", errors=wrong)


def _create_rule(call: Call) -> object:
    call.quorum()
    name, kind = call.params["rule"], call.params["type"]
    options = _options(call, kind)
    for key in _NEEDED[kind]:
        if key not in options:
            raise failed(f"missing value for required option '{key}'")
    domain(call, "create ha rule")
    rules = call.cluster.ha.rules
    if name in rules:
        raise failed(f"create ha rule failed: HA rule '{name}' already defined")
    _check(call, "create ha rule failed", options)
    new = {**rules, name: {"type": kind, **options}}
    _feasible(call, name, new)
    call.cluster.ha.rules = new
    wake(call.cluster)
    return None


def _update_rule(call: Call) -> object:
    name = call.params["rule"]
    domain(call, "update HA rules")
    rules = call.cluster.ha.rules
    if call.params.get("digest", "") not in ("", _rules_digest(call)):
        raise failed(
            "update HA rules failed: detected modified configuration - file changed by other user? Try again."
        )
    if name not in rules:
        raise failed(f"update HA rules failed: HA rule '{name}' does not exist")
    kind = str(rules[name]["type"])
    options = _options(call, kind)
    _check(call, "update HA rules failed", options)
    changed = {**rules[name], **options}
    for key in words(call.params.get("delete", "")):
        if key not in _ALLOWED[kind]:
            raise failed(f"update HA rules failed: no such option '{key}'")
        if key in _NEEDED[kind]:
            raise failed(f"update HA rules failed: unable to delete required option '{key}'")
        changed.pop(key, None)
    new = {**rules, name: changed}
    _feasible(call, name, new)
    call.cluster.ha.rules = new
    wake(call.cluster)
    return None


def _delete_rule(call: Call) -> object:
    domain(call, "delete ha rule")
    call.cluster.ha.rules.pop(call.params["rule"], None)
    wake(call.cluster)
    return None


def _groups_there(call: Call, what: str) -> None:
    if call.cluster.version.major >= 9:
        raise failed(f"cannot {what}: {_MIGRATED}")


def _groups_digest(call: Call) -> str:
    return file_digest(call, [(name, sorted(each.items())) for name, each in call.cluster.ha.groups.items()])


def _group(call: Call, name: str) -> dict[str, object]:
    if name not in call.cluster.ha.groups:
        raise failed(f"no such ha group '{name}'")
    group = call.cluster.ha.groups[name]
    return {"type": "group", **group, "group": name, "digest": _groups_digest(call)}


def _groups(call: Call) -> object:
    _groups_there(call, "index groups")
    return [_group(call, name) for name in call.cluster.ha.groups]


def _read_group(call: Call) -> object:
    _groups_there(call, "read group")
    return _group(call, call.params["group"])


def _group_options(call: Call) -> Options:
    return {
        key: int(value) if key in _FLAGS else value
        for key, value in call.params.items()
        if key in ("nodes", "comment", "nofailback", "restricted")
    }


def _create_group(call: Call) -> object:
    _groups_there(call, "create group")
    call.quorum()
    name = call.params["group"]
    if name in call.cluster.ha.groups:
        raise failed(f"create ha group failed: ha group ID '{name}' already defined")
    call.cluster.ha.groups[name] = _group_options(call)
    return None


def _update_group(call: Call) -> object:
    _groups_there(call, "update group")
    domain(call, "update ha group")
    name = call.params["group"]
    if call.params.get("digest", "") not in ("", _groups_digest(call)):
        raise failed(
            "update ha group failed: detected modified configuration - file changed by other user? Try again."
        )
    if name not in call.cluster.ha.groups:
        raise failed(f"update ha group failed: no such ha group '{name}'")
    group = {**call.cluster.ha.groups[name], **_group_options(call)}
    for key in words(call.params.get("delete", "")):
        if key == "nodes":
            raise failed("update ha group failed: unable to delete required option 'nodes'")
        group.pop(key, None)
    call.cluster.ha.groups[name] = group
    wake(call.cluster)
    return None


def _delete_group(call: Call) -> object:
    _groups_there(call, "delete group")
    domain(call, "delete ha group")
    name = call.params["group"]
    for resource in call.cluster.ha.resources.values():
        if resource.options.get("group") == name:
            raise failed(f"delete ha group failed: ha group is used by service '{resource.sid}'")
    call.cluster.ha.groups.pop(name, None)
    return None
