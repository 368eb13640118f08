from __future__ import annotations

import pytest

from pvesim import AclScene, ClusterScene, GuestScene, TokenScene, UserScene
from pvesim.identity import Identity, Token, User
from tests.pvesim.client import Client, serving


def people() -> Identity:
    identity = Identity(9)
    identity.users["ann@pve"] = User(groups={"ops"}, tokens={"t1": Token("s", privsep=True)})
    return identity


def test_a_more_specific_entry_replaces_the_inherited_one() -> None:
    identity = people()
    identity.grant("/", "user", "ann@pve", "PVEAuditor")
    identity.grant("/vms", "user", "ann@pve", "PVEDatastoreUser")
    assert identity.allowed("ann@pve", "/nodes/pve1", ["Sys.Audit"])
    assert not identity.allowed("ann@pve", "/vms/100", ["VM.Audit"])


def test_an_entry_without_propagation_ends_at_its_path() -> None:
    identity = people()
    identity.grant("/vms", "user", "ann@pve", "PVEVMUser", propagate=False)
    assert identity.allowed("ann@pve", "/vms", ["VM.Audit"])
    assert not identity.allowed("ann@pve", "/vms/100", ["VM.Audit"])


def test_a_group_counts_only_where_the_user_has_no_entry_of_his_own() -> None:
    identity = people()
    identity.grant("/vms", "group", "ops", "PVEVMAdmin")
    assert identity.allowed("ann@pve", "/vms/100", ["VM.Allocate"])
    identity.grant("/vms", "user", "ann@pve", "PVEVMUser")
    assert not identity.allowed("ann@pve", "/vms/100", ["VM.Allocate"])


def test_a_separated_token_has_what_it_and_its_user_both_have() -> None:
    identity = people()
    identity.grant("/", "token", "ann@pve!t1", "Administrator")
    assert identity.privileges("ann@pve!t1", "/vms/100") == {}
    identity.grant("/", "user", "ann@pve", "PVEAuditor")
    assert identity.privileges("ann@pve!t1", "/").keys() == identity.builtin["PVEAuditor"]


def test_no_access_cancels_every_other_role() -> None:
    identity = people()
    identity.grant("/vms/100", "user", "ann@pve", "PVEVMAdmin")
    identity.grant("/vms/100", "user", "ann@pve", "NoAccess")
    assert identity.privileges("ann@pve", "/vms/100") == {}


def test_rights_on_a_pool_reach_its_guests() -> None:
    identity = people()
    identity.pool_of["/vms/100"] = "web"
    identity.grant("/pool/web", "user", "ann@pve", "PVEVMUser")
    assert identity.allowed("ann@pve", "/vms/100", ["VM.PowerMgmt"])
    assert not identity.allowed("ann@pve", "/vms/101", ["VM.PowerMgmt"])


async def test_a_token_without_rights_sees_bare_nodes_and_empty_lists() -> None:
    async with serving(ClusterScene.simple("prod", nodes=2, containers=4)) as running:
        client = Client(running["prod"]).by("privsep")
        rows = await client.get("/nodes")
        assert {frozenset(row) for row in rows} == {
            frozenset(("id", "node", "status", "type", "level", "ssl_fingerprint"))
        }
        assert await client.get("/nodes/pve1/lxc") == []
        assert {row["type"] for row in await client.get("/cluster/resources")} == {"node"}
        assert (
            await client.call("GET", "/cluster/status")
        ).reason == "Permission check failed (/, Sys.Audit)"


async def test_guests_are_filtered_by_entries_on_each() -> None:
    scene = ClusterScene(
        name="prod",
        nodes=ClusterScene.simple("prod", nodes=1).nodes,
        guests=[
            GuestScene(vmid=n, name=f"ct{n}", node="pve1", pool="web" if n == 102 else "")
            for n in (100, 101, 102)
        ],
        users=[UserScene(userid="bob@pve", password="password-1")],
        tokens=[TokenScene(userid="bob@pve", tokenid="b1", label="bob", privsep=False)],
        acl=[
            AclScene(path="/vms/100", ugid="bob@pve", role="PVEVMUser"),
            AclScene(path="/pool/web", ugid="bob@pve", role="PVEVMUser"),
        ],
    )
    async with serving(scene) as running:
        client = Client(running["prod"]).by("bob")
        assert {row["vmid"] for row in await client.get("/cluster/resources?type=vm")} == {100, 102}
        assert {row["vmid"] for row in await client.get("/nodes/pve1/lxc")} == {100, 102}
        refused = await client.call("GET", "/nodes/pve1/lxc/999/config")
        assert refused.reason == "Permission check failed (/vms/999, VM.Audit)"


@pytest.mark.parametrize("role", ["PVEAuditor", "PVEVMUser", "PVEAdmin"])
async def test_roles_are_listed_with_their_privileges(role: str) -> None:
    async with serving(ClusterScene.simple("prod", nodes=1)) as running:
        roles = {row["roleid"]: row for row in await Client(running["prod"]).by("full").get("/access/roles")}
        assert roles[role]["special"] == 1
        assert "VM.Audit" in roles[role]["privs"].split(",")
