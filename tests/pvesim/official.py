"""The official schema as a judge: values that a parameter takes, and values that it does not.

Reads the schema's own file beside the project, not the simulator's copy of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from hypothesis import strategies as st

from tests.conftest import SHARED, needs
from tests.pvesim.samples import SAMPLES

FILE = SHARED / "pve-api-schema.json"
Spec = Mapping[str, Any]
Values = st.SearchStrategy[Any]

_PLAIN = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=20
)
_NOT_MATCHING = ("!", "ä ö", "\x01", "-", "0x", "a b c", "\t", "9" * 70)


def require() -> None:
    """Skip, or with CI=true fail, where the schema is absent."""
    needs(FILE.is_file(), "the official schema (../shared/pve/pve-api-schema.json)")


@dataclass(frozen=True, eq=False)
class Official:
    """One method as the schema has it."""

    verb: str
    path: str
    parameters: Mapping[str, Spec]
    returns: Spec | None

    @property
    def in_path(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @cached_property
    def given(self) -> dict[str, Spec]:
        """The parameters that are not in the path; net[n] as net0 and net1."""
        found: dict[str, Spec] = {}
        for name, spec in self.parameters.items():
            if name.endswith("[n]"):
                found |= {name.replace("[n]", str(n)): spec for n in (0, 1)}
            elif name not in self.in_path:
                found[name] = spec
        return found

    @cached_property
    def right(self) -> dict[str, Values]:
        """What each parameter takes, as far as the schema says."""
        return {name: values for name, spec in self.given.items() if (values := right(spec)) is not None}

    @cached_property
    def wrong(self) -> dict[str, Values]:
        """What each parameter does not take."""
        return {name: values for name, spec in self.given.items() if (values := wrong(spec)) is not None}

    @cached_property
    def places(self) -> dict[str, Values]:
        """What each part of the path takes."""
        found = {name: right(self.parameters.get(name, {})) for name in self.in_path}
        return {
            name: values.map(str).filter(fits_a_path) for name, values in found.items() if values is not None
        }

    @cached_property
    def wrong_places(self) -> dict[str, list[str]]:
        """Values that a part of the path does not take."""
        found = {}
        for name in self.in_path:
            texts = [text for text in refused(self.parameters.get(name, {})) if fits_a_path(text)]
            if texts:
                found[name] = texts
        return found

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"


@cache
def methods() -> dict[tuple[str, str], Official]:
    """(verb, path) → method; empty where the file is absent."""
    if not FILE.is_file():
        return {}
    paths = json.loads(FILE.read_text(encoding="utf-8"))["paths"]
    return {
        (verb, path): Official(verb, path, one["parameters"].get("properties") or {}, one["returns"])
        for path, verbs in paths.items()
        for verb, one in verbs.items()
    }


def optional(spec: Spec) -> bool:
    return bool(int(spec.get("optional", 0) or 0)) or "alias" in spec


def pattern(spec: Spec) -> re.Pattern[str] | None:
    """The pattern as Proxmox applies it: `m/^$pattern$/`, Perl's (?^:…) written for Python."""
    given = spec.get("pattern")
    if given is None:
        return None
    given = re.sub(r"\(\?\^i:", "(?i:", given).replace("(?^:", "(?-i:")
    given = re.sub(r"\{,(\d+)\}", r"{0,\1}", given).replace(r"[\(\)-_.\w\d\s]", r"[\(\)\-_.\w\d\s]")
    # "nothing, as often as one likes" between words is tried in 2^n ways; Perl prunes them, Python does not
    return re.compile(f"^{given.replace('|[-]*)[', '|[-]+)[')}$")


def _fits(spec: Spec, value: str) -> bool:
    longest, shortest = spec.get("maxLength"), spec.get("minLength")
    found = pattern(spec)
    return (
        (longest is None or len(value) <= int(longest))
        and (shortest is None or len(value) >= int(shortest))
        and (found is None or bool(found.search(value)))
    )


def _bounds(spec: Spec) -> tuple[float | None, float | None]:
    least, most = spec.get("minimum"), spec.get("maximum")
    return (None if least is None else float(least), None if most is None else float(most))


