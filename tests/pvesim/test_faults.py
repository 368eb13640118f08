from __future__ import annotations

import asyncio
import socket
import ssl

import pytest

from pvesim import FAULTS, BadTarget, ClusterScene, GuestScene, UnknownFault
from tests.pvesim.client import Client, serving

SCENE = ClusterScene.simple("prod", nodes=3, containers=9)


def handshake(address: str, port: int, ca_pem: str) -> None:
    """Raises what a careful client would raise."""
    context = ssl.create_default_context(cadata=ca_pem)
    with socket.create_connection((address, port), timeout=5) as raw:
        context.wrap_socket(raw, server_hostname=address).close()


async def test_every_node_is_trusted_by_the_clusters_ca_under_its_address() -> None:
    async with serving(SCENE) as running:
        for node in running["prod"].nodes.values():
            await asyncio.to_thread(handshake, node.address, node.port, running["prod"].ca_pem)


async def test_a_dead_node_refuses_and_the_others_say_no_route_to_host() -> None:
    async with serving(SCENE) as running:
        running.fault("node-down", cluster="prod", node="pve3")
        client = Client(running["prod"]).by("full")
        with pytest.raises(ConnectionRefusedError):
            await client.at("pve3").get("/version")
        answer = await client.call("GET", "/nodes/pve3/status")
        assert (answer.status, answer.reason, answer.body) == (595, "No route to host", b"")
        status = {row["name"]: row for row in await client.get("/cluster/status") if row["type"] == "node"}
        assert (status["pve3"]["online"], status["pve1"]["online"]) == (0, 1)
        running.clear()
        assert (await client.at("pve3").get("/nodes/pve1/version"))["release"] == "9.2"


async def test_the_cluster_notices_a_dead_node_after_a_while_and_forgets_its_guests_after_five_minutes() -> (
    None
):
    async with serving(SCENE, notice_after=10.0) as running:
        client = Client(running["prod"]).by("full")
        running.fault("node-down", cluster="prod", node="pve3")
        assert (await client.call("GET", "/nodes/pve3/status")).reason == "Connection timed out"
        assert {row["status"] for row in await client.get("/nodes")} == {"online"}
        running.advance(11)
        rows = {row["id"]: row for row in await client.get("/cluster/resources")}
        assert rows["node/pve3"]["status"] == "offline"
        assert "maxmem" in rows["node/pve3"]
        assert "mem" not in rows["node/pve3"]
        assert rows["lxc/102"]["status"] == "running"
        running.advance(300)
        rows = {row["id"]: row for row in await client.get("/cluster/resources")}
        assert rows["lxc/102"].keys() == {"id", "vmid", "node", "type", "status", "tags"} - (
            {"tags"} - rows["lxc/102"].keys()
        )
        assert rows["lxc/102"]["status"] == "unknown"
        assert rows["storage/pve3/local"]["status"] == "unknown"


async def test_after_a_power_cut_connecting_hangs() -> None:
    async with serving(SCENE) as running:
        node = running["prod"].nodes["pve2"]
        running.fault("node-down", cluster="prod", node="pve2", how="silent")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.open_connection(node.address, node.port), 0.2)
        running.clear("node-down")
        assert await Client(running["prod"], "pve2").by("full").get("/version")


async def test_a_stopped_daemon_refuses_while_the_cluster_says_online() -> None:
    async with serving(SCENE) as running:
        running.fault("daemon-down", cluster="prod", node="pve2")
        client = Client(running["prod"]).by("full")
        assert (await client.call("GET", "/nodes/pve2/lxc")).reason == "Connection refused"
        assert {row["status"] for row in await client.get("/nodes")} == {"online"}


async def test_a_black_hole_takes_the_request_and_says_nothing() -> None:
    async with serving(SCENE) as running:
        running.fault("black-hole", cluster="prod", node="pve2")
        client = Client(running["prod"]).by("full")
        answer = await client.call("GET", "/nodes/pve2/status")
        assert (answer.status, answer.reason) == (596, "Connection timed out")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.at("pve2").get("/version"), 0.2)
        assert running.count(node="pve2") == 1


async def test_a_replaced_certificate_is_refused_and_no_credential_goes_to_it() -> None:
    async with serving(SCENE) as running:
        node = running["prod"].nodes["pve2"]
        for by in ("stranger", "impostor"):
            running.fault("certificate-replaced", cluster="prod", node="pve2", by=by)
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.to_thread(handshake, node.address, node.port, running["prod"].ca_pem)
            answer = await Client(running["prod"]).by("full").call("GET", "/nodes/pve2/status")
            assert answer.status == 596
            running.clear()
        assert running.count(node="pve2") == 0
        await asyncio.to_thread(handshake, node.address, node.port, running["prod"].ca_pem)


async def test_a_renewed_certificate_has_another_fingerprint_and_the_same_ca() -> None:
    async with serving(SCENE) as running:
        node = running["prod"].nodes["pve2"]
        before = node.fingerprint
        running.fault("certificate-renewed", cluster="prod", node="pve2")
        assert node.fingerprint != before
        rows = {row["node"]: row for row in await Client(running["prod"]).by("full").get("/nodes")}
        assert rows["pve2"]["ssl_fingerprint"] == node.fingerprint
        await asyncio.to_thread(handshake, node.address, node.port, running["prod"].ca_pem)


