"""When a cluster goes, what Paddock made on Proxmox VE for its sign-in can go with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from paddock.base.errors import WrongState
from paddock.clusters import changing as clusters_changing
from paddock.clusters.queries import get_cluster
from paddock.clusters.sign_in import leaving
from paddock.clusters.sign_in.wish import Administrator
from pvesim import ClusterScene, Running
from pvesim.identity import Token, User
from tests.app.clusters.signing import Signed, signed
from tests.app.conftest import Estates
from tests.app.watch.test_remove_node import stop_all
from tests.harness import Paddock

USER = "paddock@pve"


@pytest.fixture
async def lab(estates: Estates) -> AsyncIterator[Running]:
    async with estates(ClusterScene.simple("lab", nodes=2, containers=2, prefix="bench")) as running:
        yield running


async def ready(paddock: Paddock, lab: Running, **wish: str) -> tuple[Signed, dict[str, Any]]:
    """The cluster with a token that Paddock made, nothing running on it; and how it was before that."""
    cluster = await signed(paddock, lab, "lab")
    before = cluster.entries()
    job = await cluster.ceremony(**wish)
    assert job["state"] == "done", job
    stop_all(lab, "lab")
    return cluster, before


async def remove(cluster: Signed, **administrator: str) -> Any:
    body = {"confirm": "lab", "administrator": {**cluster.root, **administrator}}
    return await cluster.api.post(f"/clusters/{cluster.id}/remove", body)


async def test_token_user_and_role_go_and_proxmox_is_as_it_was(paddock: Paddock, lab: Running) -> None:
    cluster, before = await ready(paddock, lab, token="gone")
    assert cluster.entries() != before
    done = await remove(cluster)
    assert done.status == 200, done
    assert done["taken_away"] == [f"token {USER}!gone", f"user {USER}", "role PaddockOperator"]
    assert (done["kept"], done["clean_up"]) == ([], [])
    assert cluster.entries() == before
    assert (await cluster.api.get("/clusters"))["total"] == 0
    entry = (await cluster.api.get("/audit?action=clusters.remove"))["items"][0]
    assert entry["detail"]["taken_away"] == done["taken_away"]
    assert entry["detail"]["administrator"] == "root@pam"


async def test_a_token_that_was_left_by_a_rotation_goes_too(paddock: Paddock, lab: Running) -> None:
    cluster, before = await ready(paddock, lab)
    assert (await cluster.rotated(remove_old=False))["state"] == "done"
    assert len(cluster.identity.users[USER].tokens) == 2
    done = await remove(cluster)
    assert len(done["taken_away"]) == 4
    assert cluster.entries() == before


async def test_what_others_use_is_kept_and_told(paddock: Paddock, lab: Running) -> None:
    cluster, _ = await ready(paddock, lab, token="ours")
    identity = cluster.identity
    identity.users[USER].tokens["theirs"] = Token("x" * 36)
    identity.grant("/", "token", f"{USER}!theirs", "PaddockOperator")
    identity.changed()
    may = identity.privileges(f"{USER}!theirs", "/vms/100")
    assert "VM.Allocate" in may
    done = await remove(cluster)
    assert done["taken_away"] == [f"token {USER}!ours"]
    assert done["kept"] == [
        f"user {USER}, which has another token: {USER}!theirs",
        f"role PaddockOperator, which others hold: {USER}, {USER}!theirs",
    ]
    assert list(identity.users[USER].tokens) == ["theirs"]
    assert identity.privileges(f"{USER}!theirs", "/vms/100") == may, "a token may no more than its user"


async def test_a_user_that_was_given_more_is_kept(paddock: Paddock, lab: Running) -> None:
    cluster, _ = await ready(paddock, lab, token="ours")
    cluster.identity.grant("/storage", "user", USER, "PVEDatastoreAdmin")
    cluster.identity.changed()
    done = await remove(cluster)
    assert done["taken_away"] == [
        f"token {USER}!ours",
        f"role PaddockOperator of {USER}",
        "role PaddockOperator",
    ]
    assert done["kept"] == [f"user {USER}, which was given more: PVEDatastoreAdmin"]


async def test_a_user_and_a_role_that_were_there_before_stay(paddock: Paddock, lab: Running) -> None:
    cluster = await signed(paddock, lab, "lab")
    cluster.identity.users[USER] = User(password="their own 1")
    assert (await cluster.ceremony(token="ours"))["state"] == "done"
    stop_all(lab, "lab")
    done = await remove(cluster)
    assert done["taken_away"] == [
        f"token {USER}!ours",
        f"role PaddockOperator of {USER}",
        "role PaddockOperator",
    ]
    assert cluster.identity.users[USER].password == "their own 1"
    assert USER not in {row["ugid"] for row in cluster.identity.listing()}, (
        "nor does it hold the role any more"
    )


async def test_a_wrong_password_stands_beside_its_field_and_nothing_is_removed(
    paddock: Paddock, lab: Running
) -> None:
    cluster, _ = await ready(paddock, lab)
    there = cluster.entries()
    refused = await remove(cluster, password="not-this-one")
    assert (refused.status, refused["errors"][0]["field"]) == (422, "password")
    assert cluster.entries() == there
    assert (await cluster.api.get("/clusters"))["total"] == 1
    entry = (await cluster.api.get("/audit?action=clusters.remove"))["items"][0]
    assert (entry["outcome"], entry["code"]) == ("failed", "password_refused")


async def test_who_lacks_the_rights_is_told_which_and_nothing_is_removed(
    paddock: Paddock, lab: Running
) -> None:
    cluster, _ = await ready(paddock, lab)
    cluster.identity.users["clerk@pve"] = User("clerk-password-1")
    cluster.identity.custom_roles["Clerk"] = frozenset({"User.Modify"})
    cluster.identity.grant("/", "user", "clerk@pve", "Clerk")
    cluster.identity.changed()
    there = cluster.entries()
    refused = await remove(cluster, username="clerk@pve", password="clerk-password-1")
    assert refused["code"] == "farewell_rights"
    for lack in (
        "Realm.AllocateUser on /access/realm/pve",
        "Sys.Modify on /access",
        "Permissions.Modify on /",
    ):
        assert lack in refused["detail"]
    assert "User.Modify" not in refused["detail"]
    assert cluster.entries() == there
    assert (await cluster.api.get("/clusters"))["total"] == 1


async def test_nothing_is_taken_away_while_containers_run(paddock: Paddock, lab: Running) -> None:
    cluster, _ = await ready(paddock, lab)
    there = cluster.entries()
    guest = next(iter(lab.estate["lab"].guests.values()))
    lab.estate["lab"].set_status(guest.vmid, "running")
    assert (await remove(cluster))["code"] == "containers_active"
    assert cluster.entries() == there


async def test_what_proxmox_refuses_to_delete_is_left_as_a_command(paddock: Paddock, lab: Running) -> None:
    cluster, _ = await ready(paddock, lab, token="left")
    lab.fault("overloaded", cluster="lab", path="^DELETE .*/access/roles", status=500, reason="no")
    done = await remove(cluster)
    assert done["taken_away"] == [f"token {USER}!left", f"user {USER}"]
    assert done["clean_up"] == ["pveum role delete PaddockOperator"]
    assert done["refused"]


async def test_what_cannot_be_begun_loses_nothing(paddock: Paddock, lab: Running) -> None:
    cluster, _ = await ready(paddock, lab)
    there = cluster.entries()
    lab.fault("overloaded", cluster="lab", path="^DELETE .*/access/", status=500, reason="no quorum!")
    refused = await remove(cluster)
    assert refused.status == 502, refused
    assert cluster.entries() == there
    assert (await cluster.api.get("/clusters"))["total"] == 1
    deeds = (await cluster.api.get(f"/clusters/{cluster.id}/deeds"))["items"]
    assert not any(deed["removed_at"] for deed in deeds)


async def test_a_removal_that_is_refused_after_the_farewell_tells_the_audit(
    paddock: Paddock, lab: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, before = await ready(paddock, lab, token="gone")

    async def refused(*_: object) -> None:
        raise WrongState("Something else came in between.", code="in_between")

    monkeypatch.setattr(clusters_changing, "remove_cluster", refused)
    answer = await remove(cluster)
    assert (answer.status, answer["code"]) == (409, "in_between")
    assert cluster.entries() == before
    entry = (await cluster.api.get("/audit?action=clusters.remove"))["items"][0]
    assert (entry["outcome"], entry["code"]) == ("failed", "in_between")
    assert f"token {USER}!gone" in entry["detail"]["taken_away"]
    deeds = (await cluster.api.get(f"/clusters/{cluster.id}/deeds"))["items"]
    assert all(deed["removed_at"] for deed in deeds)


async def test_a_removal_that_was_cut_off_in_between_is_done_again(paddock: Paddock, lab: Running) -> None:
    cluster, before = await ready(paddock, lab, token="again")
    row = await get_cluster(paddock.ctx, cluster.id)
    mine = await leaving.belongings(paddock.ctx, cluster.id)
    root = Administrator(**cluster.root)
    first = await leaving.take_away(paddock.ctx, row, mine, root)
    assert await leaving.take_away(paddock.ctx, row, mine, root) == first, "it can be repeated"
    assert cluster.entries() == before
    deeds = (await cluster.api.get(f"/clusters/{cluster.id}/deeds"))["items"]
    assert all(deed["removed_at"] for deed in deeds)
    body = {"confirm": "lab", "reason": "its token is gone", "administrator": cluster.root}
    done = await cluster.api.post(f"/clusters/{cluster.id}/remove", body)
    assert (done.status, done["taken_away"]) == (200, [])


async def test_without_a_password_the_commands_for_all_of_it_are_told(paddock: Paddock, lab: Running) -> None:
    cluster, _ = await ready(paddock, lab, token="ours")
    there = cluster.entries()
    done = await cluster.api.call("DELETE", f"/clusters/{cluster.id}?confirm=lab")
    assert done["clean_up"] == [
        f"pveum user token remove {USER} ours", f"pveum user delete {USER}", "pveum role delete PaddockOperator",
    ]  # fmt: skip
    assert cluster.entries() == there


async def test_a_sign_in_that_paddock_did_not_make_is_not_touched(paddock: Paddock, lab: Running) -> None:
    cluster = await signed(paddock, lab, "lab")
    stop_all(lab, "lab")
    before = cluster.entries()
    done = await remove(cluster)
    assert (done.status, done["taken_away"]) == (200, [])
    assert done["kept"] == ["the sign-in root@pam, which Paddock did not make"]
    assert cluster.entries() == before
