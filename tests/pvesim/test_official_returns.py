"""What the official schema says an answer has in it: every GET, on a scene with one of everything."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from pvesim.errors import ApiError
from pvesim.routes import all_routes
from pvesim.wire import success
from tests.pvesim import official
from tests.pvesim.everything import CONTAINER, MACHINE, Asked
from tests.pvesim.official import Official

pytestmark = pytest.mark.shared
ROUTES = all_routes()
METHODS = [
    method
    for (verb, path), method in official.methods().items()
    if verb == "GET" and (verb, path) in ROUTES.declared()
]

#: Where the schema is wrong or a genuine server says otherwise: (path and key, reason).
WRONG: tuple[tuple[str, str], ...] = (
    (r"/nextid: str", "recorded: the id comes as a string"),
    (r"pressure\w+: str", "recorded: of containers they are strings like 0.00"),
    (r"/config/join\.nodelist\[\]\.(nodeid|quorum_votes): str", "recorded: corosync.conf's own texts"),
    (r"/interfaces\[\]\.ip-addresses\[\]\.prefix: str", "recorded: the text of the address"),
    (r"/pending\[\]\.value: int", "recorded: numbers where the configuration reads back as one"),
    (r"/vzdump/defaults\.(fleecing|performance): dict", "recorded: property strings taken apart"),
    (r"/content\[\]\.parent: NoneType", "recorded: null where nothing was cloned"),
)
#: Parameters that must be given.
GIVEN: Mapping[str, Mapping[str, str]] = {
    "/nodes/{node}/lxc/{vmid}/feature": {"feature": "snapshot"},
    "/nodes/{node}/vzdump/extractconfig": {"volume": "backup"},
    "/nodes/{node}/query-oci-repo-tags": {"reference": "docker.io/library/alpine"},
    "/nodes/{node}/query-url-metadata": {"url": "https://images.example/debian-13.tar.zst"},
}
#: What cannot be read in the scene, and why.
UNREADABLE: Mapping[str, str] = {
    "/cluster/ha/groups": "groups have become rules in 9.0",
    "/cluster/ha/groups/{group}": "groups have become rules in 9.0",
    "/nodes/{node}/lxc/{vmid}/firewall/rules/{pos}": "firewalls have no rules yet",
}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (int, str),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def complaints(spec: Mapping[str, Any], value: Any, at: str) -> Iterator[str]:
    """Where a value is not what the schema says."""
    wanted = _TYPES.get(str(spec.get("type")))
    if wanted is not None and (not isinstance(value, wanted) or isinstance(value, bool)):
        yield f"{at}: {type(value).__name__} instead of {spec['type']}"
        return
    if isinstance(value, list):
        for item in value:
            yield from complaints(spec.get("items") or {}, item, f"{at}[]")
    if isinstance(value, dict):
        for key, inner in (spec.get("properties") or {}).items():
            if key in value:
                yield from complaints(inner, value[key], f"{at}.{key}")
            elif not official.optional(inner):
                yield f"{at}.{key}: missing"


@pytest.fixture(scope="module")
def asked() -> Asked:
    found = Asked(ROUTES)
    found.live_through()
    return found


def places(asked: Asked, method: Official) -> str:
    """The path with the names of things that are there."""
    task = asked.cluster.nodes["pve1"].tasks.all()[-1].upid
    known = {
        "node": "pve1", "vmid": str(MACHINE if "/qemu/" in method.path else CONTAINER), "storage": "local",
        "userid": "root@pam", "tokenid": "full", "roleid": "CTAdmin", "groupid": "admins", "poolid": "p1",
        "snapname": "before", "sid": f"ct:{CONTAINER}", "rule": "near", "id": "102-0", "iface": "vmbr0",
        "upid": task, "volume": "local:iso/tiny.iso", "realm": "pve", "name": "pveproxy", "group": "g", "pos": "0", "service": "pveproxy",
    }  # fmt: skip
    return re.sub(r"{(\w+)}", lambda found: known[found[1]], method.path)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_what_the_schema_promises_is_there(method: Official, asked: Asked) -> None:
    path, params, refused = places(asked, method), dict(GIVEN.get(method.path, {})), ""
    if "timeframe" in method.parameters:
        params["timeframe"] = "hour"
    if params.get("volume") == "backup":
        rows = asked.call("GET", "/nodes/pve1/storage/local/content", {"content": "backup"})
        params["volume"] = rows[0]["volid"]
    try:
        answer = asked.call("GET", path, params)
    except ApiError as error:
        refused = f"{error.status} {error.text} {error.errors or ''}"
    assert bool(refused) == (method.path in UNREADABLE), refused
    if refused or method.returns is None:
        return
    data = json.loads(success(answer, None))["data"]
    unknown = {
        wrong
        for wrong in complaints(method.returns, data, method.path)
        if not any(re.search(pattern, wrong) for pattern, _ in WRONG)
    }
    assert not unknown


def test_what_is_missing_or_of_another_type_would_be_noticed() -> None:
    spec = {"type": "array", "items": {"properties": {"a": {"type": "integer"}, "b": {"optional": 1}}}}
    assert list(complaints(spec, [{"a": 1}], "/x")) == []
    assert list(complaints(spec, [{}, {"a": "1"}, {"a": True}], "/x")) == [
        "/x[].a: missing",
        "/x[].a: str instead of integer",
        "/x[].a: bool instead of integer",
    ]
