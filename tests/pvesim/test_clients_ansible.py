"""An independent client, unchanged: Ansible's collection community.proxmox, in a playbook."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pvesim.running import ClusterOf
from tests.pvesim import peers
from tests.pvesim.client import serving

CREATE = {
    "node": "pve1",
    "hostname": "by-ansible",
    "password": "secret-123",
    "ostemplate": peers.TEMPLATE,
    "storage": "tank",
    "disk": "tank:2",
    "cores": 2,
    "memory": 256,
    "netif": {"net0": "name=eth0,ip=10.0.0.5/24,bridge=vmbr0"},
    "tags": ["web"],
}


def played(cluster: ClusterOf, *tasks: tuple[str, dict[str, Any]]) -> str:
    """A playbook as JSON, which is YAML too."""
    token = cluster.tokens["full"]
    user, _, name = token.id.partition("!")
    common = {
        "api_host": cluster.first.address, "api_port": cluster.first.port, "api_user": user,
        "api_token_id": name, "api_token_secret": token.secret, "vmid": 100,
    }  # fmt: skip
    steps = [
        {
            "name": f"{n} {module}",
            f"community.proxmox.{module}": {**common, **options},
            "register": f"step{n}",
        }
        for n, (module, options) in enumerate(tasks)
    ]
    return json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": steps}])


async def changed(cluster: ClusterOf, tmp_path: Path, *tasks: tuple[str, dict[str, Any]]) -> list[bool]:
    """Play it; per task whether it has changed anything."""
    book = tmp_path / "book.yml"
    book.write_text(played(cluster, *tasks))
    said = await peers.done(
        str(peers.PYTHON.with_name("ansible-playbook")), "-i", "localhost,",
        "-e", f"ansible_python_interpreter={peers.PYTHON}", str(book),
        env={
            "ANSIBLE_COLLECTIONS_PATH": str(peers.COLLECTIONS),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_HOME": str(tmp_path / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "LC_ALL": "C.UTF-8",
        },
    )  # fmt: skip
    lines = [line.partition(":")[0] for line in said.splitlines()]
    return [line == "changed" for line in lines if line in ("changed", "ok")]


async def test_ansible_makes_starts_snapshots_and_stops_a_container(tmp_path: Path) -> None:
    peers.require_python()
    async with serving(peers.scene()) as running:
        cluster = running["prod"]
        steps = await changed(
            cluster,
            tmp_path,
            ("proxmox", CREATE | {"state": "present"}),
            ("proxmox", {"state": "started"}),
            ("proxmox_snap", {"state": "present", "snapname": "before", "description": "x"}),
            ("proxmox", {"state": "started"}),
        )
        assert steps == [True, True, True, False]
        guest = cluster.state.guests[100]
        assert (guest.name, guest.cores, guest.memory >> 20, guest.tags) == ("by-ansible", 2, 256, "web")
        assert guest.status == "running"
        assert list(guest.snapshots or ()) == ["before"]
        steps = await changed(
            cluster,
            tmp_path,
            ("proxmox_snap", {"state": "absent", "snapname": "before"}),
            ("proxmox", {"state": "stopped", "force": True}),
            ("proxmox", {"state": "absent"}),
        )
        assert steps == [True, True, True]
        assert not cluster.state.guests
        assert not [volume for volume in cluster.state.volumes.all() if volume.vmid]
