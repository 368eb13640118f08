"""What holds for every route of REST, found by walking OpenAPI and the queries."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI

from paddock.access.rights import Role
from paddock.app import create_app
from paddock.base.context import Actor, Scope
from paddock.base.errors import NotFound
from paddock.settings import Settings
from paddock.web.paging import Page, Paging
from pvesim import Running
from tests.app.persons import person
from tests.architecture.test_rights import query_modules
from tests.harness import Api, Paddock

PUBLIC = {"/api/v1/openapi.json"}
"""What anybody may read: how REST is spoken, not what there is."""

NOWHERE = "0190a0a0-0000-7000-8000-000000000000"
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/sites"): {"name": "Elsewhere"},
    ("PATCH", "/sites/{site_id}"): {"name": "Elsewhere"},
    ("POST", "/imports/preview"): {
        "site_id": NOWHERE,
        "url": "192.0.2.1",
        "username": "a@pam",
        "password": "b",
    },
    ("POST", "/imports/realms"): {"url": "192.0.2.1"},
    ("POST", "/nodes"): {"site_id": NOWHERE, "url": "192.0.2.1", "name": "pve1"},
    ("PATCH", "/nodes/{node_id}"): {"address": "192.0.2.1"},
    ("POST", "/clusters/{cluster_id}/nodes"): {"name": "pve1"},
    ("POST", "/clusters/{cluster_id}/remove"): {"confirm": "prod"},
    ("POST", "/imports"): {"preview_id": NOWHERE, "members": ["pve1"]},
    ("POST", "/diagnose"): {"url": "no-such-host.invalid"},
    ("PUT", "/clusters/{cluster_id}/trust"): {"mode": "off"},
    ("POST", "/clusters/{cluster_id}/trust/test"): {"mode": "off"},
    ("POST", "/clusters/{cluster_id}/members/{member}/trust"): {"fingerprint": "AB" * 32},
    ("PUT", "/clusters/{cluster_id}/sign-in"): {"username": "a@pam", "password": "b"},
    ("PUT", "/clusters/{cluster_id}/sign-in/members/{member}"): {"username": "a@pam", "password": "b"},
    ("POST", "/clusters/{cluster_id}/sign-in/explain"): {"password": "b"},
    ("POST", "/clusters/{cluster_id}/sign-in/token"): {"password": "b"},
    ("POST", "/clusters/{cluster_id}/sign-in/rotate"): {"password": "b"},
    ("POST", "/sign-ins/rotate"): {"password": "b", "clusters": [NOWHERE]},
    ("POST", "/users"): {"name": "somebody", "role": "auditor"},
    ("PATCH", "/users/{user_id}"): {"role": "auditor"},
    ("POST", "/tokens"): {"name": "another"},
}
OWN = {("POST", "/tokens"), ("DELETE", "/tokens/{token_id}"), ("DELETE", "/sessions/{session_id}")}
"""What everybody may do with what is theirs."""


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    app: FastAPI = create_app(Settings(data_dir=tmp_path_factory.mktemp("spec")))
    return app.openapi()


def operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path.removeprefix("/api/v1"), operation


def lists(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Reads that are paged."""
    for method, path, operation in operations(spec):
        if method == "GET" and "size" in names_of(operation):
            yield path, operation


