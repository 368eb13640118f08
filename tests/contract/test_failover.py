from __future__ import annotations

import asyncio

import pytest

from paddock.base.errors import Upstream
from paddock.proxmox import errors, handshake, reads
from tests.contract.lab import Lab


async def test_a_member_that_is_down_is_passed_over(lab: Lab) -> None:
    connection = lab.connection()
    lab.sim.fault("node-down", cluster="c", node="pve2")
    for _ in range(6):
        await reads.version(connection)
    states = {state.member.name: state for state in connection.member_states()}
    assert states["pve1"].ok
    assert states["pve3"].ok
    assert isinstance(states["pve2"].error, errors.Unreachable)
    assert states["pve2"].error.code == "connection_refused"
    assert (states["pve2"].error.cluster, states["pve2"].error.node) == ("c", "pve2")


@pytest.mark.parametrize("how", ["silent", "black-hole"])
async def test_a_member_that_never_answers_is_passed_over_and_then_rests(lab: Lab, how: str) -> None:
    connection = lab.connection(attempt_seconds=0.4)
    if how == "silent":
        lab.sim.fault("node-down", cluster="c", node="pve1", how="silent")
    else:
        lab.sim.fault("black-hole", cluster="c", node="pve1")
    for _ in range(9):
        await reads.version(connection)
    state = connection.member_states()[0]
    assert isinstance(state.error, errors.TimedOut)
    assert state.failures == 2
    assert state.resting


async def test_contact_brings_a_resting_member_back(lab: Lab) -> None:
    connection = lab.connection()
    fault = lab.sim.fault("node-down", cluster="c", node="pve1")
    for _ in range(2):
        with pytest.raises(errors.Unreachable):
            await connection.contact("pve1")
    assert connection.member_states()[0].resting
    lab.sim.clear(fault)
    assert (await connection.contact("pve1")).sha256 == lab.cluster.nodes["pve1"].fingerprint
    assert connection.member_states()[0].ok


async def test_a_contact_is_one_connection_with_one_question_and_no_credential(lab: Lab) -> None:
    node = lab.cluster.nodes["pve1"]
    before = node.connections
    await lab.connection().contact("pve1")
    assert node.connections == before + 1
    (asked,) = [one for one in lab.sim.requests if one.node == "pve1"]
    assert (asked.method, asked.path, asked.auth) == ("GET", "/api2/json/access/domains", "none")


async def test_a_contact_with_a_member_that_only_shakes_hands_fails(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handshake, "SIGN_SECONDS", 0.2)
    lab.sim.fault("black-hole", cluster="c", node="pve1")
    with pytest.raises(errors.TimedOut):
        await lab.connection().contact("pve1")


async def test_when_no_member_answers_the_reason_is_told_and_then_nobody_is_asked(lab: Lab) -> None:
    connection = lab.connection(nodes=("pve1",))
    lab.sim.fault("node-down", cluster="c", node="pve1")
    for _ in range(5):
        with pytest.raises(errors.Unreachable) as caught:
            await reads.version(connection)
        assert caught.value.code == "connection_refused"
    assert connection.member_states()[0].failures == 2
    lab.sim.clear()
    lab.now.offset += 6
    await reads.version(connection)


async def test_the_member_that_a_path_names_is_asked_itself(lab: Lab) -> None:
    connection = lab.connection()
    for _ in range(4):
        await reads.node_status(connection, "pve3")
    assert {r.node for r in lab.sim.requests} == {"pve3"}


async def test_the_first_to_be_asked_rotates(lab: Lab) -> None:
    connection = lab.connection()
    for _ in range(6):
        await reads.version(connection)
    assert lab.sim.per_node() == {("c", "pve1"): 2, ("c", "pve2"): 2, ("c", "pve3"): 2}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("node-down", "No route to host"), ("daemon-down", "Connection refused"), ("black-hole", "timed out")],
)
async def test_a_node_that_only_the_cluster_could_reach_is_told_from_a_dead_member(
    lab: Lab, fault: str, reason: str
) -> None:
    connection = lab.connection(nodes=("pve1", "pve2"))
    lab.sim.fault(fault, cluster="c", node="pve3")
    with pytest.raises(errors.NodeUnreachable) as caught:
        await reads.node_status(connection, "pve3")
    assert reason in caught.value.reason
    assert all(state.error is None for state in connection.member_states())
    assert len(lab.sim.requests) == 1  # the other member would say the same


async def test_a_member_without_its_backend_is_passed_over_at_the_sign_in(lab: Lab) -> None:
    lab.sim.fault("backend-down", cluster="c", node="pve1")
    connection = lab.connection(lab.password())
    assert (await reads.version(connection)).version == "9.2.11"


async def test_a_change_is_sent_once_and_its_lost_answer_is_of_unknown_outcome(lab: Lab) -> None:
    connection = lab.connection(attempt_seconds=0.3)
    lab.sim.fault("black-hole", cluster="c", node="pve1")
    with pytest.raises(errors.OutcomeUnknown):
        # the preferred member takes the connection and never answers
        await connection.put("/nodes/pve1/lxc/100/config", {"description": "x"}, timeout=0.5, node="pve1")
    assert lab.sim.count(method="PUT", node="pve2") == lab.sim.count(method="PUT", node="pve3") == 0


async def test_a_change_goes_on_to_another_member_when_the_first_was_never_reached(lab: Lab) -> None:
    connection = lab.connection()
    lab.sim.fault("daemon-down", cluster="c", node="pve1")
    with pytest.raises(Upstream) as caught:
        await connection.put("/nodes/pve2/lxc/99999/config", {"description": "x"}, node="pve1")
    assert not isinstance(caught.value, errors.OutcomeUnknown | errors.Unreachable)
    assert lab.sim.count(method="PUT") == 1


async def test_connections_that_the_server_closed_while_idle_do_no_harm() -> None:
    from tests.contract.lab import make_lab

    async with make_lab(idle_timeout=0.05) as lab:
        connection = lab.connection(nodes=("pve1",))
        for _ in range(5):
            await reads.version(connection)
            await asyncio.sleep(0.08)
        assert connection.member_states()[0].ok


async def test_more_requests_than_a_connection_may_carry_all_succeed() -> None:
    from tests.contract.lab import make_lab

    async with make_lab(keep_alive_requests=7) as lab:
        connection = lab.connection()
        found = await asyncio.gather(*(reads.version(connection) for _ in range(100)))
        assert len(found) == 100
        assert all(state.ok and not state.failures for state in connection.member_states())


async def test_parallelism_is_bounded_per_cluster_and_member(lab: Lab) -> None:
    connection = lab.connection(nodes=("pve1",))
    await asyncio.gather(*(reads.version(connection) for _ in range(60)))
    assert lab.cluster.nodes["pve1"].connections <= 6


async def test_members_can_be_replaced_and_those_that_stay_keep_their_record(lab: Lab) -> None:
    connection = lab.connection()
    await connection.contact("pve1")
    members = [state.member for state in connection.member_states()]
    connection.replace_members([members[0]])
    assert [(s.member.name, s.ok) for s in connection.member_states()] == [("pve1", True)]


async def test_a_cluster_without_quorum_is_read_but_not_changed(lab: Lab) -> None:
    lab.sim.fault("quorum-lost", cluster="c")
    connection = lab.connection()
    status = (await reads.cluster_status(connection)).items
    assert next(row for row in status if row.type == "cluster").quorate is False
