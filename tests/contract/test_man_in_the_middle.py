"""Somebody takes the address of a member. Whatever Paddock does then, he reads no credential: everything he gets is read here."""

from __future__ import annotations

import pytest

from paddock.proxmox import TlsPolicy, TrustChoice, TrustMode, errors, reach, reads
from pvesim.certificates import Authority, Certificate
from tests.contract.interceptor import intercepting
from tests.contract.lab import Lab

WAYS = [TrustMode.CLUSTER_CA, TrustMode.PINNED, TrustMode.SYSTEM]


def forged(lab: Lab, by: str, node: str = "pve1") -> Certificate:
    """A certificate with the right names: of a CA of his own, or of one that calls itself as the cluster's does."""
    state = lab.cluster.nodes[node].state
    authority = Authority.stranger() if by == "stranger" else Authority.create(state.cluster.uuid)
    return authority.leaf(state.fqdn, state.names())


def policy(lab: Lab, way: TrustMode, node: str) -> TlsPolicy:
    if way is TrustMode.PINNED:
        return TlsPolicy(way, fingerprint=lab.cluster.nodes[node].fingerprint)
    return TlsPolicy(way, ca_pem=lab.cluster.ca_pem)  # as one's own CA, under `system`


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by", ["stranger", "impostor"])
@pytest.mark.parametrize("kind", ["token", "password"])
async def test_during_fail_over_he_gets_nothing(lab: Lab, way: TrustMode, by: str, kind: str) -> None:
    """pve1 is his, pve2 is down: pve3 answers, and is asked for everything."""
    credential = lab.token() if kind == "token" else lab.password()
    policies = {name: policy(lab, way, name) for name in lab.cluster.nodes}
    connection = lab.connection(credential, policies=policies, connect_seconds=5)
    lab.sim.fault("daemon-down", cluster="c", node="pve2")
    async with intercepting(lab.sim, "c", "pve1", forged(lab, by)) as him:
        for _ in range(4):
            await reads.version(connection)
            with pytest.raises(errors.Untrusted):
                await connection.contact("pve1")
        await connection.post("/nodes/pve3/lxc/100/status/start", node="pve1")
        assert him.handshakes > 4
        assert him.received == b""
    assert lab.sim.count(node="pve3") >= 5


@pytest.mark.parametrize("way", WAYS)
async def test_a_session_that_was_signed_in_before_gives_him_no_ticket(lab: Lab, way: TrustMode) -> None:
    """A ticket is held and connections are open when he appears."""
    policies = {name: policy(lab, way, name) for name in lab.cluster.nodes}
    connection = lab.connection(lab.password(), policies=policies, nodes=("pve1",), connect_seconds=5)
    await reads.version(connection)
    async with intercepting(lab.sim, "c", "pve1", forged(lab, "impostor")) as him:
        for attempt in (reads.version, reads.nodes):
            with pytest.raises(errors.Untrusted):
                await attempt(connection)
        with pytest.raises(errors.Untrusted):
            await connection.post("/nodes/pve1/lxc/100/status/start")
        assert him.handshakes > 0
        assert him.received == b""


async def test_where_every_member_is_his_nothing_is_sent_at_all(lab: Lab) -> None:
    connection = lab.connection(lab.password(), connect_seconds=5)
    async with (
        intercepting(lab.sim, "c", "pve1", forged(lab, "impostor", "pve1")) as one,
        intercepting(lab.sim, "c", "pve2", forged(lab, "stranger", "pve2")) as two,
        intercepting(lab.sim, "c", "pve3", forged(lab, "stranger", "pve3")) as three,
    ):
        with pytest.raises(errors.Untrusted):
            await reads.version(connection)
        assert all(him.handshakes and him.received == b"" for him in (one, two, three))


@pytest.mark.parametrize("way", [TrustMode.CLUSTER_CA, TrustMode.PINNED])
async def test_after_a_fingerprint_was_confirmed_he_is_another(lab: Lab, way: TrustMode) -> None:
    """He steps in between the question and the answer: the person has compared the node's own certificate."""
    confirmed = lab.cluster.nodes["pve1"].fingerprint
    async with intercepting(lab.sim, "c", "pve1", forged(lab, "impostor")) as him:
        with pytest.raises(errors.Untrusted) as caught:
            await reach(lab.endpoint("pve1"), TrustChoice(way, confirmed), lab.password())
        assert caught.value.code == "fingerprint_changed"
        assert him.received == b""


@pytest.mark.parametrize("way", WAYS)
async def test_before_anything_is_confirmed_he_gets_nothing(lab: Lab, way: TrustMode) -> None:
    async with intercepting(lab.sim, "c", "pve1", forged(lab, "stranger")) as him:
        with pytest.raises(errors.Untrusted):
            await reach(lab.endpoint("pve1"), TrustChoice(way), lab.password())
        assert him.received == b""


async def test_a_member_without_a_pin_is_believed_by_nobody(lab: Lab) -> None:
    """It has just joined a cluster whose members are pinned."""
    connection = lab.connection(
        policies={"pve1": TlsPolicy(TrustMode.PINNED)}, nodes=("pve1",), connect_seconds=5
    )
    before = len(lab.sim.requests)
    with pytest.raises(errors.Untrusted) as caught:
        await reads.version(connection)
    assert caught.value.code == "unconfirmed"
    with pytest.raises(errors.Untrusted):
        await connection.contact("pve1")
    assert len(lab.sim.requests) == before


async def test_with_verification_off_he_reads_everything(lab: Lab) -> None:
    """What the warning says; and that these tests would notice a credential."""
    policies = {"pve1": TlsPolicy(TrustMode.OFF)}
    async with intercepting(lab.sim, "c", "pve1", forged(lab, "stranger")) as him:
        await reads.version(
            lab.connection(lab.password(), policies=policies, nodes=("pve1",), connect_seconds=5)
        )
        with pytest.raises(AssertionError):
            him.assert_got_no(lab.cluster.root_password)
