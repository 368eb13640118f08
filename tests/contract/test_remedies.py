"""The commands that a diagnosis proposes mend what it found, with the node's own values."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from paddock.clusters.examination import Key, Outcome, Subject
from pvesim import ClusterScene
from pvesim.certificates import Authority
from pvesim.scene import StorageScene
from tests.contract.diagnosing import NODE, By, auditor, diagnosed, own_role, scene, subject
from tests.contract.lab import Lab, make_lab


@pytest.mark.parametrize("by_cluster", [True, False], ids=["cluster", "another"])
async def test_an_expired_certificate_is_renewed_by_whoever_signed_it(by_cluster: bool) -> None:
    async with make_lab(scene()) as lab:
        shown = lab.cluster.nodes[NODE]
        signer = lab.cluster.state.authority if by_cluster else Authority.stranger()
        ended = datetime.now(UTC) - timedelta(days=3)
        began = ended - timedelta(days=30)
        leaf = signer.leaf(shown.state.fqdn, shown.state.names(), not_before=began, not_after=ended)
        shown.state.custom = leaf
        shown.listener.reset()
        shown.listener.refresh()
        found = await diagnosed(Subject(lab.endpoint(NODE)))
        assert found.code == "expired"
        assert found.cause is not None
        told = " ".join(command.text for command in found.cause.commands)
        assert ("pvecm updatecerts --force && systemctl restart pveproxy" in told) is by_cluster
        assert ("pvenode acme cert renew --force" in told) is not by_cluster
        assert ("pvenode cert set CHAIN.pem KEY.pem --force 1 --restart 1" in told) is not by_cluster


@pytest.mark.parametrize(
    ("by", "kind"),
    [(own_role, "user"), (auditor, "token"), (auditor, "user")],
    ids=["password", "token", "its-user"],
)
async def test_a_narrower_entry_is_told_and_the_shown_commands_give_what_it_took(by: By, kind: str) -> None:
    async with make_lab(scene()) as lab:
        before, identity = subject(lab, by), lab.cluster.state.identity
        if separate := identity.token(before.token):
            separate.privsep = True
            identity.grant("/", "token", before.token, "PVEAuditor")
        identity.custom_roles["Narrow"] = frozenset({"VM.Config.Memory"})
        identity.grant("/vms", kind, before.token if kind == "token" else before.user, "Narrow")
        rights = (await diagnosed(before)).step(Key.RIGHTS)
        assert rights.code == "rights_missing"
        assert "A narrower entry, on /vms, replaces the one that is inherited." in rights.text
        for command in rights.commands:
            run_acl(lab, command.text)
        assert (await diagnosed(before)).step(Key.RIGHTS).outcome is Outcome.PASSED


async def test_the_shown_commands_give_rights_to_a_token_that_has_none() -> None:
    async with make_lab(scene()) as lab:
        before = subject(lab, auditor)
        lab.sim.fault("token-stripped", cluster="c")
        rights = (await diagnosed(before)).step(Key.RIGHTS)
        assert rights.code == "no_rights"
        for command in rights.commands:
            run_acl(lab, command.text)
        assert (await diagnosed(before)).step(Key.RIGHTS).outcome is Outcome.PASSED


def run_acl(lab: Lab, command: str) -> None:
    """What `pveum acl modify PATH --users U --tokens T --roles R` does."""
    words = shlex.split(command)
    if words[:3] != ["pveum", "acl", "modify"]:
        return
    options = dict(zip(words[4::2], words[5::2], strict=True))
    for kind in ("user", "token"):
        if who := options.get(f"--{kind}s"):
            lab.cluster.state.identity.grant(words[3], kind, who, options["--roles"])


async def test_a_storage_of_the_node_is_proposed_for_containers_and_keeps_what_it_takes() -> None:
    storages = [
        StorageScene(name="isos", type="cephfs", content=["iso"], shared=True),
        StorageScene(name="files", type="dir", content=["backup", "iso"]),
        StorageScene(name="fast", type="zfspool", content=["images"]),
        StorageScene(name="elsewhere", type="lvmthin", content=["images"], nodes=["pve1"]),
    ]
    assert await proposed(storages) == "pvesm set fast --content images,rootdir"
    assert await proposed(storages[:2]) == "pvesm set files --content backup,iso,rootdir"
    assert await proposed(storages[:1]) == ""


async def proposed(storages: list[StorageScene]) -> str:
    """The command that lets one of them take containers; where there is none, the node's own list is shown."""
    made = ClusterScene.simple("c", nodes=3)
    async with make_lab(msgspec.structs.replace(made, storages=storages, guests=[])) as lab:
        step = (await diagnosed(subject(lab))).step(Key.STORAGES)
        assert step.code == "no_storage"
        texts = [command.text for command in step.commands]
        assert texts[0].endswith("pvesm status")
        found = next((text for text in texts if "pvesm set" in text), "")
        assert found or texts[1].endswith("cat /etc/pve/storage.cfg")
        return found
