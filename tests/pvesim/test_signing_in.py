from __future__ import annotations

import json
from urllib.parse import quote

from pvesim import ClusterScene, UserScene
from tests.pvesim.client import Client, serving

SCENE = ClusterScene.simple("prod", nodes=2, containers=4)


async def test_a_ticket_of_one_node_is_good_on_the_other_and_renews_itself() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"])
        data = json.loads((await client.sign_in("root@pam", running["prod"].root_password)).body)["data"]
        other = Client(running["prod"], "pve2", Cookie=f"PVEAuthCookie={quote(data['ticket'], safe='')}")
        assert (await other.get("/version"))["release"] == "9.2"
        running.advance(3600)
        renewed = await client.sign_in("root@pam", data["ticket"])
        assert renewed.status == 200
        running.advance(3700)
        assert (await other.call("GET", "/version")).reason == "Authentication failed!"
        fresh = json.loads(renewed.body)["data"]["ticket"]
        assert await Client(running["prod"], Cookie=f"PVEAuthCookie={quote(fresh, safe='')}").get("/version")


async def test_writing_with_a_ticket_needs_its_csrf_token() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"])
        data = json.loads((await client.sign_in("root@pam", running["prod"].root_password)).body)["data"]
        client.headers = {"Cookie": f"PVEAuthCookie={quote(data['ticket'], safe='')}"}
        refused = await client.call("PUT", "/nodes/pve1/config", {"description": "x"})
        assert (refused.status, refused.reason, refused.body) == (
            401,
            "Permission denied - invalid csrf token",
            b"",
        )
        client.headers["CSRFPreventionToken"] = data["CSRFPreventionToken"]
        assert (await client.call("PUT", "/nodes/pve1/config", {"description": "x"})).status == 200


async def test_a_second_factor_gives_a_ticket_that_opens_nothing() -> None:
    scene = ClusterScene.simple("prod", nodes=1)
    async with serving(scene) as running:
        running.fault("tfa-demanded")
        client = Client(running["prod"])
        data = json.loads((await client.sign_in("root@pam", running["prod"].root_password)).body)["data"]
        assert data["NeedTFA"] == 1
        assert "cap" not in data
        client.headers = {"Cookie": f"PVEAuthCookie={quote(data['ticket'], safe='')}"}
        assert (await client.call("GET", "/version")).reason == "Authentication failed!"


async def test_domains_need_no_sign_in_and_everything_else_does() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"])
        assert {row["realm"] for row in await client.get("/access/domains")} == {"pam", "pve"}
        assert (await client.call("GET", "/version")).status == 401
        assert running["prod"].nodes["pve1"].connections == 2
        assert running.credentials() == []


async def test_older_versions_say_why_a_token_is_refused() -> None:
    scene = ClusterScene.simple("old", nodes=1, version="8.4.14")
    async with serving(scene) as running:
        client = Client(running["old"], Authorization="PVEAPIToken=root@pam!full=00000000-0000-0000-0000-0")
        assert (await client.call("GET", "/version")).reason == "invalid token value!"
        good = client.by("full")
        assert (await good.get("/version"))["version"] == "8.4.14"
        assert {row["type"] for row in await good.get("/cluster/resources?type=sdn")} == {"sdn"}


async def test_disabled_and_expired_users_cannot_sign_in_with_the_right_password() -> None:
    users = [
        UserScene(userid="off@pve", password="password-1", enable=False),
        UserScene(userid="late@pve", password="password-2", expire=1000000000),
    ]
    scene = ClusterScene(name="prod", nodes=SCENE.nodes, users=users, tokens=[])
    async with serving(scene) as running:
        client = Client(running["prod"])
        for name, password in (("off@pve", "password-1"), ("late@pve", "password-2")):
            assert (await client.sign_in(name, password)).reason == "authentication failure"


async def test_requests_remember_who_sent_which_credential() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"])
        await client.sign_in("root@pam", "guess")
        await client.by("auditor").get("/nodes")
        assert running.count(auth="password") == 1
        assert running.count(auth="token", path="/api2/json/nodes") == 1
        assert running.credentials() == [
            "guess",
            "=".join(running["prod"].summary()["tokens"]["auditor"].values()),
        ]
        assert running.per_node() == {("prod", "pve1"): 2}
