"""storage.cfg, figures of storages and what lies on them."""

from __future__ import annotations

import pytest

from pvesim import AclScene, ClusterScene, GuestScene, NodeScene, StorageScene, TokenScene, UserScene
from pvesim.scene import GIB
from pvesim.storages import KINDS
from tests.pvesim.client import Client, serving
from tests.pvesim.working import done, failed, refused, worked

_ISO = "local:iso/tiny.iso"


def scene(**more: object) -> ClusterScene:
    values: dict[str, object] = {
        "name": "prod",
        "nodes": [
            NodeScene(name="pve1", templates=["debian-13_amd64.tar.zst", "tiny.iso"]),
            NodeScene(name="pve2", templates=[]),
        ],
        "guests": [
            GuestScene(vmid=100, name="a", node="pve1", status="stopped", disk=4),
            GuestScene(vmid=101, name="b", node="pve1", storage="thin", config={"mp0": "thin:vm-101-disk-1,size=2G,mp=/d"}),
            GuestScene(vmid=102, name="c", node="pve2", storage="nas"),
            GuestScene(vmid=200, name="vm", node="pve1", kind="qemu", storage="nas"),
        ],
        "storages": [
            StorageScene(name="local", used=1, options={"path": "/var/lib/vz"}),
            StorageScene(name="thin", type="lvmthin", content=["rootdir", "images"], nodes=["pve1"],
                         options={"vgname": "pve", "thinpool": "data"}),
            StorageScene(name="nas", type="nfs", shared=True, options={"server": "10.0.0.9", "export": "/x"}),
            StorageScene(name="off", disabled=True),
        ],
    }  # fmt: skip
    return ClusterScene(**{**values, **more})  # type: ignore[arg-type]


