"""The recorded exchanges of a genuine cluster, and how an answer of ours is compared with one.

Compared: status, reason phrase, the body's shape (keys and nesting) and JSON types. Not compared: times,
ids, addresses, figures, order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import needs

ROOT = Path(__file__).parents[3] / "shared" / "pve" / "real" / "exchanges"

#: Numbers that are whole by chance in one answer and fractions in another.
FRACTIONS = frozenset(("cpu", "wait", "used_fraction", "avail", "loadavg"))
#: Texts in one answer and numbers in another.
EITHER = frozenset(("saved",))
#: Rows of these types have keys of their own.
KINDS = frozenset(("node", "lxc", "qemu", "storage", "network", "pool", "cluster", "quorum", "fencing"))
#: Objects whose keys are data, not shape.
MAPS = frozenset(("cap", "tokens", "not-allowed-nodes"))


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer."""

    section: str
    number: int
    data: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.data.get(name)

    @property
    def plain_path(self) -> str:
        return re.sub(r"^/api2/json", "", self.data["path"].partition("?")[0]) or "/"


def require() -> None:
    """Skip, or with CI=true fail, where the recordings are absent."""
    needs(ROOT.is_dir(), "the recorded exchanges (../shared/pve/real)")


def section(name: str) -> Iterator[Exchange]:
    """The exchanges of a section in order."""
    with (ROOT / f"{name}.jsonl").open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            data = json.loads(line)
            if not data.get("event"):
                yield Exchange(name, number, data)


def shape(value: Any, key: str = "") -> Any:
    """What a JSON value is made of."""
    if isinstance(value, dict):
        if key in MAPS:
            return "map"
        return {name: shape(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [(kind, _merged([shape(item, key) for item in group])) for kind, group in _groups(value)]
    if key in EITHER and isinstance(value, int | str):
        return "text or number"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number" if key in FRACTIONS else type(value).__name__
    return "null" if value is None else "string"


def _groups(items: list[Any]) -> list[tuple[str, list[Any]]]:
    """Rows by kind: rows of different `type` have different keys, unknown ones fewer."""
    groups: dict[str, list[Any]] = {}
    for item in items:
        kind = ""
        if isinstance(item, dict):
            known = item.get("type") if item.get("type") in KINDS else ""
            kind = f"{known}/{'unknown' if item.get('status') == 'unknown' else ''}"
        groups.setdefault(kind, []).append(item)
    return sorted(groups.items())


def _merged(shapes: list[Any]) -> Any:
    if not all(isinstance(each, dict) for each in shapes):
        return shapes[0]
    merged: dict[str, Any] = {}
    for each in shapes:
        for key, value in each.items():
            known = merged.setdefault(key, value)
            if known == "null" or known == []:
                merged[key] = value
            elif isinstance(known, str) and isinstance(value, str) and "null" not in (known, value):
                merged[key] = known if known == value else "mixed"
    return merged


def difference(recorded: Any, ours: Any, at: str = "") -> str:
    """The first place where two shapes differ; "" if they agree."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        if recorded.keys() != ours.keys():
            missing = sorted(recorded.keys() - ours.keys())
            extra = sorted(ours.keys() - recorded.keys())
            return f"{at or 'body'}: missing {missing}, extra {extra}"
        for key in recorded:
            if found := difference(recorded[key], ours[key], f"{at}.{key}"):
                return found
        return ""
    if isinstance(recorded, list) and isinstance(ours, list):
        if bool(recorded) != bool(ours):
            return f"{at}: {'rows' if recorded else 'no rows'}, ours {'rows' if ours else 'no rows'}"
        if [kind for kind, _ in recorded] != [kind for kind, _ in ours]:
            return f"{at}: rows of {[kind for kind, _ in recorded]}, ours {[kind for kind, _ in ours]}"
        for (kind, one), (_, other) in zip(recorded, ours, strict=True):
            if found := difference(one, other, f"{at}[{kind}]"):
                return found
        return ""
    return "" if recorded == ours else f"{at}: {recorded}, ours {ours}"
