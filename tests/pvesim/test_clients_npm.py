"""An independent client, unchanged: proxmox-api of npm, on Node.js."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pvesim.running import ClusterOf
from tests.pvesim import peers
from tests.pvesim.client import serving


async def live(cluster: ClusterOf, tmp_path: Path, *more: str) -> dict[str, Any]:
    ca, node, token = tmp_path / "ca.pem", cluster.first, cluster.tokens["full"]
    ca.write_text(cluster.ca_pem)
    said = await peers.done(
        "node", "life.mjs", node.address, str(node.port), token.id, token.secret, peers.TEMPLATE, *more,
        env={"NODE_EXTRA_CA_CERTS": str(ca)}, cwd=peers.NPM,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


async def test_npm_lives_through_the_life_of_a_container(tmp_path: Path) -> None:
    peers.require_npm()
    async with serving(peers.scene()) as running:
        cluster = running["prod"]
        seen = await live(cluster, tmp_path, "keep")
        assert seen["version"] == "9.2"
        assert seen["nodes"] == ["pve1", "pve2"]
        assert {seen[step] for step in ("created", "started", "snapshot", "stopped")} == {"OK"}
        assert seen["running"] == "running"
        assert seen["snapshots"] == ["before", "current"]
        assert seen["description"] == "ü & = ?\n"
        assert "already running" in seen["refused"]
        guest = cluster.state.guests[100]
        assert (guest.name, guest.cores, guest.status, guest.storage) == ("by-npm", 2, "stopped", "tank")
        assert list(guest.snapshots or ()) == ["before"]


async def test_npm_leaves_nothing_of_a_container_that_it_deletes(tmp_path: Path) -> None:
    peers.require_npm()
    async with serving(peers.scene()) as running:
        cluster = running["prod"]
        assert (await live(cluster, tmp_path))["deleted"] == "OK"
        assert not cluster.state.guests
        assert not [volume for volume in cluster.state.volumes.all() if volume.vmid]
