"""The official schema judges what is taken and what is refused: every method, hundreds of values."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pvesim import Estate, Settings
from pvesim.api import Call, Method, Routes, run
from pvesim.errors import ApiError
from pvesim.routes import all_routes
from pvesim.versions import Version
from tests.pvesim import official, recorded_scene
from tests.pvesim.official import Official, optional

EXAMPLES = int(os.environ.get("PVESIM_EXAMPLES", "5"))  # of each kind, per method
_TAKEN = object()


class OnlyVerified(Routes):
    """The routes, but a method that takes its parameters does nothing with them."""

    def __init__(self, routes: Routes) -> None:
        super().__init__()
        self._routes = routes

    def find(self, verb: str, path: str, version: Version) -> tuple[Method, dict[str, str]]:
        method, found = self._routes.find(verb, path, version)
        return dataclasses.replace(method, handler=lambda call: _TAKEN), found


def _with_all_methods() -> Routes:
    """The simulator's routes, and every method of the schema that it does not have yet."""
    routes = all_routes()
    for verb, path in official.methods().keys() - routes.declared().keys():
        routes.add(verb, path, lambda call: None, rest=path.endswith("{volume}"))
    return routes


VERIFIED = OnlyVerified(_with_all_methods())
#: Methods with a parameter that must be given and of whose format SAMPLES say nothing.
NOT_JUDGED = ()
METHODS = [
    method
    for key, method in official.methods().items()
    if key in all_routes().declared() and str(method) not in NOT_JUDGED
]
ESTATE = Estate([recorded_scene.cluster(nodes=3)], settings=Settings.quick())
_PLACE = {"node": "pve1"}  # anything else would be asked of another node
pytestmark = pytest.mark.shared

judged = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def refusals(method: Official, path: str, params: Mapping[str, Any]) -> set[str]:
    """The parameters that verification names; none where it lets the call through."""
    call = Call(ESTATE["testcluster"].nodes["pve1"], method.verb, path, "root@pam", "ticket")
    error = None
    try:
        assert run(VERIFIED, call, dict(params)) is _TAKEN
    except ApiError as raised:
        error = raised
    if error is None:
        return set()
    assert error.status == 400, f"{error.status} {error.text}"
    assert error.errors
    return set(error.errors)


@st.composite
def accepted(draw: st.DrawFn, method: Official) -> tuple[dict[str, str], dict[str, Any]]:
    """(values in the path, parameters) that the schema allows."""
    places = {name: _PLACE.get(name) or draw(method.places[name]) for name in method.in_path}
    usable = method.right
    needed = [name for name, spec in method.given.items() if not optional(spec)]
    more = sorted(usable.keys() - set(needed))
    wanted = [*needed, *(draw(st.lists(st.sampled_from(more), unique=True, max_size=5)) if more else [])]
    wanted = [name for name in wanted if not (method.given[name].keys() & {"requires"})] + list(
        _with_what_they_need(method, [name for name in wanted if "requires" in method.given[name]], usable)
    )
    return places, {name: draw(usable[name]) for name in dict.fromkeys(wanted)}


def _with_what_they_need(method: Official, names: list[str], usable: Mapping[str, Any]) -> Iterator[str]:
    for name in names:
        if (other := method.given[name]["requires"]) in usable:
            yield from (name, other)


def _at(method: Official, places: Mapping[str, str]) -> str:
    path = method.path
    for name, value in places.items():
        path = path.replace(f"{{{name}}}", value)
    return path


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_what_the_schema_allows_is_taken(method: Official) -> None:
    @judged
    @given(accepted(method))
    def judge(example: tuple[dict[str, str], dict[str, Any]]) -> None:
        places, params = example
        assert refusals(method, _at(method, places), params) == set(), params

    judge()


@st.composite
def spoiled(draw: st.DrawFn, method: Official) -> tuple[dict[str, str], dict[str, Any], set[str]]:
    """(values in the path, parameters, names of those that are wrong); at least one is."""
    places, params = draw(accepted(method))
    bad: set[str] = set()
    candidates = sorted(method.wrong)
    for name in draw(st.lists(st.sampled_from(candidates), unique=True, max_size=3)) if candidates else ():
        params[name] = draw(method.wrong[name])
        bad.add(name)
        needs = method.given[name].get("requires")
        if isinstance(needs, str) and needs not in params:
            bad.add(needs)
    for name in draw(st.lists(st.sampled_from(sorted(params)), unique=True, max_size=2)) if params else ():
        if not optional(method.given[name]):
            del params[name]
            bad.add(name)
    for name, values in method.wrong_places.items():
        if name not in _PLACE and draw(st.booleans()):
            places[name] = draw(st.sampled_from(values))
            bad.add(name)
    if not bad or draw(st.booleans()):
        unknown = draw(st.sampled_from(["bogus", "x-1", "net99", "Vmid", "cores2"]))
        params[unknown] = "1"
        bad.add(unknown)
    return places, params, bad


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_what_the_schema_forbids_is_refused_by_name(method: Official) -> None:
    @judged
    @given(spoiled(method))
    def judge(example: tuple[dict[str, str], dict[str, Any], set[str]]) -> None:
        places, params, bad = example
        assert refusals(method, _at(method, places), params) == bad, params

    judge()


def test_what_is_not_judged_could_not_be() -> None:
    official.require()
    needy = [
        str(method)
        for key, method in official.methods().items()
        if key in all_routes().declared()
        and any(not optional(spec) and name not in method.right for name, spec in method.given.items())
    ]
    assert sorted(needy) == sorted(NOT_JUDGED)
