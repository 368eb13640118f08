"""A token replaced by another: the new one is proven on all members before the old one dies."""

from __future__ import annotations

import pytest

from pvesim import ClusterScene, Running
from tests.app.clusters.signing import signed
from tests.app.conftest import Estates
from tests.harness import Paddock


async def test_the_new_token_is_proven_before_the_old_one_dies(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    await prod.ceremony(level="operator")
    old = (await prod.now())["name"]
    estate.requests.clear()
    job = await prod.rotated()
    assert job["state"] == "done", job
    new = (await prod.now())["name"]
    assert new != old
    assert job["result"]["removed"] is True
    assert set(job["result"]["proven"]) == {"pve1", "pve2", "pve4", "pve5"}
    assert prod.identity.token(old) is None
    assert prod.identity.token(new) is not None
    calls = [(one.node, one.method, one.path) for one in estate.requests]
    died = next(i for i, call in enumerate(calls) if call[1] == "DELETE" and old.partition("!")[2] in call[2])
    proven = {node for node, _, path in calls[:died] if path.endswith("/access/permissions")}
    assert proven >= {"pve1", "pve2", "pve4", "pve5"}
    assert (await prod.api.get(f"{prod.path}/rights"))["level"] == "operator"
    deeds = {deed["name"]: deed for deed in (await prod.api.get(f"/clusters/{prod.id}/deeds"))["items"]}
    assert deeds[old]["removed_by"] == "m.huber"
    assert deeds[f"/ {old}"]["removed_at"]
    assert deeds[new]["removed_at"] is None
    await paddock.until_status("pve1", "online")


async def test_a_token_that_somebody_else_made_is_replaced_with_the_same_rights(
    paddock: Paddock, estate: Running
) -> None:
    token = estate["prod"].tokens["privsep"]
    identity = estate["prod"].state.identity
    identity.grant("/", "token", token.id, "PVEAuditor")
    identity.grant("/vms", "token", token.id, "PVEVMUser", False)
    identity.changed()
    prod = await signed(paddock, estate, token_id=token.id, token_secret=token.secret)
    assert (await prod.now())["made_by_paddock"] is False
    job = await prod.rotated(remove_old=False)
    assert job["state"] == "done", job
    new = (await prod.now())["name"]
    entries = {
        (row["path"], row["roleid"], row["propagate"])
        for row in prod.identity.listing()
        if row["ugid"] == new
    }
    assert entries == {("/", "PVEAuditor", 1), ("/vms", "PVEVMUser", 0)}
    assert prod.identity.token(token.id) is not None, "kept, as asked"


@pytest.mark.parametrize(
    ("end", "taken_over", "said"),
    [
        (4_102_444_800, 4_102_444_800, "It ends on 2100-01-01 00:00 UTC; the new one ends then too"),
        (1_000_000_000, 0, "It ended on 2001-09-09 01:46 UTC; the new one is made without an end"),
        (0, 0, ""),
    ],
    ids=["to come", "past", "never"],
)
async def test_the_end_of_a_token_is_taken_over_as_long_as_it_lies_ahead(
    paddock: Paddock, estate: Running, end: int, taken_over: int, said: str
) -> None:
    prod = await signed(paddock, estate)
    await prod.ceremony(token="one")
    prod.identity.users["paddock@pve"].tokens["one"].expire = end
    prod.identity.changed()
    job = await prod.rotated()
    assert job["state"] == "done", job
    new = prod.identity.token((await prod.now())["name"])
    assert new is not None
    assert new.expire == taken_over
    lines = [line["text"] for line in (await paddock.api.get(f"/jobs/{job['id']}"))["lines"]]
    assert [line for line in lines if line.startswith("It end")] == ([said] if said else [])
    (deed,) = (deed["detail"] for deed in job["result"]["deeds"] if deed["kind"] == "token")
    assert deed.endswith("until 2100-01-01 00:00 UTC" if taken_over else "without an end")


async def test_a_token_that_was_deleted_has_nothing_to_be_taken_over(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    await prod.ceremony()
    prod.identity.users["paddock@pve"].tokens.clear()
    job = await prod.rotated()
    assert (job["state"], job["error"]["code"]) == ("failed", "token_gone")
    assert (await prod.ceremony())["state"] == "done"
    await paddock.until_status("pve1", "online")


async def test_when_the_new_token_is_refused_the_old_one_stays(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    await prod.ceremony()
    old, before = (await prod.now())["name"], prod.entries()
    estate.fault("overloaded", cluster="prod", path="^PUT .*/access/acl", status=500, reason="no")
    assert (await prod.rotated())["state"] == "failed"
    assert ((await prod.now())["name"], prod.entries()) == (old, before)


async def test_a_member_that_cannot_be_asked_keeps_the_old_token_alive(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    await prod.ceremony()
    old = (await prod.now())["name"]
    estate.fault("daemon-down", cluster="prod", node="pve2")
    job = await prod.rotated()
    assert (job["state"], job["result"]["removed"]) == ("done", False)
    assert job["result"]["doubtful"] == ["pve2"], "pve3 is offline by the cluster's own word"
    assert prod.identity.token(old) is not None
    lines = [line["text"] for line in (await paddock.api.get(f"/jobs/{job['id']}"))["lines"]]
    assert any(f"pveum user token remove paddock@pve {old.partition('!')[2]}" in line for line in lines)


async def test_many_clusters_at_once_a_job_for_each(paddock: Paddock, estates: Estates) -> None:
    scenes = [ClusterScene.simple(name, nodes=2, containers=1) for name in ("north", "south")]
    scenes = [
        type(scene)(**{**_fields(scene), "root_password": "one password for all 9"}) for scene in scenes
    ]
    async with estates(*scenes) as estate:
        clusters = [await signed(paddock, estate, name) for name in ("north", "south")]
        for one in clusters:
            await one.ceremony()
        old = [(await one.now())["name"] for one in clusters]
        body = {**clusters[0].root, "clusters": [one.id for one in clusters]}
        started = await paddock.api.post("/sign-ins/rotate", body)
        assert started.status == 202, started
        jobs = [await paddock.ended(job) for job in started["job_ids"]]
        assert [job["state"] for job in jobs] == ["done", "done"]
        assert not set(old) & {(await one.now())["name"] for one in clusters}


def _fields(scene: ClusterScene) -> dict[str, object]:
    return {name: getattr(scene, name) for name in scene.__struct_fields__}


async def test_a_password_cannot_be_rotated(paddock: Paddock, estate: Running) -> None:
    prod = await signed(paddock, estate)
    answer = await prod.api.post(f"{prod.path}/rotate", prod.root)
    assert (answer.status, answer["code"]) == (409, "no_token")
    many = await prod.api.post("/sign-ins/rotate", {**prod.root, "clusters": [prod.id]})
    assert (many.status, many["errors"][0]["field"]) == (422, "clusters")


async def test_by_hand_the_commands_are_shown_and_the_new_secret_is_saved(
    paddock: Paddock, estate: Running
) -> None:
    prod = await signed(paddock, estate)
    await prod.ceremony(level="observer")
    old = (await prod.now())["name"]
    assert (await prod.api.get(f"{prod.path}/commands?level=operator"))["commands"][0].startswith(
        "pveum role add PaddockOperator"
    )
    shown = await prod.api.get(f"{prod.path}/commands")
    _, _, tokenid = shown["token_id"].partition("!")
    assert shown["commands"] == [
        'pveum role add PaddockObserver --privs "Datastore.Audit Pool.Audit SDN.Audit Sys.Audit VM.Audit"',
        "pveum user add paddock@pve --comment 'Made by Paddock'",
        f"pveum user token add paddock@pve {tokenid} --privsep 1 --comment 'Made by Paddock'",
        f"pveum acl modify / --users paddock@pve --tokens 'paddock@pve!{tokenid}' --roles PaddockObserver",
    ]
    assert shown["afterwards"] == [f"pveum user token remove paddock@pve {old.partition('!')[2]}"]
