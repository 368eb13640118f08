"""What is read from any Proxmox VE. With PADDOCK_TEST_PVE the same tests run against a real server:

PADDOCK_TEST_PVE=https://pve1:8006 PADDOCK_TEST_PVE_TOKEN='user@realm!name=secret'
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from paddock.proxmox import (
    Reached,
    TokenCredential,
    TrustChoice,
    TrustMode,
    parse_api_url,
    reach,
    reads,
)
from paddock.proxmox.errors import Gone, Untrusted
from tests.contract.lab import make_lab

REAL = os.environ.get("PADDOCK_TEST_PVE", "")


@pytest.fixture(params=["simulator", *(["real"] if REAL else [])])
async def pve(request: pytest.FixtureRequest) -> AsyncIterator[Reached]:
    if request.param == "real":
        endpoint = parse_api_url(REAL)
        token = TokenCredential.parse(os.environ["PADDOCK_TEST_PVE_TOKEN"], "")
        with pytest.raises(Untrusted) as shown:
            await reach(endpoint, TrustChoice(TrustMode.CLUSTER_CA), token)
        choice = TrustChoice(TrustMode.CLUSTER_CA, shown.value.certificate.sha256)
        reached = await reach(endpoint, choice, token)
        yield reached
        await reached.connection.close()
        return
    async with make_lab() as lab:
        choice = TrustChoice(TrustMode.CLUSTER_CA, lab.cluster.nodes["pve1"].fingerprint)
        reached = await reach(lab.endpoint("pve1"), choice, lab.token("auditor"))
        yield reached
        await reached.connection.close()


async def test_version_and_status(pve: Reached) -> None:
    assert (await reads.version(pve.connection)).version.split(".")[0].isdigit()
    status = (await reads.cluster_status(pve.connection)).items
    assert pve.local_node in [row.name for row in status if row.type == "node"]


async def test_resources_are_read_without_loss(pve: Reached) -> None:
    found = await reads.resources(pve.connection)
    assert found.unreadable == 0
    assert {"node", "storage"} <= {row.type for row in found.items}
    assert all(row.vmid for row in found.items if row.type in {"lxc", "qemu"})


async def test_every_node_has_a_fingerprint(pve: Reached) -> None:
    found = await reads.nodes(pve.connection)
    assert all(len(row.ssl_fingerprint or "") == 95 for row in found.items)


async def test_a_node_tells_its_hardware_and_software(pve: Reached) -> None:
    status = await reads.node_status(pve.connection, pve.local_node)
    assert status.version
    assert status.kernel
    assert status.cpuinfo
    assert status.cpuinfo.model
    assert status.memory
    assert status.memory.total
    assert status.rootfs
    assert status.rootfs.total
    assert len(status.loadavg) == 3


async def test_networks_and_storages(pve: Reached) -> None:
    networks = await reads.node_networks(pve.connection, pve.local_node)
    assert any(row.type == "bridge" for row in networks.items)
    storages = await reads.node_storages(pve.connection, pve.local_node)
    assert all(row.total for row in storages.items if row.active)


async def test_the_certificates_hold_the_clusters_ca(pve: Reached) -> None:
    rows = (await reads.node_certificates(pve.connection, pve.local_node)).items
    assert {"pve-root-ca.pem", "pve-ssl.pem"} <= {row.filename for row in rows}


async def test_containers_have_a_configuration(pve: Reached) -> None:
    rows = (await reads.resources(pve.connection, kind="vm")).items
    container = next((row for row in rows if row.type == "lxc" and not row.lock), None)
    if container is None:
        pytest.skip("this server has no container")
    assert container.node
    assert container.vmid
    config = await reads.lxc_config(pve.connection, container.node, container.vmid)
    assert config.complete
    assert config.memory
    if container.status == "running":
        found = await reads.lxc_interfaces(pve.connection, container.node, container.vmid)
        assert any(row.name == "lo" or row.hwaddr for row in found.items)


async def test_a_container_that_does_not_exist_is_gone(pve: Reached) -> None:
    with pytest.raises(Gone):
        await reads.lxc_config(pve.connection, pve.local_node, 999_999_999)


async def test_rights_are_summed_up(pve: Reached) -> None:
    assert pve.permissions.can_watch
    assert pve.permissions.sees_guests
