"""An independent client, unchanged: the collectors of prometheus-pve-exporter, all of them."""

from __future__ import annotations

from pathlib import Path

from pvesim.running import ClusterOf
from tests.pvesim import everything, peers, recorded_scene
from tests.pvesim.client import Client, serving

SCRAPE = """
import sys
from pve_exporter.collector import CollectorsOptions, collect_pve

host, port, user, name, value, ca = sys.argv[1:]
config = dict(port=int(port), user=user, token_name=name, token_value=value, verify_ssl=ca)
everything = CollectorsOptions(*[True] * len(CollectorsOptions._fields))
sys.stdout.buffer.write(collect_pve(config, host, True, True, everything))
"""


async def scraped(cluster: ClusterOf, tmp_path: Path) -> dict[str, float]:
    """Every metric with its labels and value."""
    ca = tmp_path / "ca.pem"
    ca.write_text(cluster.ca_pem)
    token = cluster.state.identity.token("limited@pve!ro")
    assert token is not None
    auditor = ("limited@pve", "ro", token.secret)
    said = await peers.done(
        str(peers.PYTHON), "-c", SCRAPE, cluster.first.address, str(cluster.first.port), *auditor, str(ca)
    )
    lines = (line.rpartition(" ") for line in said.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def test_every_collector_finds_what_it_looks_for(tmp_path: Path) -> None:
    peers.require_python()
    async with serving(everything.scene()) as running:
        cluster = running["testcluster"]
        root = Client(cluster, Authorization=f"PVEAPIToken=root@pam!full={recorded_scene.FULL}")
        assert (await root.call("PUT", "/nodes/pve1/lxc/100/config", {"onboot": 1})).status == 200
        job = {"id": "102-0", "type": "local", "target": "pve2"}
        assert (await root.call("POST", "/cluster/replication", job)).status == 200
        running.advance(1200)
        found = await scraped(cluster, tmp_path)
    assert found['pve_up{id="node/pve1"}'] == 1
    assert found['pve_up{id="node/pve3"}'] == 0
    assert found['pve_up{id="lxc/100"}'] == 1
    assert found['pve_up{id="lxc/102"}'] == 0
    assert found['pve_up{id="cluster/testcluster"}'] == 1
    assert labelled(found, "pve_cluster_info", 'quorate="1"')
    assert len(labelled(found, "pve_guest_info", 'type="lxc"')) == 4
    assert len(labelled(found, "pve_guest_info", 'type="qemu"')) == 2
    assert len(labelled(found, "pve_node_info")) == 3
    assert labelled(found, "pve_version_info", 'release="9.2"')
    assert labelled(found, "pve_storage_shared", "nfs")
    assert found['pve_memory_size_bytes{id="node/pve1"}'] > 1024**3
    assert found['pve_onboot_status{id="lxc/100",node="pve1",type="lxc"}'] == 1
    assert labelled(found, "pve_replication_info", 'id="102-0"')
    assert found['pve_replication_failed_syncs{id="102-0"}'] == 0
    assert found['pve_subscription_status{id="node/pve1",status="notfound"}'] == 1
    assert len(labelled(found, "pve_not_backed_up_info")) == 6


def labelled(found: dict[str, float], name: str, label: str = "") -> list[str]:
    return [key for key in found if key.startswith(f"{name}{{") and label in key]
