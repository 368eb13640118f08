"""Two truths about each node, under trouble of every kind."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec
import pytest

from paddock.base.vault import Secret
from paddock.nodes import health
from paddock.proxmox import Connections, PasswordCredential, handshake
from paddock.watch import cluster as cluster_watch
from paddock.watch.cluster import ClusterWatch
from paddock.watch.loop import Watcher
from pvesim import ClusterScene, Running
from tests.app.conftest import Estates
from tests.harness import Paddock

Looks = Callable[[int], Awaitable[None]]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trouble is shown after some seconds; how long it is in earnest, the unit tests of `health` know."""
    monkeypatch.setattr(health, "GRACE", timedelta(seconds=4))
    monkeypatch.setattr(handshake, "SIGN_SECONDS", 1.5)
    monkeypatch.setattr(cluster_watch, "CONTACT_SECONDS", 2.0)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """`await looks(3)`: until the watch has looked three times more from beginning to end."""
    ended = 0
    whole = ClusterWatch.cycle

    async def cycle(self: ClusterWatch) -> None:
        nonlocal ended
        await whole(self)
        ended += 1

    async def more(times: int) -> None:
        wanted = ended + times + 1  # the one that is under way began before
        async with asyncio.timeout(30):
            while ended < wanted:
                await asyncio.sleep(0.02)

    monkeypatch.setattr(ClusterWatch, "cycle", cycle)
    return more


async def test_a_node_that_dies_is_offline_by_the_clusters_word_and_comes_back(
    paddock: Paddock, estate: Running
) -> None:
    await paddock.imported(await paddock.site(), estate["prod"])
    estate.fault("node-down", cluster="prod", node="pve2")
    down = await paddock.until_status("pve2", "offline")
    assert "cluster says it is down" in down["status_reason"]
    assert down["containers_running"] is None, "nobody knows what runs there"
    on_it = (await paddock.api.get(f"/containers?node={down['id']}"))["items"]
    assert on_it
    assert {one["status"] for one in on_it} == {"unknown"}, "what ran there is not known to run"
    estate.clear()
    await paddock.until_status("pve2", "online")
    events = (await paddock.api.get(f"/nodes/{down['id']}/events"))["items"]
    told = [event["text"].split(":")[0] for event in events if event["kind"] == "status"]
    assert told[:2] == ["Online", "Offline"]


async def test_a_node_whose_api_is_down_is_unreachable_not_offline(
    paddock: Paddock, estate: Running, impatient: None
) -> None:
    await paddock.imported(await paddock.site(), estate["prod"])
    estate.fault("daemon-down", cluster="prod", node="pve2")
    node = await paddock.until_status("pve2", "unreachable", seconds=40)
    assert node["cluster_says"] == "online"
    assert "refuses the connection" in node["status_reason"]
    assert node["cpu_used"] is not None, "the others still tell its figures"


async def test_a_hung_api_that_still_shakes_hands_is_not_online(
    paddock: Paddock, estate: Running, impatient: None
) -> None:
    await paddock.imported(await paddock.site(), estate["prod"])
    await paddock.until_status("pve2", "online")
    estate.fault("black-hole", cluster="prod", node="pve2")
    node = await paddock.until_status("pve2", "unreachable", seconds=50)
    assert node["cluster_says"] == "online"


async def test_a_strangers_certificate_is_not_trusted_and_gets_no_credential(
    paddock: Paddock, estate: Running
) -> None:
    await paddock.imported(await paddock.site(), estate["prod"])
    await paddock.until_status("pve2", "online")
    estate.fault("certificate-replaced", cluster="prod", node="pve2")
    before = len([one for one in estate.requests if one.node == "pve2"])
    node = await paddock.until_status("pve2", "untrusted")
    assert node["status_code"]
    assert len([one for one in estate.requests if one.node == "pve2"]) == before, "nothing was sent to it"


async def test_a_renewed_certificate_of_the_same_ca_needs_nobody(paddock: Paddock, estate: Running) -> None:
    await paddock.imported(await paddock.site(), estate["prod"])
    await paddock.until_status("pve2", "online")
    estate.fault("certificate-renewed", cluster="prod", node="pve2")
    since = (await paddock.nodes())["pve2"]["contact_ok_at"]
    async with asyncio.timeout(20):
        while (node := (await paddock.nodes())["pve2"])["contact_ok_at"] <= since:
            await asyncio.sleep(0.1)
    assert node["status"] == "online"


async def test_a_changed_password_is_named_and_tried_only_once(
    paddock: Paddock, estate: Running, looks: Looks
) -> None:
    job = await paddock.imported(await paddock.site(), estate["prod"])
    await paddock.until_status("pve1", "online")
    old = estate["prod"].root_password
    estate.fault("password-changed", cluster="prod")
    connection = paddock.ctx.part(Connections).open(job["result"]["cluster_id"])
    assert connection is not None
    connection.replace_credential(
        PasswordCredential("root@pam", Secret(old))
    )  # no ticket, as after a restart
    node = await paddock.until_status("pve1", "refused")
    tickets = estate.count(path="/api2/json/access/ticket")
    await looks(2)
    assert estate.count(path="/api2/json/access/ticket") == tickets, "a stale password is not hammered"
    assert "root@pam" in node["status_reason"]
    cluster = (await paddock.api.get("/clusters"))["items"][0]
    assert cluster["trouble"] == "password_refused"
    again = await paddock.imported(cluster["site_id"], estate["prod"], password="changed-meanwhile")
    assert again["state"] == "done"
    await paddock.until_status("pve1", "online")


