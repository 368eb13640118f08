"""Sites over REST: what people type, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pvesim import Running
from tests.harness import Api, Paddock

WHOLE = {
    "name": "Vienna",
    "domain": "Vienna.Example.net",
    "subnet": "10.20.0.0/255.255.255.0",
    "range": "10.20.0.100,10.20.0.199",
    "gateway": "10.20.0.1",
    "forwarders": "9.9.9.9 1.1.1.1",
    "external_ip": "203.0.113.7",
}


async def test_a_site_is_read_leniently_and_answered_in_canonical_form(api: Api) -> None:
    made = await api.post("/sites", WHOLE)
    assert (made.status, made.headers["ETag"]) == (201, '"1"')
    read = await api.get(f"/sites/{made['id']}")
    assert read == made
    assert {name: read[name] for name in WHOLE} == {
        "name": "Vienna",
        "domain": "vienna.example.net",
        "subnet": "10.20.0.0/24",
        "range": "10.20.0.100-10.20.0.199",
        "gateway": "10.20.0.1",
        "forwarders": ["9.9.9.9", "1.1.1.1"],
        "external_ip": "203.0.113.7",
    }


async def test_ipv6_is_as_good(api: Api) -> None:
    wish = {
        "name": "Six",
        "subnet": "2001:DB8:0:1::/64",
        "range": "2001:db8:0:1::100-2001:db8:0:1::1ff",
        "gateway": "2001:db8:0:1::1",
        "forwarders": "2620:fe::fe",
    }
    made = await api.post("/sites", wish)
    assert (made.status, made["subnet"]) == (201, "2001:db8:0:1::/64"), made


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"name": ""}, {"name"}),
        ({"name": "   "}, {"name"}),
        ({"name": "x" * 65}, {"name"}),
        ({"domain": "not a domain"}, {"domain"}),
        ({"domain": "-x.example"}, {"domain"}),
        ({"subnet": "10.20.0.0/33"}, {"subnet"}),
        ({"subnet": "ten"}, {"subnet"}),
        ({"range": "10.20.0.199-10.20.0.100"}, {"range"}),
        ({"range": "10.21.0.100-10.21.0.199"}, {"range"}),
        ({"range": "10.20.0.100"}, {"range"}),
        ({"gateway": "10.99.0.1"}, {"gateway"}),
        ({"gateway": "2001:db8::1"}, {"gateway"}),
        ({"forwarders": "9.9.9.9, dns.example"}, {"forwarders"}),
        ({"external_ip": "here"}, {"external_ip"}),
        (
            {"domain": "not a domain", "gateway": "x", "external_ip": "y"},
            {"domain", "gateway", "external_ip"},
        ),
        ({"nmae": "Vienna"}, {"nmae"}),
        ({"name": 7}, {"name"}),
    ],
)
async def test_every_fault_stands_beside_its_field_and_nothing_is_written(
    api: Api, changes: dict[str, Any], fields: set[str]
) -> None:
    answer = await api.post("/sites", WHOLE | changes)
    assert answer.status == 422, answer
    assert {one["field"] for one in answer["errors"]} == fields
    assert all(one["message"][-1] in ".!?" for one in answer["errors"])
    assert (await api.get("/sites"))["total"] == 0


async def test_a_name_is_taken_whatever_its_case(api: Api) -> None:
    await api.post("/sites", {"name": "Vienna"})
    again = await api.post("/sites", {"name": "vIENNA"})
    assert (again.status, again["code"]) == (409, "already_exists")
    assert again["errors"][0]["field"] == "name"
    other = await api.post("/sites", {"name": "Graz"})
    renamed = await api.call("PATCH", f"/sites/{other['id']}", {"name": "VIENNA"})
    assert renamed.status == 409
    same = await api.call("PATCH", f"/sites/{other['id']}", {"name": "GRAZ"})
    assert (same.status, same["name"]) == (200, "GRAZ")


async def test_of_two_that_create_the_same_site_at_once_one_wins(api: Api) -> None:
    answers = await asyncio.gather(*(api.post("/sites", {"name": "Vienna"}) for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [201, *[409] * 5]


async def test_of_two_changes_of_one_version_at_once_one_wins(api: Api) -> None:
    made = await api.post("/sites", {"name": "Vienna"})
    etag = made.headers["ETag"]
    answers = await asyncio.gather(
        *(api.call("PATCH", f"/sites/{made['id']}", {"name": f"V{n}"}, if_match=etag) for n in range(6))
    )
    assert sorted(answer.status for answer in answers) == [200, *[412] * 5]


async def test_a_patch_is_judged_against_what_stays(api: Api) -> None:
    site = (await api.post("/sites", WHOLE))["id"]
    answer = await api.call("PATCH", f"/sites/{site}", {"subnet": "10.30.0.0/24"})
    assert answer.status == 422
    assert {one["field"] for one in answer["errors"]} >= {"gateway"}
    assert (await api.get(f"/sites/{site}"))["subnet"] == "10.20.0.0/24"


async def test_a_site_with_nodes_is_kept_and_they_are_named(paddock: Paddock, estate: Running) -> None:
    site = await paddock.site()
    await paddock.imported(site, estate["prod"])
    refused = await paddock.api.call("DELETE", f"/sites/{site}")
    assert (refused.status, refused["code"]) == (409, "in_use")
    assert refused["objections"] == [f"node pve{n}" for n in range(1, 6)]
    assert "pve1" in refused["detail"]
    assert refused["hint"]
    entry = (await paddock.api.get("/audit?action=sites.delete"))["items"][0]
    assert (entry["outcome"], entry["code"]) == ("refused", "in_use")


async def test_an_empty_site_is_deleted_and_gone(api: Api) -> None:
    site = (await api.post("/sites", WHOLE))["id"]
    assert (await api.call("DELETE", f"/sites/{site}")).status == 204
    assert (await api.get(f"/sites/{site}")).status == 404
    assert (await api.call("DELETE", f"/sites/{site}")).status == 404
    done = [entry["action"] for entry in (await api.get("/audit?action=sites"))["items"]]
    assert done == ["sites.delete", "sites.create"]


async def test_search_takes_wildcards_as_text(api: Api) -> None:
    for name in ("100% Vienna", "1000 Vienna", "a_b", "acb"):
        await api.post("/sites", {"name": name})
    assert [one["name"] for one in (await api.get("/sites?q=100%25"))["items"]] == ["100% Vienna"]
    assert [one["name"] for one in (await api.get("/sites?q=A_B"))["items"]] == ["a_b"]
