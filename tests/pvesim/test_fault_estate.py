"""Faults of nodes, certificates, credentials, clusters and guests that test_faults.py does not have."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from pvesim import FAULTS, AclScene, BadTarget, ClusterScene, Estate, NodeScene, Settings, UserScene, serve
from tests.pvesim.client import Client, serving
from tests.pvesim.replay import send
from tests.pvesim.test_faults import handshake

SCENE = ClusterScene.simple("prod", nodes=3, containers=9)
CREATE = {
    "vmid": 500,
    "ostemplate": "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst",
    "storage": "local",
}


# -- nodes ---------------------------------------------------------------------------------------------


async def test_a_full_backlog_lets_nobody_in_and_serves_those_inside() -> None:
    async with serving(SCENE) as running:
        node = running["prod"].nodes["pve2"]
        context = ssl.create_default_context(cadata=running["prod"].ca_pem)
        reader, writer = await asyncio.open_connection(node.address, node.port, ssl=context)
        running.fault("backlog-full", node="pve2")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.open_connection(node.address, node.port), 0.2)
        token = running["prod"].tokens["full"].header
        writer.write(f"GET /api2/json/version HTTP/1.1\r\nAuthorization: {token}\r\n\r\n".encode())
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 200")
        writer.close()
        running.clear()
        assert await Client(running["prod"], "pve2").by("full").get("/version")


async def test_a_clock_that_is_ahead_shows_in_date_time_and_tickets() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"])
        running.fault("clock-skew", node="pve2", seconds=3600)
        answer = await client.at("pve2").sign_in("root@pam", running["prod"].root_password)
        ticket = json.loads(answer.body)["data"]["ticket"]
        dated = parsedate_to_datetime(answer.headers["date"]).astimezone(UTC).timestamp()
        now = running.estate.clock.now()
        assert 3590 < dated - now < 3610
        assert 3590 < (await client.by("full").get("/nodes/pve2/time"))["time"] - now < 3610
        assert abs((await client.by("full").get("/nodes/pve1/time"))["time"] - now) < 10
        by_ticket = {"Cookie": f"PVEAuthCookie={ticket}"}
        assert (await Client(running["prod"], "pve2", **by_ticket).call("GET", "/version")).status == 200
        assert (await Client(running["prod"], "pve1", **by_ticket).call("GET", "/version")).status == 401


@pytest.mark.parametrize(("product", "sign"), [("web", b"nginx"), ("backup", b"pbs")])
async def test_another_product_behind_the_port_has_its_own_certificate_and_answers(
    product: str, sign: bytes
) -> None:
    async with serving(SCENE) as running:
        node = running["prod"].nodes["pve1"]
        running.fault("wrong-product", node="pve1", product=product)
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(handshake, node.address, node.port, running["prod"].ca_pem)
        path = "/" if product == "web" else "/api2/json/access/domains"
        answer = await send(node.address, node.port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert answer.status == 200
        assert sign in answer.body
        assert "pve-api-daemon" not in answer.headers.get("server", "")
        assert (await Client(running["prod"], "pve2").by("full").call("GET", "/nodes/pve1/lxc")).status == 596


# -- certificates --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("certificate-expired", "certificate has expired"),
        ("certificate-early", "certificate is not yet valid"),
        ("certificate-misnamed", "IP address mismatch"),
    ],
)
async def test_a_certificate_of_the_clusters_ca_can_be_bad_too(fault: str, why: str) -> None:
    async with serving(SCENE) as running:
        node = running["prod"].nodes["pve2"]
        before = node.fingerprint
        running.fault(fault, node="pve2")
        with pytest.raises(ssl.SSLCertVerificationError, match=why):
            await asyncio.to_thread(handshake, node.address, node.port, running["prod"].ca_pem)
        rows = {row["node"]: row for row in await Client(running["prod"]).by("full").get("/nodes")}
        assert rows["pve2"]["ssl_fingerprint"] == node.fingerprint != before
        assert await Client(running["prod"]).by("full").get("/nodes/pve2/lxc"), "nodes trust by fingerprint"
        running.clear()
        assert node.fingerprint == before
        await asyncio.to_thread(handshake, node.address, node.port, running["prod"].ca_pem)


# -- credentials ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "parameters", "label", "status"),
    [
        ("token-expired", {}, "full", 401),
        ("token-replaced", {}, "full", 401),
        ("user-expired", {}, "auditor", 401),
        ("acl-removed", {}, "auditor", 403),
        ("role-emptied", {}, "reader", 403),
    ],
)
async def test_credentials_and_rights_end_and_come_back(
    fault: str, parameters: dict[str, str], label: str, status: int
) -> None:
    from pvesim import TokenScene

    simple = ClusterScene.simple("prod", nodes=1, containers=1)
    scene = ClusterScene(
        name="prod",
        nodes=simple.nodes,
        guests=simple.guests,
        roles={"Reader": ["Sys.Audit", "VM.Audit"]},
        users=[*simple.users, UserScene(userid="reader@pve")],
        tokens=[*simple.tokens, TokenScene(userid="reader@pve", tokenid="t1", label="reader", privsep=False)],
        acl=[AclScene(path="/", ugid="reader@pve", role="Reader")],
    )
    async with serving(scene) as running:
        client = Client(running["prod"]).by(label)
        assert await client.get("/cluster/status")
        running.fault(fault, **parameters)
        assert (await client.call("GET", "/cluster/status")).status == status
        if status == 403:
            assert await client.get("/cluster/resources?type=vm") == []
        running.clear(fault)
        assert await client.get("/cluster/status")


# -- the cluster ---------------------------------------------------------------------------------------


async def test_a_renamed_node_is_served_under_its_new_name_with_its_guests() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")
        running.fault("node-renamed", node="pve2", called="vienna")
        assert {row["node"] for row in await client.get("/nodes")} == {"pve1", "vienna", "pve3"}
        moved = client.at("vienna")
        assert {row["vmid"] for row in await moved.get("/nodes/vienna/lxc")} == {101, 104, 107}
        assert any(
            row["content"] == "vztmpl" for row in await moved.get("/nodes/vienna/storage/local/content")
        )
        node = running["prod"].nodes["vienna"]
        await asyncio.to_thread(handshake, node.address, node.port, running["prod"].ca_pem)
        running.clear()
        assert await client.at("pve2").get("/nodes/pve2/lxc")


async def test_a_lone_host_becomes_a_cluster_and_is_joined() -> None:
    async with serving(ClusterScene.simple("alone", nodes=1)) as running:
        client = Client(running["alone"]).by("full")
        ca = running["alone"].ca_fingerprint
        assert [row["type"] for row in await client.get("/cluster/status")] == ["node"]
        running.fault("cluster-formed", called="lab")
        rows = await client.get("/cluster/status")
        assert {(row["type"], row["name"]) for row in rows} == {("cluster", "lab"), ("node", "pve1")}
        assert running["alone"].ca_fingerprint == ca
        running.fault("node-added", called="pve2")
        assert await client.at("pve2").get("/nodes/pve1/version")
        with pytest.raises(BadTarget, match="a cluster already"):
            running.fault("cluster-formed")
        running.clear()
        assert [row["type"] for row in await client.get("/cluster/status")] == ["node"]


async def test_a_lone_host_that_joins_has_the_other_clusters_ca_users_and_name() -> None:
    alone = ClusterScene(name="alone", nodes=[NodeScene(name="solo")])
    async with serving(SCENE, alone) as running:
        old = Client(running["alone"]).by("full")
        node = running["alone"].nodes["solo"]
        running.fault("host-joined", cluster="alone", into="prod")
        await asyncio.to_thread(handshake, node.address, node.port, running["prod"].ca_pem)
        client = Client(running["prod"]).by("full")
        assert "solo" in {row["node"] for row in await client.get("/nodes")}
        assert await client.at("solo").get("/nodes/pve1/version")
        assert (await old.call("GET", "/version")).status == 401
        running.clear()
        assert (await old.at("solo").get("/cluster/status"))[0]["name"] == "solo"
        with pytest.raises(BadTarget, match="into must be one of prod"):
            running.fault("host-joined", cluster="alone", into="nowhere")
        with pytest.raises(BadTarget, match="no lone host"):
            running.fault("host-joined", cluster="prod", into="alone")


# -- guests --------------------------------------------------------------------------------------------


async def test_somebody_moves_renames_locks_stops_and_destroys() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")

        async def rows() -> dict[int, Any]:
            return {row["vmid"]: row for row in await client.get("/cluster/resources?type=vm")}

        before = {vmid: (row["node"], row["name"], row["status"]) for vmid, row in (await rows()).items()}
        running.fault("guest-moved", vmid=100, to="pve3")
        running.fault("guest-renamed", vmid=101, called="other")
        running.fault("guest-locked", vmid=102, lock="backup")
        running.fault("guest-toggled", vmid=103)
        now = await rows()
        assert (now[100]["node"], now[101]["name"], now[103]["status"]) == ("pve3", "other", "stopped")
        assert (await client.call("GET", "/nodes/pve1/lxc/100/config")).reason.endswith("does not exist")
        assert (await client.get("/nodes/pve2/lxc/101/config"))["hostname"] == "other"
        assert (await client.call("DELETE", "/nodes/pve3/lxc/102")).reason == "CT is locked (backup)"
        seen = {(task["type"], task["id"]) for task in await client.get("/cluster/tasks")}
        assert {("vzmigrate", "100"), ("vzstop", "103")} <= seen
        running.clear()
        after = {vmid: (row["node"], row["name"], row["status"]) for vmid, row in (await rows()).items()}
        assert after == before
        running.fault("guest-destroyed", vmid=104)
        assert 104 not in await rows()
        running.clear()
        assert 104 not in await rows()


async def test_without_a_vmid_it_strikes_the_nodes_first_container() -> None:
    async with serving(SCENE) as running:
        running.fault("guest-toggled", node="pve2")
        assert running.estate["prod"].guests[101].status == "stopped"
        with pytest.raises(BadTarget, match="no guest 999"):
            running.fault("guest-locked", vmid=999)


async def test_somebody_else_wins_the_race_for_a_vmid() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")
        running.fault("vmid-taken", by="colleague@pve")
        answer = await client.call("POST", "/nodes/pve1/lxc", CREATE)
        assert (answer.status, answer.reason.endswith("CT 500 already exists on node 'pve1'")) == (500, True)
        assert (await client.get("/nodes/pve1/lxc/500/config"))["hostname"] == "taken-500"
        assert (await client.call("POST", "/nodes/pve1/lxc", {**CREATE, "vmid": 501})).status == 200
        taken = [task for task in await client.get("/cluster/tasks") if task["id"] == "500"]
        assert [(task["type"], task["user"]) for task in taken] == [("vzcreate", "colleague@pve")]


# -- together ------------------------------------------------------------------------------------------


async def truth(running: Any) -> Any:
    client = Client(running["prod"]).by("full")
    rows = await client.get("/cluster/resources")
    return (
        sorted(
            (row["id"], row["status"], row.get("name"), row.get("lock")) for row in rows if "status" in row
        ),
        sorted(
            (row["name"], row["ip"], row["online"])
            for row in await client.get("/cluster/status")
            if "ip" in row
        ),
        sorted((row["node"], row["ssl_fingerprint"]) for row in await client.get("/nodes")),
        sorted(json.dumps(row, sort_keys=True) for row in await client.get("/access/acl")),
        sorted(json.dumps(row, sort_keys=True) for row in await client.get("/access/users")),
        [node.fingerprint for node in running["prod"].nodes.values()],
    )


@pytest.mark.parametrize("seed", range(4))
async def test_reversible_faults_leave_nothing_behind_whatever_order_they_end_in(seed: int) -> None:
    chance = random.Random(seed)
    kinds = [fault for fault in FAULTS.values() if fault.reversible]
    estate = Estate([SCENE], settings=Settings.quick())
    async with serve(estate) as running:
        before = await truth(running)
        for _ in range(60):
            kind = chance.choice(kinds)
            nodes = list(running.estate["prod"].nodes)
            node = chance.choice(nodes) if "node" in kind.scope else ""
            try:
                running.fault(kind.name, node=node)
            except BadTarget:
                continue
            if len(running.faults) > 6:
                running.clear(chance.choice(running.faults))
        while running.faults:
            running.clear(chance.choice(running.faults))
        running.advance(2)
        assert await truth(running) == before