def names_of(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", ())}


@pytest.fixture
async def ids(paddock: Paddock, estate: Running) -> dict[str, str]:
    """One of everything, by the name that it has in paths."""
    site = await paddock.site()
    job = await paddock.imported(site, estate["prod"])
    first = {
        name: (await paddock.api.get(path))["items"][0]["id"]
        for name, path in (
            ("cluster_id", "/clusters"),
            ("node_id", "/nodes"),
            ("container_id", "/containers"),
            ("user_id", "/users"),
            ("token_id", "/tokens"),
            ("session_id", "/sessions"),
        )
    }
    assert (await paddock.api.post(f"/nodes/{first['node_id']}/diagnose")).status == 200
    return {"site_id": site, "job_id": job["id"], "member": "pve1", **first}


def assert_problem(answer: Any, status: int) -> None:
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer["status"] == status
    assert answer["code"]
    assert answer["title"]
    assert answer["detail"][-1] in ".!?"


# -- lists -------------------------------------------------------------------------------------------------------


async def test_every_list_has_the_same_envelope_and_pages(
    paddock: Paddock, ids: dict[str, str], spec: dict[str, Any]
) -> None:
    paths = [filled(path, ids) for path, _ in lists(spec)]
    assert {"/sites", "/clusters", "/nodes", "/containers", "/jobs", "/users", "/audit"} <= set(paths)
    for path in paths:
        whole = await paddock.api.get(f"{path}?size=2000")
        assert whole.status == 200, path
        assert set(whole) == {"items", "total", "page", "size", "next"}, path
        assert (whole["total"], whole["next"]) == (len(whole["items"]), None), path
        seen, following = [], f"{path}?size=2"
        while following:
            part = await paddock.api.get(following.removeprefix("/api/v1"))
            seen += [one["id"] for one in part["items"]]
            following = part["next"]
            assert bool(part.headers.get("Link")) == bool(following)
            if len(seen) > 8:
                break
        assert seen == [one["id"] for one in whole["items"]][: len(seen)], f"{path}: pages overlap or skip"
        beyond = await paddock.api.get(f"{path}?page=99999")
        assert (beyond.status, beyond["items"]) == (200, []), path


async def test_every_list_refuses_what_it_does_not_know(paddock: Paddock, spec: dict[str, Any]) -> None:
    for path, operation in lists(spec):
        for query in ("size=0", "size=2001", "page=0", "page=x", "q=" + "x" * 201):
            assert_problem(await paddock.api.get(f"{path}?{query}"), 422)
        if "sort" in names_of(operation):
            answer = await paddock.api.get(f"{path}?sort=nonsense")
            assert_problem(answer, 422)
            assert answer["errors"][0]["field"] == "sort"


async def test_every_promised_sort_and_filter_works(
    paddock: Paddock, ids: dict[str, str], spec: dict[str, Any]
) -> None:
    for template, operation in lists(spec):
        path = filled(template, ids)
        for parameter in operation["parameters"]:
            name = parameter["name"]
            if name == "sort":
                for sort in parameter["description"].split("`")[1::2]:
                    for direction in ("", "-"):
                        answer = await paddock.api.get(f"{path}?sort={direction}{sort}")
                        assert answer.status == 200, f"{path} by {direction}{sort}"
            elif parameter["in"] == "query" and name not in {"page", "size", "limit"}:
                answer = await paddock.api.get(f"{path}?{name}=nothing-of-that%25_'name")
                if (path, name) == ("/nodes", "status"):
                    assert_problem(answer, 422)  # an unknown status would otherwise look like "all is well"
                    continue
                assert (answer.status, answer["items"]) == (200, []), f"{path} with {name}"


# -- errors --------------------------------------------------------------------------------------------------------


async def test_every_error_is_problem_json(paddock: Paddock, spec: dict[str, Any]) -> None:
    api = paddock.api
    assert_problem(await api.get("/nothing"), 404)
    assert_problem(await api.call("PUT", "/sites"), 405)
    assert_problem(await api.call("DELETE", "/health-of-all"), 404)
    for method, path, _ in operations(spec):
        if method == "GET" and "{" in path and "storages" not in path:
            answer = await api.get(path.replace("{", "").replace("}", ""))
            assert_problem(answer, 404)
    for path in ("/sites", "/imports", "/imports/preview", "/users"):
        assert_problem(await api.post(path, {"nonsense": 1}), 422)
        assert_problem(await api.post(path, ["x"]), 422)


@pytest.mark.parametrize(
    "body", [b"{", b"", b"\xff\xfe", b"null", b"[" * 3000 + b"]" * 3000, b'{"name":"\\ud800"}']
)
async def test_a_broken_body_is_the_callers_fault(paddock: Paddock, body: bytes) -> None:
    async with paddock.api.session.post(
        "/api/v1/sites", data=body, headers={"Content-Type": "application/json"}
    ) as answer:
        assert answer.status == 422, await answer.text()
        assert answer.content_type == "application/problem+json"


async def test_too_large_a_body_is_refused(paddock: Paddock) -> None:
    async with paddock.api.session.post("/api/v1/sites", json={"name": "x" * (1 << 20)}) as answer:
        assert (answer.status, answer.content_type) == (413, "application/problem+json")


# -- versions ------------------------------------------------------------------------------------------------------


async def test_a_change_with_an_old_etag_is_refused(paddock: Paddock) -> None:
    site = await paddock.site(domain="vienna.example.net")
    read = await paddock.api.get(f"/sites/{site}")
    etag = read.headers["ETag"]
    first = await paddock.api.call("PATCH", f"/sites/{site}", {"gateway": ""}, if_match=etag)
    assert (first.status, first.headers["ETag"]) == (200, etag), "nothing changed, so it is the same version"
    changed = await paddock.api.call("PATCH", f"/sites/{site}", {"name": "Wien"}, if_match=etag)
    assert (changed.status, changed["name"]) == (200, "Wien")
    assert changed.headers["ETag"] != etag
    for method, body in (("PATCH", {"name": "Vienna"}), ("DELETE", None)):
        for stale in (etag, '"0"', f"W/{etag}"):
            late = await paddock.api.call(method, f"/sites/{site}", body, if_match=stale)
            assert_problem(late, 412)
            assert late["hint"]
    assert_problem(await paddock.api.call("PATCH", f"/sites/{site}", {"name": "x"}, if_match="new"), 422)
    anyhow = await paddock.api.call("PATCH", f"/sites/{site}", {"name": "Vienna"}, if_match="*")
    assert anyhow.status == 200


async def test_a_patch_keeps_what_it_does_not_name(paddock: Paddock) -> None:
    told = {
        "domain": "vienna.example.net", "subnet": "10.20.0.0/24", "range": "10.20.0.100-10.20.0.199",
        "gateway": "10.20.0.1", "forwarders": "9.9.9.9, 1.1.1.1", "external_ip": "203.0.113.7",
    }  # fmt: skip
    site = await paddock.site(**told)
    before = await paddock.api.get(f"/sites/{site}")
    for name, value in {"name": "Wien", **{name: told[name] for name in told}}.items():
        after = await paddock.api.call("PATCH", f"/sites/{site}", {name: value})
        assert after.status == 200
        same = set(before) - {"name", "version", "updated_at"}
        assert {one: after[one] for one in same} == {one: before[one] for one in same}
    emptied = await paddock.api.call("PATCH", f"/sites/{site}", {"external_ip": ""})
    assert (emptied["external_ip"], emptied["gateway"]) == ("", "10.20.0.1")


# -- who may what --------------------------------------------------------------------------------------------------


def filled(path: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        path = path.replace("{" + name + "}", value)
    return path


async def test_nobody_gets_anything_without_a_sign_in(
    paddock: Paddock, ids: dict[str, str], spec: dict[str, Any]
) -> None:
    async with aiohttp.ClientSession(paddock.base) as stranger:
        for headers in ({}, {"Authorization": "Bearer pdk_" + "x" * 43}, {"Authorization": "Basic eDp5"}):
            nobody = Api(stranger)
            for method, path, _ in operations(spec):
                body = BODIES.get((method, path))
                async with stranger.request(
                    method, f"/api/v1{filled(path, ids)}", json=body, headers=headers
                ) as answer:
                    assert answer.status == 401, f"{method} {path}: {answer.status}"
                    assert answer.content_type == "application/problem+json"
        assert (await nobody.get("/openapi.json")).status == 200


ADMINISTRATORS_ONLY = {"/overview/process"}
"""How the process itself is doing is nobody else's business."""


async def test_an_auditor_reads_everything_and_changes_nothing(
    paddock: Paddock, ids: dict[str, str], spec: dict[str, Any]
) -> None:
    async with person(paddock, "a.huber", Role.AUDITOR) as auditor:
        for method, path, _ in operations(spec):
            url = filled(path, ids)
            if method == "GET":
                if path != "/search":
                    wanted = 403 if path in ADMINISTRATORS_ONLY else 200
                    assert (await auditor.get(url)).status == wanted, path
                continue
            if (method, path) in OWN:
                continue
            before = (await paddock.api.get("/audit?actor=a.huber&outcome=refused"))["total"]
            answer = await auditor.call(method, url, BODIES.get((method, path)))
            assert_problem(answer, 403)
            assert answer["code"] == "denied", path
            refusals = await paddock.api.get("/audit?actor=a.huber&outcome=refused")
            assert refusals["total"] == before + 1, f"{method} {path} left no word in the audit"
    assert (await paddock.api.get("/nodes"))["total"] == 5
    assert (await paddock.api.get("/sites"))["total"] == 1


# -- scope ---------------------------------------------------------------------------------------------------------

NOT_OF_A_SITE = {"paddock.access.queries"}
"""People, tokens and sessions belong to no site; they need the right `access.read`."""
WHATEVER_SITE = {
    "paddock.clusters.queries.find_by_identity": "an import must know a cluster wherever it is",
    "paddock.nodes.queries.objections_to_site": "a site with hidden nodes must not be deleted",
}


def empty(found: Any) -> bool:
    """Whether nothing of the estate is in it."""
    if is_dataclass(found) and not isinstance(found, Page):
        values = (getattr(found, one.name) for one in fields(found) if one.name not in {"first_steps"})
        return all(empty(value) for value in values)
    if isinstance(found, Page):
        return not found.items and found.total == 0
    if isinstance(found, tuple) and all(isinstance(one, int) for one in found):
        return not any(found)
    return not found


async def test_a_person_without_sites_sees_nothing_of_any(paddock: Paddock, ids: dict[str, str]) -> None:
    nothing = Actor("u9", "nobody.much", Role.ADMINISTRATOR, scope=Scope(frozenset()))
    everything = replace(nothing, scope=Scope())
    asked = 0
    for module in query_modules():
        if module.__name__ in NOT_OF_A_SITE:
            continue
        for name, query in inspect.getmembers(module, inspect.iscoroutinefunction):
            full = f"{module.__name__}.{name}"
            if query.__module__ != module.__name__ or name.startswith("_") or full in WHATEVER_SITE:
                continue
            arguments = [argument_for(one, ids, paddock) for one in required_parameters(query)]
            seen = await query(paddock.ctx.acting_as(everything), *arguments)
            if seen is not None and not empty(seen):
                asked += 1
            try:
                found = await query(paddock.ctx.acting_as(nothing), *arguments)
            except NotFound:
                continue
            assert empty(found), f"{full} shows {found!r}"
    assert asked > 10, "the queries were asked for things that are there"


def required_parameters(query: Any) -> list[inspect.Parameter]:
    found = list(inspect.signature(query).parameters.values())[1:]
    return [one for one in found if one.default is inspect.Parameter.empty]


def argument_for(parameter: inspect.Parameter, ids: dict[str, str], paddock: Paddock) -> Any:
    if parameter.name in ids:
        return ids[parameter.name]
    if parameter.name == "paging":
        return Paging()
    if parameter.name == "cluster_ids":
        return [ids["cluster_id"]]
    if parameter.name == "since":
        return paddock.ctx.now().replace(year=2020)
    if parameter.name in {"text", "q", "token"}:
        return "pve"
    if parameter.name == "name":
        return "pve1"
    if parameter.name == "names":
        return ["pve1"]
    raise AssertionError(f"how is {parameter} filled in?")
