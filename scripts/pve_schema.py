"""Boil the official API schema down to what the simulator enforces: parameters, permissions, who answers.

Reads ../shared/pve (or the folder given), writes src/pvesim/schema/pve.json, one method a line. Names,
types and limits only; descriptions stay where they are. To be run again when the schema is renewed.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "src" / "pvesim" / "schema" / "pve.json"
KEPT = (
    "type", "optional", "format", "minimum", "maximum", "minLength", "maxLength", "enum", "pattern",
    "requires", "default_key", "alias", "keyAlias",
)  # fmt: skip
_COUNT = {"type": "integer", "minimum": 0, "optional": 1}
_FLAG = {"type": "boolean", "optional": 1}
#: Property strings that the schema only names: pve-storage `Storage/Plugin.pm`, pve-guest-common
#: `VZDump/Common.pm`, pve-common `JSONSchema.pm`, pve-access-control `Auth/Plugin.pm`.
NAMED: dict[str, dict[str, Any]] = {
    "prune-backups": {"keep-all": _FLAG}
    | {f"keep-{each}": _COUNT for each in ("last", "hourly", "daily", "weekly", "monthly", "yearly")},
    "backup-performance": {
        "max-workers": {"type": "integer", "minimum": 1, "maximum": 256, "optional": 1},
        "pbs-entries-max": {"type": "integer", "minimum": 1, "optional": 1},
    },
    "backup-fleecing": {
        "enabled": {**_FLAG, "default_key": 1},
        "storage": {"type": "string", "format": "pve-storage-id", "optional": 1},
    },
    "proxmox-remote": {
        "host": {"type": "string"},
        "port": {"type": "integer", "optional": 1},
        "apitoken": {"type": "string"},
        "fingerprint": {"type": "string", "pattern": "([A-Fa-f0-9]{2}:){31}[A-Fa-f0-9]{2}", "optional": 1},
    },
    "realm-sync-options": {
        "scope": {"type": "string", "enum": ["users", "groups", "both"], "optional": 1},
        "remove-vanished": {
            "type": "string",
            "pattern": "(?:(?:acl|properties|entry)(?:;(?:acl|properties|entry))*|none)",
            "optional": 1,
        },
        "full": _FLAG,
        "enable-new": _FLAG,
        "purge": _FLAG,
    },
}
#: "9.1->9.2.3" of the comparison → the first version that has what was added.
STEPS = {"8.4.5->9.1": "9.0", "9.1->9.2.3": "9.2"}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "pve"
    paths = json.loads((folder / "pve-api-schema.json").read_text())["paths"]
    changes = json.loads((folder / "pve-api-diff-8.4-9.1-9.2.json").read_text())
    methods = {f"{verb} {path}": method(m) for path, verbs in paths.items() for verb, m in verbs.items()}
    for step, since in STEPS.items():
        for name in changes[step]["added"]:
            if name in methods:
                methods[name]["since"] = since
        for name, change in changes[step]["changed"].items():
            for parameter in change.get("params_added", ()):
                known = methods.get(name, {}).get("parameters", {})
                if parameter in known:
                    known[parameter]["since"] = since
    lines = [f"{json.dumps(name)}: {json.dumps(spec)}" for name, spec in sorted(methods.items())]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    sys.stdout.write(
        f"{TARGET.relative_to(ROOT)}: {len(methods)} methods, {TARGET.stat().st_size // 1000} kB\n"
    )


def method(given: dict[str, Any]) -> dict[str, Any]:
    permissions = given["permissions"]
    spec: dict[str, Any] = {
        "parameters": {
            name: parameter(each) for name, each in (given["parameters"].get("properties") or {}).items()
        },
        "permissions": permissions and {k: v for k, v in permissions.items() if k in ("user", "check")},
    }
    for key, usual in (("protected", False), ("proxyto", None), ("allowtoken", True)):
        if given[key] != usual:
            spec[key] = given[key]
    return spec


def parameter(given: dict[str, Any]) -> dict[str, Any]:
    kept = {key: given[key] for key in KEPT if key in given}
    for key in ("minimum", "maximum"):
        if key in kept:
            kept[key] = float(kept[key]) if "." in str(kept[key]) else int(kept[key])
    if not kept.get("optional", 0):
        kept.pop("optional", None)
    if "pattern" in kept:
        kept["pattern"] = python_pattern(kept["pattern"])
    kept["format"] = NAMED.get(str(kept.get("format")), kept.get("format"))
    if isinstance(kept["format"], dict):
        kept["format"] = {name: parameter(each) for name, each in kept["format"].items()}
    elif kept["format"] is None:
        del kept["format"]
    if "items" in given:
        kept["items"] = parameter(given["items"])
    return kept


def python_pattern(pattern: str) -> str:
    """Perl's (?^:…) is Python's (?-i:…); what Perl alone has is spelled out."""
    pattern = re.sub(r"\(\?\^i:", "(?i:", pattern).replace("(?^:", "(?-i:")
    pattern = re.sub(r"\{,(\d+)\}", r"{0,\1}", pattern)
    pattern = pattern.replace(r"[\(\)-_.\w\d\s]", r"[\(\)\-_.\w\d\s]")
    # "Nothing, as often as one likes" between words is tried in 2^n ways; Perl prunes them, Python does not.
    pattern = pattern.replace("|[-]*)[", "|[-]+)[")
    re.compile(pattern)
    return pattern


if __name__ == "__main__":
    main()
