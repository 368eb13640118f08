"""An independent client, unchanged: proxmoxer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from proxmoxer import ProxmoxAPI
from proxmoxer.backends import https
from proxmoxer.core import ResourceException

from pvesim import ClusterScene, Running
from pvesim.running import ClusterOf
from tests.pvesim.client import serving

SCENE = ClusterScene.simple("prod", nodes=2, containers=6, vms=1)


def connected(cluster: ClusterOf, tmp_path: Path, **credentials: Any) -> ProxmoxAPI:
    ca = tmp_path / "ca.pem"
    ca.write_text(cluster.ca_pem)
    node = cluster.first
    return ProxmoxAPI(node.address, port=node.port, verify_ssl=str(ca), timeout=5, **credentials)


def look_around(proxmox: ProxmoxAPI) -> None:
    assert proxmox.version.get()["release"] == "9.2"
    assert {node["node"] for node in proxmox.nodes.get()} == {"pve1", "pve2"}
    assert sum(row["type"] == "lxc" for row in proxmox.cluster.resources.get()) == 6
    assert proxmox.cluster.resources.get(type="vm")
    assert proxmox.nodes("pve2").lxc(101).config.get()["hostname"] == "ct101"
    assert proxmox.nodes("pve1").storage.get(content="vztmpl")


async def test_signing_in_by_password_reading_and_writing(tmp_path: Path) -> None:
    async with serving(SCENE) as running:
        cluster = running["prod"]

        def session() -> None:
            proxmox = connected(cluster, tmp_path, user="root@pam", password=cluster.root_password)
            look_around(proxmox)
            proxmox.nodes("pve1").config.put(description="by proxmoxer")
            assert proxmox.nodes("pve1").config.get()["description"] == "by proxmoxer\n"

        await asyncio.to_thread(session)


async def test_a_token_reads_and_is_told_what_it_may_not(tmp_path: Path) -> None:
    async with serving(SCENE) as running:
        cluster = running["prod"]
        secret = cluster.tokens["auditor"].secret

        def session() -> None:
            proxmox = connected(cluster, tmp_path, user="watch@pve", token_name="ro", token_value=secret)
            look_around(proxmox)
            with pytest.raises(ResourceException) as caught:
                proxmox.nodes("pve1").config.put(description="x")
            assert caught.value.status_code == 403
            assert "Permission check failed (/, Sys.Modify)" in str(caught.value)

        await asyncio.to_thread(session)


async def test_a_long_session_renews_its_ticket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(SCENE) as running:
        cluster = running["prod"]

        def start() -> ProxmoxAPI:
            return connected(cluster, tmp_path, user="root@pam", password=cluster.root_password)

        proxmox = await asyncio.to_thread(start)
        running.advance(6000)
        monkeypatch.setattr(https.ProxmoxHTTPAuth, "renew_age", 0)
        await asyncio.to_thread(look_around, proxmox)
        running.advance(6000)
        await asyncio.to_thread(look_around, proxmox)
        assert _sign_ins(running) > 2


def _sign_ins(running: Running) -> int:
    return running.count(method="POST", path="/api2/json/access/ticket")
