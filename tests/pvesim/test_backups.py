"""Backups, what is kept of them, and containers restored from them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from pvesim import AclScene, ClusterScene, GuestScene, NodeScene, StorageScene, TokenScene, UserScene
from pvesim.pruning import Entry, mark
from pvesim.running import Running
from pvesim.volumes import Volume
from tests.pvesim.client import Client, serving
from tests.pvesim.working import done, ended, failed, refused, worked

_CARD = "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:64,ip=dhcp,type=veth"


def scene(**more: object) -> ClusterScene:
    values: dict[str, object] = {
        "name": "prod",
        "nodes": [NodeScene(name="pve1"), NodeScene(name="pve2")],
        "guests": [
            GuestScene(vmid=100, name="web", node="pve1", status="stopped", disk=1, description="notes", tags=["t"]),
            GuestScene(vmid=101, name="db", node="pve1", storage="thin", disk=1, pool="p1"),
            GuestScene(vmid=102, name="far", node="pve2", pool="p1"),
            GuestScene(vmid=103, name="dir", node="pve1", disk=1),
            GuestScene(vmid=200, name="vm", node="pve1", kind="qemu", disk=1),
        ],
        "storages": [
            StorageScene(name="local"),
            StorageScene(name="thin", type="lvmthin", content=["rootdir", "images"]),
            StorageScene(name="nas", type="nfs", shared=True),
            StorageScene(name="pbs", type="pbs", shared=True, content=["backup"]),
        ],
        "pools": ["p1"],
    }  # fmt: skip
    return ClusterScene(**{**values, **more})  # type: ignore[arg-type]


async def dump(
    running: Running, client: Client, vmid: object, storage: str = "local", **more: object
) -> list[str]:
    given = {"vmid": vmid, "storage": storage, "compress": "zstd", **more}
    return await worked(running, client, "POST", "/nodes/pve1/vzdump", given)


async def backups(client: Client, storage: str = "local") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = await client.get(f"/nodes/pve1/storage/{storage}/content?content=backup")
    return rows


async def test_a_stopped_container_is_backed_up_as_recorded() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        log = await dump(running, client, 100, mode="stop")
        assert log[0].startswith("INFO: starting new backup job: vzdump 100 --")
        assert log[1] == "INFO: Starting Backup of VM 100 (lxc)"
        assert log[3:8] == [
            "INFO: status = stopped",
            "INFO: backup mode: stop",
            "INFO: ionice priority: 7",
            "INFO: CT Name: web",
            "INFO: including mount point rootfs ('/') in backup",
        ]
        assert log[-2:] == ["INFO: Backup job finished successfully", "TASK OK"]
        (row,) = await backups(client)
        assert (row["format"], row["vmid"], row["subtype"]) == ("tar.zst", 100, "lxc")
        text = await client.get(f"/nodes/pve1/vzdump/extractconfig?volume={row['volid']}")
        assert text.startswith("#notes\narch: amd64\n")
        assert "lock" not in text


@pytest.mark.parametrize(
    ("vmid", "mode", "told"),
    [
        (101, "snapshot", ["INFO: create storage snapshot 'vzdump'", "INFO: cleanup temporary 'vzdump' snapshot"]),
        (103, "snapshot", ["INFO: trying 'suspend' mode instead", "INFO: suspending guest", "INFO: resuming guest"]),
        (103, "stop", ["INFO: stopping virtual guest", "INFO: restarting vm"]),
    ],
)  # fmt: skip
async def test_a_running_container_runs_afterwards_and_carries_the_lock_meanwhile(
    vmid: int, mode: str, told: list[str]
) -> None:
    async with serving(scene(), speed=1) as running:
        client = Client(running["prod"]).by("full")
        upid = await done(
            client, "POST", "/nodes/pve1/vzdump", {"vmid": vmid, "storage": "local", "mode": mode}
        )
        running.advance(0.3)
        assert (await client.get(f"/nodes/pve1/lxc/{vmid}/config"))["lock"] == "backup"
        assert await refused(client, "PUT", f"/nodes/pve1/lxc/{vmid}/config", {"memory": 99}) == (
            "500 CT is locked (backup)"
        )
        status, log = await ended(running, client, upid)
        assert status == "OK"
        assert [line for line in log if line in told] == told
        state = await client.get(f"/nodes/pve1/lxc/{vmid}/status/current")
        assert (state["status"], "lock" in state) == ("running", False)


async def test_a_stopped_backup_leaves_neither_lock_nor_archive() -> None:
    async with serving(scene(), speed=1) as running:
        client = Client(running["prod"]).by("full")
        given = {"vmid": 103, "storage": "local", "mode": "stop"}
        upid = await done(client, "POST", "/nodes/pve1/vzdump", given)
        running.advance(1)
        await done(client, "DELETE", f"/nodes/pve1/tasks/{quote(upid, safe='')}")
        assert (await ended(running, client, upid))[0] == "interrupted by signal"
        state = await client.get("/nodes/pve1/lxc/103/status/current")
        assert (state["status"], "lock" in state, await backups(client)) == ("running", False, [])


async def test_one_failure_does_not_keep_the_others_and_only_the_task_tells() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        running.estate["prod"].guests[101].lock = "migrate"
        given = {"vmid": "101,100,999,102", "storage": "local"}
        status, log = await ended(running, client, await done(client, "POST", "/nodes/pve1/vzdump", given))
        assert status == "job errors"
        assert "INFO: skip external VMs: 102" in log
        assert "ERROR: Backup of VM 101 failed - CT is locked (migrate)" in log
        assert "ERROR: Backup of VM 999 failed - unable to find VM '999'" in log
        assert [row["vmid"] for row in await backups(client)] == [100]


async def test_guests_are_chosen_by_pool_or_all_but_some() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        await worked(running, client, "POST", "/nodes/pve1/vzdump", {"pool": "p1", "storage": "nas"})
        assert [row["vmid"] for row in await backups(client, "nas")] == [101]
        await worked(running, client, "POST", "/nodes/pve1/vzdump", {"exclude": "100,101", "storage": "pbs"})
        rows = await backups(client, "pbs")
        assert {(row["vmid"], row["format"]) for row in rows} == {(103, "pbs-ct"), (200, "pbs-vm")}
        assert await done(client, "POST", "/nodes/pve1/vzdump", {"vmid": 102}) == "OK"


async def test_what_does_not_go_together_is_refused() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")

        async def wrong(**given: object) -> str:
            return await refused(client, "POST", "/nodes/pve1/vzdump", given)

        assert await wrong() == "400 {'vmid': 'property is missing'}"
        assert await wrong(all=1, vmid=100) == "400 {'all': \"option conflicts with option 'vmid'\"}"
        assert await wrong(vmid=100, stdout=1) == (
            "400 {'stdout': 'option is only allowed on the command line interface.'}"
        )
        assert await wrong(vmid=100, script="/x") == "400 {'script': 'Only root may set this option.'}"
        assert "does not support backups" in await failed(
            running, client, "POST", "/nodes/pve1/vzdump", {"vmid": 100, "storage": "thin"}
        )


async def test_a_missing_right_shows_in_the_task_only() -> None:
    people = scene(
        users=[UserScene(userid="u@pve")],
        tokens=[TokenScene(userid="u@pve", tokenid="t1", label="u", privsep=False)],
        roles={"Space": ["Datastore.AllocateSpace"], "Backup": ["VM.Backup"]},
        acl=[AclScene(path="/storage/local", ugid="u@pve", role="Space")],
    )
    async with serving(people) as running:
        client = Client(running["prod"]).by("u")
        given = {"vmid": 100, "storage": "local"}
        assert await failed(running, client, "POST", "/nodes/pve1/vzdump", given) == (
            "403 Permission check failed (/vms/100, VM.Backup)"
        )
        assert await refused(client, "POST", "/nodes/pve1/vzdump", {**given, "bwlimit": 1}) == (
            "403 Permission check failed (/, Sys.Modify)"
        )
        assert await refused(
            client, "POST", "/nodes/pve1/vzdump", {**given, "prune-backups": "keep-last=1"}
        ) == ("403 Permission check failed (/storage/local, Datastore.Allocate)")
        assert await refused(client, "POST", "/nodes/pve1/vzdump", {**given, "storage": "nas"}) == (
            "403 Permission check failed (/storage/nas, Datastore.AllocateSpace)"
        )
        running.estate["prod"].identity.grant("/vms/100", "user", "u@pve", "Backup")
        await dump(running, client, 100)
        (row,) = await backups(client)
        running.estate["prod"].identity.revoke("/vms/100", "user", "u@pve", "Backup")
        assert await backups(client) == []
        at = f"/nodes/pve1/storage/local/content/{quote(row['volid'], safe='')}"
        assert await refused(client, "DELETE", at) == "403 Permission check failed (/vms/100, VM.Backup)"


async def test_old_backups_are_pruned_but_not_protected_ones() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        await dump(running, client, 100, protected=1, **{"notes-template": "{{guestname}} {{vmid}}\\nmore"})
        for _ in range(3):
            running.advance(60)
            log = await dump(running, client, 100, **{"prune-backups": "keep-last=2"})
        assert "INFO: pruned 1 backup(s) not covered by keep-retention policy" in log
        first, *rest = await backups(client)
        assert (first["protected"], first["notes"], len(rest)) == (1, "web 100", 2)
        volid = quote(first["volid"], safe="")
        assert await failed(running, client, "DELETE", f"/nodes/pve1/storage/local/content/{volid}") == (
            f"cannot remove protected volume '{first['volid'].partition(':')[2]}' on 'local'"
        )
        preview = await client.get(
            "/nodes/pve1/storage/local/prunebackups?prune-backups=keep-last%3D1&vmid=100"
        )
        assert [row["mark"] for row in preview] == ["protected", "remove", "keep"]
        log = await worked(
            running, client, "DELETE", "/nodes/pve1/storage/local/prunebackups?prune-backups=keep-last%3D1"
        )
        assert log == [f"removing backup '{rest[0]['volid']}'", "TASK OK"]
        await done(
            client, "PUT", f"/nodes/pve1/storage/local/content/{volid}", {"protected": 0, "notes": "x\ny"}
        )
        row = await client.get(f"/nodes/pve1/storage/local/content/{volid}")
        assert (row["protected"], row["notes"]) == (0, "x\ny")


def test_a_retention_keeps_the_newest_of_each_period() -> None:
    day = 86400
    entries = [Entry(Volume("x", "", "backup", "tar", 1, 0), n * day // 2, "lxc", 100) for n in range(40)]
    mark(entries, {"keep-last": 2, "keep-daily": 3, "keep-weekly": 1})
    kept = [entry.ctime * 2 // day for entry in entries if entry.mark == "keep"]
    assert kept == [21, 33, 35, 37, 38, 39]


async def test_two_backup_jobs_on_a_node_wait_for_each_other() -> None:
    async with serving(scene(), speed=1) as running:
        client = Client(running["prod"]).by("full")
        first, second = [
            await done(client, "POST", "/nodes/pve1/vzdump", {"vmid": vmid, "storage": "local"})
            for vmid in (100, 103)
        ]
        status, log = await ended(running, client, second)
        assert (status, log[:2]) == (
            "OK",
            ["INFO: trying to get global lock - waiting...", "INFO: got global lock"],
        )
        assert (await ended(running, client, first))[0] == "OK"


async def _archive(running: Running, client: Client, vmid: int = 100) -> str:
    await done(
        client, "PUT", f"/nodes/pve1/lxc/{vmid}/config", {"net0": _CARD, "mp0": "local:2,mp=/data,backup=1"}
    )
    await dump(running, client, vmid)
    return str((await backups(client))[-1]["volid"])


async def test_a_restored_container_is_as_backed_up_with_what_was_given_on_top() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        archive = await _archive(running, client)
        given = {
            "vmid": 300,
            "ostemplate": archive,
            "restore": 1,
            "storage": "thin",
            "hostname": "new",
            "unique": 1,
        }
        log = await worked(running, client, "POST", "/nodes/pve1/lxc", given)
        assert log[0] == f"recovering backed-up configuration from '{archive}'"
        assert f"restoring '{archive}' now.." in log
        assert log[-2:] == ["merging backed-up and given configuration..", "TASK OK"]
        config = await client.get("/nodes/pve1/lxc/300/config")
        assert (config["hostname"], config["description"], config["tags"], config["unprivileged"]) == (
            "new", "notes\n", "t", 1,
        )  # fmt: skip
        assert config["rootfs"] == "thin:vm-300-disk-0,size=1G"
        assert config["mp0"] == "thin:vm-300-disk-1,mp=/data,backup=1,size=2G"
        assert config["net0"].startswith("name=eth0,bridge=vmbr0,hwaddr=BC:24:11:")
        assert "BC:24:11:00:00:64" not in config["net0"]
        assert "lock" not in config


async def test_disks_may_be_given_anew_and_a_privileged_container_stays_one() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        running.estate["prod"].guests[103].scene.config.clear()
        archive = await _archive(running, client)
        given = {"vmid": 300, "ostemplate": archive, "restore": 1, "rootfs": "local:5", "unprivileged": 0}
        await worked(running, client, "POST", "/nodes/pve1/lxc", given)
        config = await client.get("/nodes/pve1/lxc/300/config")
        assert config["rootfs"].endswith("size=5G")
        assert "mp0" not in config
        assert "unprivileged" not in config
        await dump(running, client, 300)
        archive = next(row["volid"] for row in await backups(client) if row["vmid"] == 300)
        await worked(
            running, client, "POST", "/nodes/pve1/lxc", {"vmid": 301, "ostemplate": archive, "restore": 1}
        )
        assert "unprivileged" not in await client.get("/nodes/pve1/lxc/301/config")


async def test_a_container_is_restored_over_itself_only_by_force_and_when_it_does_not_run() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        archive = await _archive(running, client)
        await done(client, "PUT", "/nodes/pve1/lxc/100/config", {"memory": 99, "delete": "mp0"})
        given = {"vmid": 100, "ostemplate": archive, "restore": 1, "storage": "local"}
        assert await refused(client, "POST", "/nodes/pve1/lxc", given) == (
            "500 CT 100 already exists on node 'pve1'"
        )
        await worked(running, client, "POST", "/nodes/pve1/lxc", {**given, "force": 1})
        config = await client.get("/nodes/pve1/lxc/100/config")
        assert (config["memory"], "unused0" in config) == (512, False)
        disks = {
            row["volid"]
            for row in await client.get("/nodes/pve1/storage/local/content?vmid=100&content=rootdir")
        }
        assert disks == {config[key].partition(",")[0] for key in ("rootfs", "mp0")}
        await worked(running, client, "POST", "/nodes/pve1/lxc/100/status/start")
        assert await refused(client, "POST", "/nodes/pve1/lxc", {**given, "force": 1}) == (
            "500 can't overwrite running container"
        )


async def test_a_restore_that_fails_before_it_began_leaves_the_old_container() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        nothing = "local:backup/vzdump-lxc-100-2026_01_01-00_00_00.tar.zst"
        given = {"vmid": 100, "ostemplate": nothing, "restore": 1, "force": 1}
        assert await failed(running, client, "POST", "/nodes/pve1/lxc", given) == (
            f"unable to restore CT 100 - volume '{nothing}' does not exist"
        )
        assert "lock" not in await client.get("/nodes/pve1/lxc/100/config")
        assert await refused(
            client, "POST", "/nodes/pve1/lxc", {**given, "vmid": 300, "ostemplate": "local:iso/a.iso"}
        ) == ("500 unable to use volume local:iso/a.iso - content type needs to be 'backup'")


async def test_backup_jobs_are_kept_as_they_were_made() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        given = {
            "id": "nightly",
            "schedule": "21:00",
            "storage": "nas",
            "vmid": "100,101",
            "prune-backups": "keep-last=3",
        }
        await done(client, "POST", "/cluster/backup", given)
        (row,) = await client.get("/cluster/backup")
        assert (row["type"], row["enabled"], row["prune-backups"]) == ("vzdump", 1, {"keep-last": "3"})
        assert await refused(client, "POST", "/cluster/backup", given) == "500 Job 'nightly' already exists"
        await done(client, "PUT", "/cluster/backup/nightly", {"all": 1, "enabled": 0})
        row = await client.get("/cluster/backup/nightly")
        assert ("vmid" in row, row["all"], row["enabled"]) == (False, 1, 0)
        assert await client.get("/cluster/backup-info/not-backed-up") == []
        await done(client, "DELETE", "/cluster/backup/nightly")
        assert (
            await refused(client, "GET", "/cluster/backup/nightly") == "400 {'id': \"No such job 'nightly'\"}"
        )
        assert len(await client.get("/cluster/backup-info/not-backed-up")) == 5


async def test_a_destroyed_and_purged_guest_is_taken_out_of_the_jobs() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        given = {"id": "nightly", "schedule": "21:00", "vmid": "100,101"}
        await done(client, "POST", "/cluster/backup", given)
        await worked(running, client, "DELETE", "/nodes/pve1/lxc/100?purge=1")
        assert (await client.get("/cluster/backup/nightly"))["vmid"] == "101"