@cache
def _formats(name: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    if name in SAMPLES:
        return SAMPLES[name]
    base = re.sub(r"-(list|opt)$", "", name)
    if base not in SAMPLES:
        return None
    right, wrong = SAMPLES[base]
    if name.endswith("-opt"):
        return right, wrong
    words = tuple(word for word in wrong if word and not re.search(r"[\s,;]", word))
    return (*right, ",".join(right), ";".join(right), ""), (*words, f"{right[0]},{words[0]}")


def right(spec: Spec) -> Values | None:
    """Values that the schema allows; None where it does not say enough."""
    kind, form = spec.get("type", "string"), spec.get("format")
    if kind == "array":
        inner = right(spec.get("items") or {})
        return st.lists(inner, min_size=1, max_size=3) if inner is not None else None
    if spec.get("enum"):
        return st.sampled_from(spec["enum"])
    if kind == "boolean":
        return st.sampled_from(["0", "1", True, False])
    if kind in ("integer", "number"):
        least, most = _bounds(spec)
        low = 0 if least is None else int(least)
        return st.integers(low, low + 100000 if most is None else int(most)).map(str)
    if isinstance(form, dict):
        return _property_strings(form)
    if form is not None:
        known = _formats(form)
        fitting = [value for value in known[0] if _fits(spec, value)] if known else []
        return st.sampled_from(fitting) if fitting else None
    if (found := pattern(spec)) is not None:
        return st.from_regex(found).filter(lambda value: _fits(spec, value) and "\n" not in value)
    least = int(spec.get("minLength", 0))
    return _PLAIN.map(lambda value: value.ljust(least, "x")).filter(lambda value: _fits(spec, value))


def fits_a_path(value: object) -> bool:
    return isinstance(value, str) and bool(value) and not any(c == "/" or c.isspace() for c in value)


def wrong(spec: Spec) -> Values | None:
    """Values that the schema forbids; None where it forbids nothing that we know of."""
    form = spec.get("format")
    found: list[Any] = [{"a": "b"}, *refused(spec)]
    if spec.get("type") != "array" and not (isinstance(form, str) and form.endswith("-list")):
        found.append(["a", "b"])
    values = st.sampled_from(found)
    return st.one_of(values, _bad_property_strings(form)) if isinstance(form, dict) else values


def refused(spec: Spec) -> list[str]:
    """Texts that the schema forbids."""
    kind, form = spec.get("type", "string"), spec.get("format")
    found: list[str] = []
    if kind == "array":
        return found
    if spec.get("enum"):
        found += [value for value in ("bogus", "0.5", "no such value") if value not in spec["enum"]]
    if kind == "boolean":
        found += ["yes", "true", "2", "on", "", "-1"]
    if kind in ("integer", "number"):
        least, most = _bounds(spec)
        found += ["abc", "", "1,5", "0x10", "--1", *(["1.5", "1e3"] if kind == "integer" else ["1e"])]
        found += [str(int(least) - 1)] if least is not None else []
        found += [str(int(most) + 1), "9" * 30] if most is not None else []
    elif "maxLength" in spec:
        found.append("x" * (int(spec["maxLength"]) + 1))
    if spec.get("minLength"):
        found.append("x" * (int(spec["minLength"]) - 1))
    if (regex := pattern(spec)) is not None:
        found += [value for value in _NOT_MATCHING if not regex.search(value)]
    if isinstance(form, str) and (known := _formats(form)):
        found += known[1]
    return found


def _plain_property(spec: Spec) -> Values | None:
    """Values for a property string, where commas part and booleans have more names."""
    if spec.get("type") == "boolean":
        return st.sampled_from(["0", "1", "yes", "off", "True"])
    inner = right(spec)
    if inner is None:
        return None
    return inner.map(str).filter(lambda value: bool(value) and not set(value) & set(",="))


def _property_strings(form: Mapping[str, Spec]) -> Values | None:
    usable = {name: value for name, spec in form.items() if "alias" not in spec
              and (value := _plain_property(spec)) is not None}  # fmt: skip
    needed = [name for name, spec in form.items() if not optional(spec)]
    if any(name not in usable for name in needed):
        return None
    needed = needed or [next(iter(usable))]
    more = sorted(usable.keys() - set(needed))

    @st.composite
    def strings(draw: st.DrawFn) -> str:
        extra = draw(st.lists(st.sampled_from(more), unique=True, max_size=3)) if more else []
        wanted = [*needed, *extra]
        for name in list(wanted):
            requires = form[name].get("requires")
            if isinstance(requires, str) and requires not in wanted:
                wanted.append(requires) if requires in usable else wanted.remove(name)
        parts = []
        for name in wanted:
            value = draw(usable[name])
            bare = form[name].get("default_key") and draw(st.booleans())
            if bare and form[name].get("type") == "boolean":
                value = draw(st.sampled_from(["0", "1"]))  # without its key it may not say yes or off
            parts.append(value if bare else f"{name}={value}")
        return ",".join(draw(st.permutations(parts)))

    return strings()


def _bad_property_strings(form: Mapping[str, Spec]) -> Values:
    """Something wrong within an otherwise right string."""
    whole = _property_strings(form)
    good = whole if whole is not None else st.just("")
    bad: list[Values] = [st.just("bogus=1"), st.just("=x")]
    for name, spec in form.items():
        if "alias" in spec or (inner := wrong(spec)) is None:
            continue
        texts = inner.filter(lambda value: isinstance(value, str) and value and not set(value) & set(",= \t"))
        if spec.get("type") == "boolean":
            texts = st.sampled_from(["maybe", "2"])
        bad.append(st.one_of(st.just("bogus=1"), texts.map(lambda value, name=name: f"{name}={value}")))
    parts = [good.map(lambda text, name=name: f"{text},{name}=1,{name}=1") for name in form]
    broken = st.tuples(good, st.one_of(bad)).map(lambda pair: f"{_without(pair[0], pair[1])},{pair[1]}")
    return st.one_of(broken, *parts[:1])


def _without(text: str, part: str) -> str:
    """The string without the key of a part that is to follow, and without bare values."""
    key = part.partition("=")[0]
    return ",".join(each for each in text.split(",") if "=" in each and each.partition("=")[0] != key)
