from __future__ import annotations

import asyncio
import ssl

import pytest

from paddock.proxmox import TlsPolicy, TrustChoice, TrustMode, errors, reach, reads
from paddock.proxmox.certificates import parse, passes_strict_checks, signed_by
from paddock.proxmox.handshake import contact, probe_certificate
from paddock.proxmox.trust import checks
from pvesim import ClusterScene, NodeScene
from pvesim.certificates import Authority
from tests.contract.lab import Lab, make_lab


@pytest.mark.parametrize("by", ["stranger", "impostor"])
@pytest.mark.parametrize("kind", ["token", "password"])
async def test_a_man_in_the_middle_gets_no_credential(lab: Lab, by: str, kind: str) -> None:
    connection = lab.connection(lab.token() if kind == "token" else lab.password())
    lab.sim.fault("certificate-replaced", cluster="c", node="pve2", by=by)
    for _ in range(6):
        await reads.version(connection)
    state = connection.member_states()[1]
    assert isinstance(state.error, errors.Untrusted)
    assert state.error.certificate.sha256 != lab.cluster.nodes["pve2"].fingerprint
    assert lab.sim.count(node="pve2") == 0


async def test_behind_a_changed_pin_nothing_is_sent(lab: Lab) -> None:
    pin = TlsPolicy(TrustMode.PINNED, fingerprint=lab.cluster.nodes["pve1"].fingerprint)
    connection = lab.connection(policies={"pve1": pin}, nodes=("pve1",))
    await reads.version(connection)
    before = len(lab.sim.requests)
    lab.sim.fault("certificate-replaced", cluster="c", node="pve1")
    with pytest.raises(errors.Untrusted) as caught:
        await reads.version(connection)
    assert caught.value.code == "fingerprint_changed"
    assert caught.value.expected == pin.fingerprint
    assert len(lab.sim.requests) == before
    with pytest.raises(errors.Untrusted) as by_contact:
        await connection.contact("pve1")
    assert by_contact.value.code == "fingerprint_changed"


async def test_a_renewed_certificate_of_the_same_ca_goes_unnoticed(lab: Lab) -> None:
    connection = lab.connection(nodes=("pve1",))
    await reads.version(connection)
    lab.sim.fault("certificate-renewed", cluster="c", node="pve1")
    await reads.version(connection)


async def test_a_new_ca_is_not_trusted(lab: Lab) -> None:
    connection = lab.connection()
    lab.sim.fault("ca-replaced", cluster="c")
    with pytest.raises(errors.Untrusted) as caught:
        await reads.version(connection)
    assert caught.value.code == "unknown_authority"


async def test_a_member_with_a_certificate_of_its_own_is_trusted_by_its_pin(lab: Lab) -> None:
    lab.sim.fault("certificate-custom", cluster="c", node="pve1")
    with pytest.raises(errors.Untrusted):
        await reads.version(lab.connection(nodes=("pve1",)))
    pinned = TlsPolicy(
        TrustMode.CLUSTER_CA, ca_pem=lab.cluster.ca_pem, fingerprint=lab.cluster.nodes["pve1"].fingerprint
    )
    connection = lab.connection(policies={"pve1": pinned}, nodes=("pve1",))
    await reads.version(connection)
    accepted = lab.cluster.nodes["pve1"].connections
    await reads.version(connection)
    assert lab.cluster.nodes["pve1"].connections == accepted  # the pinned connection is kept and used again
    assert (await connection.contact("pve1")).sha256 == pinned.fingerprint


async def test_a_ca_without_key_usage_is_accepted_with_chain_and_name_still_checked() -> None:
    scene = ClusterScene(name="c", nodes=[NodeScene(name="pve1"), NodeScene(name="pve2")], ca_key_usage=False)
    async with make_lab(scene) as lab:
        assert not passes_strict_checks(lab.cluster.ca_pem)
        await reads.version(lab.connection())
        context = checks(lab.ca)[0].context
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        lab.sim.fault("certificate-replaced", cluster="c", node="pve1", by="impostor")
        with pytest.raises(errors.Untrusted):
            await contact(lab.endpoint("pve1"), lab.ca)


async def test_a_new_ca_is_checked_strictly(lab: Lab) -> None:
    assert checks(lab.ca)[0].context.verify_flags & ssl.VERIFY_X509_STRICT


