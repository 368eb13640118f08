from __future__ import annotations

from paddock.proxmox.permissions import holds
from paddock.proxmox.wanted import grant_on, permissions_summary

AUDITOR = {
    "Sys.Audit": 1, "VM.Audit": 1, "Datastore.Audit": 1, "SDN.Audit": 1, "Pool.Audit": 1, "Mapping.Audit": 1,
}  # fmt: skip


def test_an_auditor_watches_everything_and_is_told_what_it_cannot_do() -> None:
    summary = permissions_summary({"/": AUDITOR})
    assert summary.can_watch
    assert summary.sees_guests
    assert summary.watches_everything
    assert "create and delete containers" in summary.cannot


def test_a_token_without_rights_lacks_everything() -> None:
    summary = permissions_summary({})
    assert not summary.can_watch
    assert [lack.privilege for lack in summary.missing] == [
        "Sys.Audit", "VM.Audit", "Datastore.Audit", "SDN.Audit", "Pool.Audit",
    ]  # fmt: skip
    assert all(lack.purpose for lack in summary.missing)


def test_a_more_specific_entry_replaces_what_is_inherited() -> None:
    permissions = {"/": AUDITOR, "/vms": {"VM.PowerMgmt": 1}}
    assert not permissions_summary(permissions).sees_guests
    assert permissions_summary(permissions).can_watch


def test_a_path_that_the_whole_answer_leaves_out_carries_no_rights() -> None:
    """As after NoAccess on /vms: nothing is held there, so Proxmox VE does not name it."""
    permissions = {"/": AUDITOR, "/nodes": AUDITOR, "/storage": AUDITOR, "/sdn": AUDITOR, "/pool": AUDITOR}
    summary = permissions_summary(permissions)
    assert summary.can_watch
    assert not summary.sees_guests


def test_a_grant_is_wanted_on_the_root_unless_a_narrower_entry_replaces_it() -> None:
    everywhere = {"/": AUDITOR} | dict.fromkeys(("/access", "/nodes", "/storage", "/sdn", "/pool"), AUDITOR)
    narrow = {"VM.Config.Memory": 1}
    assert grant_on({}) == ("/",)
    assert grant_on(everywhere | {"/vms": AUDITOR}) == ()
    assert grant_on(everywhere | {"/vms": narrow}) == ("/vms",)
    assert grant_on(everywhere) == ("/vms",)  # as after NoAccess there
    assert grant_on({"/vms": narrow}) == ("/", "/vms")
    assert grant_on(
        dict.fromkeys(("/", "/access", "/nodes", "/storage", "/sdn", "/pool", "/vms"), narrow)
    ) == ("/",)
    here_alone = {"/": {"Sys.Audit": 1, "VM.Audit": 0}}
    goes_on = {"Sys.Audit": 1}
    inherited = dict.fromkeys(("/access", "/nodes", "/storage", "/sdn", "/pool", "/vms"), goes_on)
    assert grant_on(here_alone | inherited) == ("/",)


def test_a_right_that_does_not_go_on_to_paths_below_counts_only_where_it_is() -> None:
    permissions = {"/": {"Sys.Audit": 0, "VM.Audit": 0}}
    assert holds(permissions, "Sys.Audit", "/")
    assert not holds(permissions, "VM.Audit", "/vms")


def test_rights_on_guests_alone_are_not_enough_to_watch() -> None:
    summary = permissions_summary({"/vms": {"VM.Audit": 1}})
    assert summary.sees_guests
    assert not summary.can_watch
