"""Pools with what they give, and virtual machines as far as a manager of containers meets them."""

from __future__ import annotations

from pvesim import AclScene, ClusterScene, GuestScene, NodeScene, StorageScene, TokenScene, UserScene
from tests.pvesim.client import Client, serving
from tests.pvesim.working import done, failed, refused, worked


def scene() -> ClusterScene:
    return ClusterScene(
        name="prod",
        nodes=[NodeScene(name="pve1"), NodeScene(name="pve2")],
        guests=[
            GuestScene(vmid=100, name="a", node="pve1", status="stopped", tags=["x"]),
            GuestScene(vmid=200, name="vm", node="pve2", kind="qemu"),
        ],
        storages=[StorageScene(name="local"), StorageScene(name="thin", type="lvmthin", content=["rootdir"])],
        pools=["old"],
        users=[UserScene(userid="u@pve")],
        tokens=[
            TokenScene(userid="root@pam", tokenid="full", privsep=False),
            TokenScene(userid="u@pve", tokenid="t1", label="u", privsep=False),
        ],
        acl=[AclScene(path="/pool/p1", ugid="u@pve", role="PVEAdmin")],
    )


async def test_a_pool_has_guests_and_storages_and_gives_rights_on_them() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        user = client.by("u")
        await done(client, "POST", "/pools", {"poolid": "p1", "comment": "first"})
        assert await refused(user, "GET", "/nodes/pve1/lxc/100/config") == (
            "403 Permission check failed (/vms/100, VM.Audit)"
        )
        await done(client, "PUT", "/pools", {"poolid": "p1", "vms": "100,200", "storage": "local"})
        assert (await user.get("/nodes/pve1/lxc/100/config"))["hostname"] == "a"
        assert [row["storage"] for row in await user.get("/storage")] == ["local"]
        (pool,) = await client.get("/pools?poolid=p1")
        assert (pool["poolid"], pool["comment"]) == ("p1", "first")
        assert [row["id"] for row in pool["members"]] == ["lxc/100", "qemu/200", "storage/pve1/local"]
        assert not {"pool", "tags"} & pool["members"][0].keys()
        (pool,) = await client.get("/pools?poolid=p1&type=storage")
        assert [row["type"] for row in pool["members"]] == ["storage"]
        assert [row["pool"] for row in await client.get("/cluster/resources?type=vm")] == ["p1", "p1"]
        await done(client, "PUT", "/pools/p1", {"vms": "100", "storage": "local", "delete": 1})
        assert await refused(user, "GET", "/nodes/pve1/lxc/100/config") == (
            "403 Permission check failed (/vms/100, VM.Audit)"
        )
        assert await user.get("/storage") == []


async def test_a_pool_is_refused_what_it_has_and_lacks_and_removed_only_when_empty() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        await done(client, "PUT", "/pools/old", {"vms": "100"})
        await done(client, "POST", "/pools", {"poolid": "p1"})
        assert await refused(client, "POST", "/pools", {"poolid": "p1"}) == (
            "500 create pool failed: pool 'p1' already exists"
        )

        async def wrong(pool: str, **given: object) -> str:
            return await refused(client, "PUT", "/pools", {"poolid": pool, **given})

        assert await wrong("nope") == "500 update pools failed: pool 'nope' does not exist"
        assert await wrong("old", vms=100) == "500 update pools failed: VM 100 is already a pool member"
        assert await wrong("p1", vms=100, delete=1) == "500 update pools failed: VM 100 is not a pool member"
        assert "belongs already to pool 'old'" in await wrong("p1", vms=100)
        assert await refused(client, "DELETE", "/pools?poolid=old") == (
            "500 delete pool failed: pool 'old' is not empty (contains VM 100)"
        )
        await done(client, "PUT", "/pools", {"poolid": "p1", "vms": 100, "allow-move": 1})
        await done(client, "DELETE", "/pools?poolid=old")
        assert await client.get("/pools") == [{"poolid": "p1"}]
        assert await refused(client, "GET", "/pools/old") == "500 pool 'old' does not exist"


async def test_a_machine_is_made_changed_started_and_destroyed() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        given = {
            "vmid": 300, "name": "new", "memory": 128, "cores": 2, "scsi0": "local:1", "net0": "virtio,bridge=vmbr0",
            "ide2": "none,media=cdrom",
        }  # fmt: skip
        log = await worked(running, client, "POST", "/nodes/pve1/qemu", given)
        assert log[-2:] == [
            "scsi0: successfully created disk 'local:300/vm-300-disk-0.raw,size=1G'",
            "TASK OK",
        ]
        config = await client.get("/nodes/pve1/qemu/300/config")
        assert (config["memory"], config["cores"], config["boot"]) == ("128", 2, "order=scsi0;ide2;net0")
        assert config["net0"].startswith("virtio=BC:24:11:")
        await done(client, "PUT", "/nodes/pve1/qemu/300/config", {"scsi1": "local:2", "delete": "ide2"})
        await worked(running, client, "POST", "/nodes/pve1/qemu/300/config", {"delete": "scsi1"})
        config = await client.get("/nodes/pve1/qemu/300/config")
        assert (config["unused0"], "scsi1" in config, "ide2" in config) == (
            "local:300/vm-300-disk-1.raw",
            False,
            False,
        )
        state = await client.get("/nodes/pve1/qemu/300/status/current")
        assert (state["cpus"], state["maxdisk"], state["status"]) == (2, 1 << 30, "stopped")
        await worked(running, client, "POST", "/nodes/pve1/qemu/300/status/start")
        assert await failed(running, client, "DELETE", "/nodes/pve1/qemu/300") == (
            "VM 300 is running - destroy failed"
        )
        await worked(running, client, "POST", "/nodes/pve1/qemu/300/status/stop")
        await worked(running, client, "DELETE", "/nodes/pve1/qemu/300")
        assert await client.get("/nodes/pve1/storage/local/content?vmid=300") == []


async def test_a_machine_is_refused_what_containers_have_and_what_its_maker_may_not() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        assert await refused(client, "POST", "/nodes/pve1/qemu", {"vmid": 100}) == (
            "500 unable to create VM 100 - CT 100 already exists on node 'pve1'"
        )
        assert await refused(client, "POST", "/nodes/pve1/qemu", {"vmid": 300, "scsi0": "thin:1"}) == (
            "400 {'storage': \"storage 'thin' does not support vm images\"}"
        )
        assert await refused(client.by("u"), "POST", "/nodes/pve1/qemu", {"vmid": 300}) == (
            "403 Permission check failed"
        )
        assert await refused(
            client, "PUT", "/nodes/pve2/qemu/200/config", {"digest": "0" * 40, "cores": 3}
        ) == ("500 detected modified configuration - file changed by other user? Try again.")
        upid = await done(client, "POST", "/nodes/pve2/qemu/200/status/suspend")
        assert upid.split(":")[5] == "qmpause"


async def test_stopping_a_machine_that_does_not_run_is_fine() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        await worked(running, client, "POST", "/nodes/pve2/qemu/200/status/stop")
        await worked(running, client, "POST", "/nodes/pve2/qemu/200/status/stop")
        assert await refused(client, "POST", "/nodes/pve2/qemu/200/status/reboot") == "500 VM 200 not running"