async def test_a_deleted_token_is_named_and_not_hammered(
    paddock: Paddock, estate: Running, looks: Looks
) -> None:
    token = estate["prod"].tokens["full"]
    await paddock.imported(await paddock.site(), estate["prod"], token_id=token.id, token_secret=token.secret)
    await paddock.until_status("pve1", "online")
    estate.fault("token-deleted", cluster="prod", token="full")
    node = await paddock.until_status("pve1", "refused")
    assert token.id in node["status_reason"]
    presented = estate.count(auth="token")
    await looks(2)
    assert estate.count(auth="token") <= presented + 1


async def test_a_cluster_without_quorum_is_still_watched(paddock: Paddock, estate: Running) -> None:
    estate.fault("quorum-lost", cluster="prod")
    site = await paddock.site()
    seen = await paddock.preview(site, estate["prod"].first, estate["prod"])
    assert any("quorum" in note for note in seen["notes"])
    job = await paddock.imported(site, estate["prod"])
    assert job["state"] == "done"
    assert (await paddock.api.get("/clusters"))["items"][0]["quorate"] is False


async def test_a_dead_cluster_never_delays_another(
    paddock: Paddock, estates: Estates, impatient: None
) -> None:
    scenes = [ClusterScene.simple(name, nodes=2, containers=2, prefix=name) for name in ("one", "two")]
    async with estates(*scenes) as running:
        site = await paddock.site()
        for name in ("one", "two"):
            assert (await paddock.imported(site, running[name]))["state"] == "done"
        for node in ("one1", "one2"):
            running.fault("black-hole", cluster="one", node=node)
        await paddock.until_status("one1", "offline", seconds=60)
        seen: set[datetime] = set()
        async with asyncio.timeout(15):
            while len(seen) < 4:
                seen.add(datetime.fromisoformat((await paddock.nodes())["two1"]["cluster_says_at"]))
                await asyncio.sleep(0.05)
        moments = sorted(seen)
        gaps = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(moments)]
        assert max(gaps) < 3, "the interval of one second holds, give or take a busy machine"


async def test_a_member_that_leaves_is_marked_and_kept(paddock: Paddock, estate: Running) -> None:
    await paddock.imported(await paddock.site(), estate["prod"])
    estate.fault("node-removed", cluster="prod", node="pve3")
    async with asyncio.timeout(15):
        while (await paddock.nodes())["pve3"]["vanished_at"] is None:
            await asyncio.sleep(0.1)
    seen = await paddock.preview(
        (await paddock.api.get("/sites"))["items"][0]["id"], estate["prod"].first, estate["prod"]
    )
    assert {one["name"]: one["comparison"] for one in seen["members"]}["pve3"] == "vanished"


async def test_old_evidence_is_never_green(paddock: Paddock, estate: Running) -> None:
    await paddock.imported(await paddock.site(), estate["prod"])
    await paddock.until_status("pve1", "online")
    await paddock.services.parts[Watcher].forget_all()
    live = paddock.services.figures
    node = (await paddock.nodes())["pve1"]
    old = live.get("node", node["id"])
    past = old.word_at - timedelta(minutes=5)
    live.put(
        "node", node["id"], msgspec.structs.replace(old, word_at=past, contact_at=past, contact_ok_at=past)
    )
    stale = await paddock.until_status("pve1", "unknown", seconds=2)
    assert "fresh" in stale["status_reason"] or "lately" in stale["status_reason"]


async def test_containers_that_the_sign_in_may_no_longer_see_are_not_taken_for_gone(
    paddock: Paddock, estate: Running, looks: Looks
) -> None:
    token = estate["prod"].tokens["auditor"]
    await paddock.imported(await paddock.site(), estate["prod"], token_id=token.id, token_secret=token.secret)
    await paddock.until_status("pve1", "online")
    before = {one["id"] for one in (await paddock.api.get("/containers?size=100"))["items"]}
    identity = estate.estate["prod"].identity
    identity.grant("/vms", "user", "watch@pve", "NoAccess")
    async with asyncio.timeout(15):
        while (await paddock.api.get("/clusters"))["items"][0]["trouble"] != "guests_hidden":
            await asyncio.sleep(0.1)
    await looks(2)
    after = {one["id"] for one in (await paddock.api.get("/containers?size=100"))["items"]}
    assert after == before
    identity.revoke("/vms", "user", "watch@pve", "NoAccess")
    identity.changed()
    async with asyncio.timeout(15):
        while (await paddock.api.get("/clusters"))["items"][0]["trouble"]:
            await asyncio.sleep(0.1)
    assert {one["id"] for one in (await paddock.api.get("/containers?size=100"))["items"]} == before


async def test_a_container_that_is_destroyed_ends_after_two_looks(paddock: Paddock, estate: Running) -> None:
    await paddock.imported(await paddock.site(), estate["prod"])
    await paddock.until_status("pve1", "online")
    first = (await paddock.api.get("/containers?size=100&sort=vmid"))["items"][0]
    estate.estate["prod"].remove(first["vmid"])
    async with asyncio.timeout(15):
        while (await paddock.api.get("/containers"))["total"] != 19:
            await asyncio.sleep(0.1)
    assert first["id"] not in {one["id"] for one in (await paddock.api.get("/containers?size=100"))["items"]}