async def test_a_certificate_of_its_own_is_what_the_node_shows_and_the_cluster_reports() -> None:
    async with serving(SCENE) as running:
        running.fault("certificate-custom", cluster="prod", node="pve2")
        node = running["prod"].nodes["pve2"]
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.to_thread(handshake, node.address, node.port, running["prod"].ca_pem)
        shown = await asyncio.to_thread(ssl.get_server_certificate, (node.address, node.port))
        infos = await Client(running["prod"]).by("full").get("/nodes/pve2/certificates/info")
        names = {row["filename"]: row for row in infos}
        assert names["pveproxy-ssl.pem"]["pem"] == shown
        assert names["pveproxy-ssl.pem"]["fingerprint"] == node.fingerprint


async def test_a_changed_password_leaves_tokens_alone() -> None:
    async with serving(SCENE) as running:
        old = running["prod"].root_password
        running.fault("password-changed")
        client = Client(running["prod"])
        assert (await client.sign_in("root@pam", old)).status == 401
        assert (await client.sign_in("root@pam", "changed-meanwhile")).status == 200
        assert await client.by("full").get("/version")


@pytest.mark.parametrize(
    ("fault", "label", "status"),
    [("token-deleted", "full", 401), ("user-disabled", "auditor", 401), ("token-stripped", "auditor", 403)],
)
async def test_lost_rights_are_noticed_and_come_back(fault: str, label: str, status: int) -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by(label)
        running.fault(fault)
        assert (await client.call("GET", "/cluster/status")).status == status
        running.clear(fault)
        assert await client.get("/cluster/status")


async def test_without_quorum_reading_works_and_writing_does_not() -> None:
    async with serving(SCENE) as running:
        running.fault("quorum-lost")
        client = Client(running["prod"]).by("full")
        assert [
            row["quorate"] for row in await client.get("/cluster/status") if row["type"] == "cluster"
        ] == [0]
        assert (await client.call("POST", "/access/groups", {"groupid": "g"})).reason.endswith("no quorum!")


async def test_a_majority_of_dead_nodes_costs_the_quorum() -> None:
    async with serving(SCENE) as running:
        for name in ("pve2", "pve3"):
            running.fault("node-down", cluster="prod", node=name)
        rows = await Client(running["prod"]).by("full").get("/cluster/status")
        assert [row["quorate"] for row in rows if row["type"] == "cluster"] == [0]


async def test_slow_answers_are_late_by_what_was_asked_for() -> None:
    async with serving(SCENE) as running:
        running.fault("slow", node="pve2", seconds=0.1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(Client(running["prod"], "pve2").by("full").get("/version"), 0.05)


@pytest.mark.parametrize(
    ("name", "target", "problem"),
    [
        ("nonsense", {}, "no fault 'nonsense'"),
        ("node-down", {"node": "pve9"}, "has no node 'pve9'"),
        ("node-down", {}, "needs a node"),
        ("node-down", {"cluster": "x", "node": "pve1"}, "'x' is not one of prod"),
        ("node-down", {"node": "pve1", "how": "loudly"}, "must be refused or silent"),
        ("slow", {"node": "pve1", "seconds": "soon"}, "must be a number"),
        ("slow", {"node": "pve1", "minutes": 1}, "no parameter 'minutes'"),
    ],
)
async def test_a_wrong_fault_is_answered_with_a_sentence(
    name: str, target: dict[str, str], problem: str
) -> None:
    async with serving(SCENE) as running:
        with pytest.raises((UnknownFault, BadTarget), match=problem):
            running.fault(name, **target)
        assert running.faults == []


def test_every_fault_describes_itself() -> None:
    assert all(fault.description.endswith(".") for fault in FAULTS.values())


async def test_nodes_can_join_leave_and_change_their_address() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")

        async def members() -> dict[str, str]:
            rows = await client.get("/cluster/status")
            return {row["name"]: row["ip"] for row in rows if row["type"] == "node"}

        before = await members()
        running.fault("node-added", called="pve4")
        assert (await members()).keys() == {"pve1", "pve2", "pve3", "pve4"}
        assert await client.at("pve4").get("/nodes/pve4/status")
        running.fault("node-removed", node="pve2")
        assert "pve2" not in await members()
        assert {row["node"] for row in await client.get("/cluster/resources?type=vm")} == {"pve1", "pve3"}
        running.fault("address-changed", node="pve3")
        moved = (await members())["pve3"]
        assert moved != before["pve3"]
        assert running["prod"].nodes["pve3"].address == moved
        assert await client.at("pve3").get("/version")
        await asyncio.to_thread(handshake, moved, running["prod"].nodes["pve3"].port, running["prod"].ca_pem)
        running.clear()
        assert await members() == before
        assert await client.at("pve2").get("/version")


async def test_guests_come_go_and_move_as_if_somebody_did_it() -> None:
    async with serving(SCENE) as running:
        client = Client(running["prod"]).by("full")
        state = running.estate["prod"]
        state.create(GuestScene(vmid=500, name="new", node="pve1"))
        state.remove(100)
        state.move(101, "pve3")
        state.set_status(102, "stopped")
        rows = {row["vmid"]: row for row in await client.get("/cluster/resources?type=vm")}
        assert rows[500]["name"] == "new"
        assert 100 not in rows
        assert (rows[101]["node"], rows[102]["status"]) == ("pve3", "stopped")
        assert (await client.call("GET", "/nodes/pve2/lxc/101/config")).reason.endswith("does not exist")
