"""Whatever is asked, with whatever values: Proxmox's refusals, and never an error of our own."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pvesim.errors import ApiError
from pvesim.routes import all_routes
from pvesim.verify import Param
from pvesim.wire import success
from tests.pvesim.everything import CONTAINER, Asked
from tests.pvesim.official import right

EXAMPLES = int(os.environ.get("PVESIM_EXAMPLES", "8"))  # per method
ROUTES = all_routes()
METHODS = sorted(ROUTES.declared(), key=lambda key: (key[1], key[0]))
STATUSES = {200, 400, 401, 403, 424, 500, 501, 595, 596}
NOT_FOUND = {"/access/tfa/{userid}/{id}"}  # the one method that says so of what is not there

#: What may stand in a path, for the methods to have something to work on.
PLACES: dict[str, list[str]] = {
    "node": ["pve1", "pve1", "pve1", "localhost", "pve2", "pve3", "nope", "-"],
    "vmid": ["100", "100", "101", "102", "103", "200", "201", "999", "abc", "9" * 40],
    "storage": ["local", "zfs", "nfs", "off", "nope", "!"],
    "userid": ["root@pam", "limited@pve", "g@pve", "nobody@pve", "x"],
    "tokenid": ["full", "ro", "op", "new1", "!"],
    "roleid": ["CTAdmin", "PVEAuditor", "Nope", "!"],
    "groupid": ["admins", "nope", "!"],
    "poolid": ["p1", "nope", "!"],
    "snapname": ["before", "current", "nope", "!"],
    "sid": [f"ct:{CONTAINER}", str(CONTAINER), "vm:200", "ct:1", "!"],
    "rule": ["near", "nope", "!"],
    "id": ["102-0", "100-9", "!"],
    "iface": ["vmbr0", "vmbr7", "eth0", "!"],
    "volume": ["local:iso/tiny.iso", "zfs:subvol-100-disk-0", "local:nope", "nope", "a:b:c", "!"],
    "upid": ["UPID:pve1:00000001:00000001:6B03A315:vzstart:100:root@pam:", "UPID:x", "!"],
}
SCRAPS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=30),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    st.sampled_from(
        ["", "0", "1", "-1", "100", "1e400", "9" * 30, "9" * 5000, "a=b", "a,b", ",", "=", "x" * 5000, "\0", "\n",
         "local:1", "local:", ":", "zfs:8", "vmbr0", "pve1", "pve2", "name=eth0,bridge=vmbr0", "/", "../..", "%", "ä",
         "local:vztmpl/debian-12-standard_12.7-1_amd64.tar.gz", "+5G", "999999T", "2026-11-25", "current"]
    ),
)  # fmt: skip


def spec_of(param: Param) -> dict[str, Any]:
    """A parameter as the schema writes it."""

    def clean(given: Any) -> Any:
        if isinstance(given, dict):
            return {key: clean(value) for key, value in given.items() if value is not None and value != 0}
        return given

    return clean(msgspec.to_builtins(param))


@cache
def likely(verb: str, path: str) -> dict[str, st.SearchStrategy[Any]]:
    """By parameter: values that verification lets through."""
    found = {}
    for name, param in ROUTES.declared()[verb, path].params.items():
        values = right(spec_of(param)) if f"{{{name}}}" not in path else None
        key = name.replace("[n]", "0")
        if f"{{{name}}}" not in path:
            known = PLACES.get(key)
            found[key] = st.sampled_from(known) if known else SCRAPS if values is None else values
    return found


@st.composite
def calls(draw: st.DrawFn, verb: str, path: str) -> tuple[str, dict[str, Any]]:
    """A path with values in it, and parameters that are mostly right."""
    at = path
    for name in re.findall(r"{(\w+)}", path):
        at = at.replace(f"{{{name}}}", draw(st.sampled_from(PLACES.get(name, ["before", "nope", "!"]))), 1)
    known = likely(verb, path)
    declared = ROUTES.declared()[verb, path].params
    params = {
        name: draw(known[name]) for name, param in declared.items() if name in known and not param.optional
    }
    if known:
        for name in draw(st.lists(st.sampled_from(sorted(known)), unique=True, max_size=4)):
            params[name] = draw(known[name])
        for name in draw(st.lists(st.sampled_from(sorted(known)), max_size=1)):
            params[name] = draw(SCRAPS)
    return at, params


@pytest.mark.parametrize(("verb", "path"), METHODS, ids=str)
def test_no_call_fails_but_with_an_error_of_proxmox(verb: str, path: str) -> None:
    asked = Asked(ROUTES)
    asked.live_through()
    chance = asked.cluster.chance

    @settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
              phases=[Phase.generate], suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(calls(verb, path))
    def judge(example: tuple[str, dict[str, Any]]) -> None:
        at, params = example
        status = 200
        try:
            json.loads(success(asked.call(verb, at, params), chance))
        except ApiError as refusal:
            status = refusal.status
        assert status in STATUSES | ({404} if path in NOT_FOUND else set())
        asked.pass_time(30)

    judge()


def test_reading_still_works_after_all_that() -> None:
    asked = Asked(ROUTES)
    asked.live_through()
    for path in ("/cluster/resources", "/cluster/tasks", "/nodes", "/nodes/pve1/lxc", "/cluster/status"):
        assert asked.call("GET", path) is not None