_NEEDED = {
    "dir": {"path": "/mnt/x"}, "btrfs": {"path": "/mnt/x"}, "nfs": {"server": "10.0.0.9", "export": "/x"},
    "cifs": {"server": "10.0.0.9", "share": "x"}, "cephfs": {}, "lvm": {"vgname": "vg"},
    "lvmthin": {"vgname": "vg", "thinpool": "data"}, "zfspool": {"pool": "tank"}, "rbd": {"pool": "rbd"},
    "zfs": {"portal": "10.0.0.9", "target": "iqn.x", "pool": "tank", "iscsiprovider": "LIO"},
    "iscsi": {"portal": "10.0.0.9", "target": "iqn.x"}, "iscsidirect": {"portal": "10.0.0.9", "target": "iqn.x"},
    "pbs": {"server": "10.0.0.9", "datastore": "d"}, "esxi": {"server": "10.0.0.9", "username": "root"},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_a_storage_of_every_type_can_be_added_and_says_what_it_can_do(kind: str) -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        given = {"storage": "x1", "type": kind, **_NEEDED[kind]}
        assert await done(client, "POST", "/storage", given) == {"storage": "x1", "type": kind}
        row = await client.get("/storage/x1")
        assert sorted(row["content"].split(",")) == sorted(KINDS[kind].usual)
        assert row.get("shared", 0) == KINDS[kind].shared
        assert ("path" in row) == KINDS[kind].files
        seen = {each["storage"]: each for each in await client.get("/nodes/pve2/storage")}
        assert (seen["x1"]["active"], seen["x1"]["shared"]) == (1, int(KINDS[kind].shared))
        wrong = await refused(client, "POST", "/storage", {**given, "storage": "x2", "content": "bogus"})
        assert wrong == "400 {'content': \"invalid format - invalid content type 'bogus'\\n\"}"


async def test_a_storage_is_refused_what_its_type_cannot_have() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")

        async def wrong(**given: object) -> str:
            return await refused(client, "POST", "/storage", {"storage": "x1", **given})

        assert await wrong(type="dir") == "500 missing value for required option 'path'"
        assert (
            await wrong(type="lvmthin", vgname="vg", thinpool="thin", server="a")
            == "500 unexpected property 'server'"
        )
        assert await wrong(type="pbs", server="a", datastore="d", content="images") == (
            "500 storage does not support content type 'images'"
        )
        assert await wrong(type="dir", path="/x", storage="local") == (
            "500 create storage failed: storage ID 'local' already defined"
        )
        assert await wrong(type="dir", path="/x", is_mountpoint=1) == (
            "500 create storage failed: unable to activate storage 'x1' - directory is expected to be a mount"
            " point but is not mounted: '/x'"
        )
        assert await refused(client, "PUT", "/storage/nas", {"pool": "x"}) == (
            "500 update storage failed: unexpected property 'pool'"
        )
        assert await refused(client, "PUT", "/storage/thin", {"delete": "vgname"}) == (
            "500 update storage failed: unable to delete required option 'vgname'"
        )
        assert await refused(client, "DELETE", "/storage/nope") == (
            "500 delete storage failed: storage 'nope' does not exist"
        )


async def test_a_changed_storage_is_listed_as_it_is_now() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        digest = (await client.get("/storage/local"))["digest"]
        await done(client, "PUT", "/storage/local", {"content": "iso", "nodes": "pve2", "digest": digest})
        row = await client.get("/storage/local")
        assert (row["content"], row["nodes"]) == ("iso", "pve2")
        assert await refused(client, "PUT", "/storage/local", {"shared": 1, "digest": digest}) == (
            "500 update storage failed: detected modified configuration - file changed by other user? Try again."
        )
        assert await refused(client, "GET", "/nodes/pve1/storage/local/content") == (
            "500 storage 'local' is not available on node 'pve1'"
        )
        await done(client, "PUT", "/storage/local", {"delete": "nodes,content", "disable": 1})
        row = await client.get("/storage/local")
        assert "nodes" not in row
        assert (row["disable"], set(row["content"].split(","))) == (1, {"images", "rootdir"})


async def test_local_is_there_even_when_it_has_been_removed() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        await done(client, "DELETE", "/storage/local")
        row = await client.get("/storage/local")
        assert (row["type"], row["path"], row["prune-backups"]) == ("dir", "/var/lib/vz", "keep-all=1")


async def test_a_guest_keeps_its_configuration_when_its_storage_is_removed() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        await done(client, "DELETE", "/storage/nas")
        config = await client.get("/nodes/pve2/lxc/102/config")
        assert config["rootfs"].startswith("nas:102/vm-102-disk-0.raw")
        assert await client.get("/cluster/resources?type=vm")


async def test_a_node_lists_its_storages_by_what_is_asked_for() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")

        async def names(query: str, node: str = "pve1") -> set[str]:
            return {row["storage"] for row in await client.get(f"/nodes/{node}/storage?{query}")}

        assert await names("") == {"local", "thin", "nas", "off"}
        assert await names("enabled=1") == {"local", "thin", "nas"}
        assert await names("", "pve2") == {"local", "thin", "nas", "off"}
        assert await names("enabled=1", "pve2") == {"local", "nas"}
        assert await names("content=vztmpl") == {"local", "nas"}
        assert await names("content=rootdir,iso") == {"local", "thin", "nas"}
        assert await names("target=pve2") == {"nas"}
        assert await names("storage=nas") == {"nas"}


async def test_everything_on_a_storage_is_listed_once_whether_or_not_somebody_has_touched_it() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        at = "/nodes/pve1/storage"

        async def volumes(storage: str) -> list[str]:
            return [row["volid"] for row in await client.get(f"{at}/{storage}/content")]

        before = {name: await volumes(name) for name in ("local", "thin", "nas")}
        assert before["thin"] == ["thin:vm-101-disk-0", "thin:vm-101-disk-1"]
        assert before["nas"] == ["nas:102/vm-102-disk-0.raw", "nas:200/vm-200-disk-0.raw"]
        used = {row["storage"]: row["used"] for row in await client.get(at)}
        for kind, vmid, node in (
            ("lxc", 100, "pve1"),
            ("lxc", 101, "pve1"),
            ("lxc", 102, "pve2"),
            ("qemu", 200, "pve1"),
        ):
            await done(client, "PUT", f"/nodes/{node}/{kind}/{vmid}/config", {"description": "touched"})
        assert {name: await volumes(name) for name in before} == before
        assert {row["storage"]: row["used"] for row in await client.get(at)} == used


async def test_a_disk_without_its_guest_counts_as_a_machines() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        at = "/nodes/pve1/storage/local/content"
        made = await done(client, "POST", at, {"vmid": 999, "filename": "vm-999-disk-0.raw", "size": "1G"})
        rows = {row["volid"]: row for row in await client.get(at)}
        assert (rows[made]["content"], rows[made]["size"], rows[made]["vmid"]) == ("images", GIB, 999)
        assert rows["local:100/vm-100-disk-0.raw"]["content"] == "rootdir"
        assert [row["volid"] for row in await client.get(f"{at}?vmid=999")] == [made]
        assert await refused(
            client, "POST", at, {"vmid": 999, "filename": "vm-999-disk-0.raw", "size": "1G"}
        ) == ("500 disk image '/var/lib/vz/images/999/vm-999-disk-0.raw' already exists")
        log = await worked(running, client, "DELETE", f"{at}/{made.replace('/', '%2F')}")
        assert log == [f"Removed volume '{made}'", "TASK OK"]


async def test_the_disk_of_an_untouched_guest_can_be_read_and_removed() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")
        at = "/nodes/pve1/storage/local/content/local:100%2Fvm-100-disk-0.raw"
        row = await client.get(at)
        assert (row["path"], row["size"]) == ("/var/lib/vz/images/100/vm-100-disk-0.raw", 4 * GIB)
        await worked(running, client, "DELETE", at)
        assert "volume_size_info" in await refused(client, "GET", at)
        assert await failed(running, client, "POST", "/nodes/pve1/lxc/100/status/start") == (
            "volume 'local:100/vm-100-disk-0.raw' does not exist"
        )


async def test_used_bytes_follow_what_is_put_on_and_taken_off() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")

        async def used() -> int:
            return int((await client.get("/nodes/pve1/storage/local/status"))["used"])

        before = await used()
        size = next(row["size"] for row in await client.get("/nodes/pve1/storage/local/content?content=iso"))
        await worked(
            running, client, "DELETE", f"/nodes/pve1/storage/local/content/{_ISO.replace('/', '%2F')}"
        )
        assert await used() == before - size


async def test_names_that_no_plugin_can_read_are_refused_in_its_words() -> None:
    async with serving(scene()) as running:
        client = Client(running["prod"]).by("full")

        async def wrong(storage: str, name: str) -> str:
            return await refused(client, "GET", f"/nodes/pve1/storage/{storage}/content/{name}")

        assert await wrong("local", "abc") == "500 unable to parse directory volume name 'abc'"
        assert await wrong("thin", "abc") == "500 unable to parse lvm volume name 'abc'"
        assert await wrong("local", "thin:vm-101-disk-0") == (
            "400 {'volume': 'storage ID mismatch (thin != local)\\n'}"
        )


async def test_rows_are_hidden_from_those_who_may_not_use_them() -> None:
    people = scene(
        users=[UserScene(userid="u@pve")],
        tokens=[
            TokenScene(userid="root@pam", tokenid="full", privsep=False),
            TokenScene(userid="u@pve", tokenid="t1", label="u", privsep=False),
        ],
        roles={"See": ["Datastore.Audit"], "Disk": ["VM.Config.Disk"]},
        acl=[AclScene(path="/storage/local", ugid="u@pve", role="See")],
    )
    async with serving(people) as running:
        client = Client(running["prod"]).by("u")
        at = "/nodes/pve1/storage/local/content"
        assert {row["content"] for row in await client.get(at)} == {"iso", "vztmpl"}
        running.estate["prod"].identity.grant("/vms/100", "user", "u@pve", "Disk")
        assert {row["content"] for row in await client.get(at)} == {"iso", "vztmpl", "rootdir"}
        assert await refused(client, "DELETE", f"{at}/{_ISO.replace('/', '%2F')}") == (
            "403 Permission check failed (/storage/local, Datastore.Allocate)"
        )
        assert [row["storage"] for row in await client.get("/storage")] == ["local"]