async def test_an_old_ca_of_ones_own_does_not_soften_what_is_asked_of_the_systems() -> None:
    scene = ClusterScene(name="c", nodes=[NodeScene(name="pve1")], ca_key_usage=False)
    async with make_lab(scene) as lab:
        own = TlsPolicy(TrustMode.SYSTEM, ca_pem=lab.cluster.ca_pem)
        await contact(lab.endpoint("pve1"), own)
        old, system = (check.context for check in checks(own))
        assert not old.verify_flags & ssl.VERIFY_X509_STRICT
        assert (old.verify_mode, old.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert system.verify_flags & ssl.VERIFY_X509_STRICT


async def test_an_old_ca_would_fail_a_strict_check() -> None:
    """What the flag is cleared for: Python sets it by itself from 3.13 on, here the test does."""
    scene = ClusterScene(name="c", nodes=[NodeScene(name="pve1")], ca_key_usage=False)
    async with make_lab(scene) as lab:
        context = ssl.create_default_context(cadata=lab.cluster.ca_pem)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        end = lab.endpoint("pve1")
        with pytest.raises(ssl.SSLCertVerificationError, match="key usage"):
            await asyncio.open_connection(end.host, end.port, ssl=context)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        _, writer = await asyncio.open_connection(end.host, end.port, ssl=context)
        writer.close()


async def test_a_certificate_of_ones_own_ca_is_checked_for_its_name(lab: Lab) -> None:
    """Nodes are called by address, and company certificates are for names: the name is then checked instead."""
    company, node = Authority.stranger(), lab.cluster.nodes["pve1"]
    node.state.install(node.state.leaf, company.leaf("pve1.example.org", ["pve1.example.org"]))
    node.listener.reset()
    node.listener.refresh()
    by_address = TlsPolicy(TrustMode.SYSTEM, ca_pem=company.certificate.pem)
    with pytest.raises(errors.Untrusted) as caught:
        await contact(lab.endpoint("pve1"), by_address)
    assert caught.value.code == "host_mismatch"
    by_name = TlsPolicy(TrustMode.SYSTEM, ca_pem=company.certificate.pem, server_name="pve1.example.org")
    await contact(lab.endpoint("pve1"), by_name)
    connection = lab.connection(policies={"pve1": by_name}, nodes=("pve1",))
    assert (await reads.version(connection)).version


async def test_the_names_that_a_certificate_is_for_are_told(lab: Lab) -> None:
    policy = TlsPolicy(TrustMode.CLUSTER_CA, ca_pem=lab.cluster.ca_pem, server_name="elsewhere.example.org")
    with pytest.raises(errors.Untrusted) as caught:
        await contact(lab.endpoint("pve1"), policy)
    assert caught.value.code == "host_mismatch"
    assert "pve1" in caught.value.message
    with pytest.raises(errors.Untrusted) as by_request:
        await reads.version(lab.connection(policies={"pve1": policy}, nodes=("pve1",)))
    assert by_request.value.code == "host_mismatch"


async def test_the_systems_cas_do_not_know_a_clusters_ca_unless_it_is_given(lab: Lab) -> None:
    with pytest.raises(errors.Untrusted) as caught:
        await contact(lab.endpoint("pve1"), TlsPolicy(TrustMode.SYSTEM))
    assert caught.value.code == "unknown_authority"
    await contact(lab.endpoint("pve1"), TlsPolicy(TrustMode.SYSTEM, ca_pem=lab.cluster.ca_pem))


async def test_a_probe_reads_the_leaf_and_sends_nothing(lab: Lab) -> None:
    leaf = await probe_certificate(lab.endpoint("pve1"))
    assert leaf.sha256 == lab.cluster.nodes["pve1"].fingerprint
    assert signed_by(leaf, parse(lab.cluster.ca_pem))
    assert lab.endpoint("pve1").host in leaf.names
    assert not leaf.is_ca
    assert len(lab.sim.requests) == 0


async def test_first_contact_shows_the_certificate_before_any_credential_is_sent(lab: Lab) -> None:
    with pytest.raises(errors.Untrusted) as caught:
        await reach(lab.endpoint("pve1"), TrustChoice(TrustMode.CLUSTER_CA), lab.password())
    assert caught.value.code == "unconfirmed"
    assert caught.value.certificate.sha256 == lab.cluster.nodes["pve1"].fingerprint
    assert len(lab.sim.requests) == 0


async def test_first_contact_learns_the_clusters_ca(lab: Lab) -> None:
    choice = TrustChoice(TrustMode.CLUSTER_CA, lab.cluster.nodes["pve2"].fingerprint)
    reached = await reach(lab.endpoint("pve2"), choice, lab.password())
    assert reached.ca_pem == lab.cluster.ca_pem
    assert (reached.local_node, reached.cluster_name) == ("pve2", "c")
    assert (reached.policy.mode, reached.policy.fingerprint) == (TrustMode.CLUSTER_CA, None)
    assert (await reads.version(reached.connection)).version == "9.2.11"
    await reached.connection.close()


async def test_first_contact_pins_a_node_with_a_certificate_of_its_own(lab: Lab) -> None:
    lab.sim.fault("certificate-custom", cluster="c", node="pve2")
    pin = lab.cluster.nodes["pve2"].fingerprint
    reached = await reach(lab.endpoint("pve2"), TrustChoice(TrustMode.CLUSTER_CA, pin), lab.token())
    assert reached.policy.fingerprint == pin
    assert reached.ca_pem == lab.cluster.ca_pem
    await reached.connection.close()


@pytest.mark.parametrize("by", ["stranger", "impostor"])
async def test_first_contact_refuses_a_leaf_that_the_cluster_does_not_know(lab: Lab, by: str) -> None:
    """A proxy in between whose fingerprint was confirmed by mistake."""
    lab.sim.fault("certificate-replaced", cluster="c", node="pve1", by=by)
    shown = await probe_certificate(lab.endpoint("pve1"))
    with pytest.raises(errors.Untrusted) as caught:
        await reach(lab.endpoint("pve1"), TrustChoice(TrustMode.CLUSTER_CA, shown.sha256), lab.token())
    assert caught.value.code == "foreign_certificate"


@pytest.mark.parametrize("mode", [TrustMode.OFF, TrustMode.PINNED])
async def test_first_contact_works_with_the_other_kinds_of_trust(lab: Lab, mode: TrustMode) -> None:
    choice = TrustChoice(mode, lab.cluster.nodes["pve1"].fingerprint)
    reached = await reach(lab.endpoint("pve1"), choice, lab.token("auditor"))
    assert reached.local_node == "pve1"
    await reached.connection.close()


async def test_first_contact_knows_a_lone_host() -> None:
    async with make_lab(ClusterScene.simple("c", nodes=1, containers=1)) as lab:
        choice = TrustChoice(TrustMode.CLUSTER_CA, lab.cluster.nodes["pve1"].fingerprint)
        reached = await reach(lab.endpoint("pve1"), choice, lab.token())
        assert reached.cluster_name is None
        assert reached.local_node == "pve1"
        await reached.connection.close()
