"""What is taken away from Proxmox VE when a cluster goes, and what others still need. Without a network."""

from __future__ import annotations

from typing import Any

from paddock.proxmox.farewell import Belongings, Found, commands, plan

MINE = Belongings(("paddock@pve!a",), ("paddock@pve",), ("PaddockOperator",), ("paddock@pve",))


def row(who: str, role: str = "PaddockOperator", path: str = "/") -> dict[str, Any]:
    return {"path": path, "type": "token" if "!" in who else "user", "ugid": who, "roleid": role}


def judged(*entries: dict[str, Any], tokens: tuple[str, ...] = ("paddock@pve!a",), mine: Belongings = MINE,
           groups: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:  # fmt: skip
    found = Found(entries, {"paddock@pve": tokens}, {"paddock@pve": groups})
    changes, kept = plan(mine, found)
    return [change.what for change in changes], kept


def test_all_of_it_goes_in_an_order_that_can_be_cut_off() -> None:
    gone, kept = judged(row("paddock@pve"), row("paddock@pve!a"))
    assert gone == ["token paddock@pve!a", "user paddock@pve", "role PaddockOperator"]
    assert kept == []


def test_a_second_paddock_with_the_same_user_keeps_all_that_it_needs() -> None:
    both = ("paddock@pve!a", "paddock@pve!b")
    gone, kept = judged(row("paddock@pve"), row("paddock@pve!a"), row("paddock@pve!b"), tokens=both)
    assert gone == ["token paddock@pve!a"]
    assert kept == [
        "user paddock@pve, which has another token: paddock@pve!b",
        "role PaddockOperator, which others hold: paddock@pve, paddock@pve!b",
    ]


def test_a_group_or_another_role_keeps_the_user_and_only_our_role_is_taken_from_it() -> None:
    ours = "role PaddockOperator of paddock@pve"
    gone, kept = judged(row("paddock@pve"), groups=("ops",))
    assert gone == ["token paddock@pve!a", ours, "role PaddockOperator"]
    assert kept == ["user paddock@pve, which is in a group: ops"]
    gone, kept = judged(row("paddock@pve"), row("paddock@pve", "PVEAdmin", "/vms"))
    assert gone == ["token paddock@pve!a", ours, "role PaddockOperator"]
    assert kept == ["user paddock@pve, which was given more: PVEAdmin"]


def test_a_role_that_a_group_holds_stays() -> None:
    gone, kept = judged(row("paddock@pve"), {**row("ops"), "type": "group"})
    assert gone == ["token paddock@pve!a", "user paddock@pve"]
    assert kept == ["role PaddockOperator, which others hold: ops"]


def test_the_commands_say_the_same_for_a_person() -> None:
    assert commands(MINE) == (
        "pveum user token remove paddock@pve a", "pveum user delete paddock@pve", "pveum role delete PaddockOperator",
    )  # fmt: skip
    before = Belongings(("theirs@ldap!a",), (), ("PaddockOperator",), ("theirs@ldap",))
    assert "pveum acl delete / --users theirs@ldap --roles PaddockOperator" in commands(before)
