"""An independent client, unchanged: proxmoxer. It reads, and lives through the life of a container."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from proxmoxer import AuthenticationError, ProxmoxAPI
from proxmoxer.backends import https
from proxmoxer.core import ResourceException
from proxmoxer.tools import Tasks

from pvesim import ClusterScene, Running
from pvesim.running import ClusterOf
from tests.pvesim import peers
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


def finish(proxmox: ProxmoxAPI, upid: str) -> str:
    """How the task ended, by proxmoxer's own waiting."""
    state = Tasks.blocking_status(proxmox, upid, timeout=30, polling_interval=0.05)
    assert state is not None
    return str(state["exitstatus"])


def live(proxmox: ProxmoxAPI) -> None:
    """Create, start, snapshot, clone, migrate, stop, delete."""
    lxc = proxmox.nodes("pve1").lxc
    vmid = int(proxmox.cluster.nextid.get())
    created = lxc.post(
        vmid=vmid, ostemplate=peers.TEMPLATE, hostname="made", storage="tank", rootfs="tank:2", memory=256
    )
    assert finish(proxmox, created) == "OK"
    assert finish(proxmox, lxc(vmid).status.start.post()) == "OK"
    assert lxc(vmid).status.current.get()["status"] == "running"
    with pytest.raises(ResourceException, match=f"CT {vmid} already running") as caught:
        lxc(vmid).status.start.post()
    assert caught.value.status_code == 500
    assert finish(proxmox, lxc(vmid).snapshot.post(snapname="before")) == "OK"
    assert {row["name"] for row in lxc(vmid).snapshot.get()} == {"before", "current"}
    cloned = lxc(vmid).clone.post(newid=vmid + 1, hostname="cloned", snapname="before", full=1)
    assert finish(proxmox, cloned) == "OK"
    assert lxc(vmid + 1).config.get()["hostname"] == "cloned"
    assert finish(proxmox, lxc(vmid + 1).migrate.post(target="pve2")) == "OK"
    moved = proxmox.nodes("pve2").lxc(vmid + 1)
    assert moved.config.get()["hostname"] == "cloned"
    with pytest.raises(ResourceException, match="does not exist"):
        lxc(vmid + 1).config.get()
    with pytest.raises(ResourceException, match="container is running"):
        lxc(vmid).delete()
    assert finish(proxmox, lxc(vmid).snapshot("before").delete()) == "OK"
    assert finish(proxmox, lxc(vmid).status.stop.post()) == "OK"
    assert finish(proxmox, lxc(vmid).delete()) == "OK"
    with pytest.raises(ResourceException, match="Parameter verification failed") as caught:
        lxc.post(vmid="abc", ostemplate=peers.TEMPLATE)
    assert caught.value.errors["vmid"].startswith("type check ('integer') failed")


@pytest.mark.parametrize("by", ["ticket", "token"])
async def test_the_life_of_a_container(by: str, tmp_path: Path) -> None:
    async with serving(peers.scene()) as running:
        cluster = running["prod"]
        token = cluster.tokens["full"]
        credentials = (
            {"user": "root@pam", "password": cluster.root_password}
            if by == "ticket"
            else {"user": "root@pam", "token_name": "full", "token_value": token.secret}
        )
        await asyncio.to_thread(lambda: live(connected(cluster, tmp_path, **credentials)))
        assert list(cluster.state.guests) == [101]
        guest = cluster.state.guests[101]
        assert (guest.name, guest.node.name, guest.status) == ("cloned", "pve2", "stopped")
        owners = {task.owner for node in cluster.state.nodes.values() for task in node.tasks.all()}
        assert owners == {"root@pam" if by == "ticket" else "root@pam!full"}


async def test_a_wrong_password_is_an_error_of_its_own(tmp_path: Path) -> None:
    async with serving(SCENE) as running:

        def session() -> None:
            with pytest.raises(AuthenticationError):
                connected(running["prod"], tmp_path, user="root@pam", password="guess")

        await asyncio.to_thread(session)


def _sign_ins(running: Running) -> int:
    return running.count(method="POST", path="/api2/json/access/ticket")
