"""A reading: two answers of Proxmox, sorted into what each slice wants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from paddock.proxmox.shapes import Resource, StatusRow
from paddock.watch.reading import digest, guests_hidden, members_seen, node_facts, sort

AT = datetime(2026, 11, 23, 3, 12, tzinfo=UTC)
STATUS = [
    StatusRow(type="cluster", name="prod", quorate=True, nodes=2),
    StatusRow(type="node", name="pve1", ip="10.0.0.11", local=True, online=True, nodeid=1),
    StatusRow(type="node", name="pve2", ip="10.0.0.12", local=False, online=False, nodeid=2),
]


def guest(vmid: int, node: str = "pve1", kind: str = "lxc", **changes: Any) -> Resource:
    given = {"status": "running", "name": f"ct{vmid}", "maxmem": 512, "maxcpu": 1.0, "maxdisk": 8, **changes}
    return Resource(type=kind, id=f"{kind}/{vmid}", vmid=vmid, node=node, **given)


PICTURE = [
    Resource(type="node", id="node/pve1", node="pve1", status="online", maxcpu=8, maxmem=64, mem=5, cpu=0.5),
    Resource(type="node", id="node/pve2", node="pve2", status="offline"),
    guest(100),
    guest(101, status="stopped"),
    guest(102, "pve2"),
    guest(200, kind="qemu"),
    guest(900, template=True, status="stopped"),
    Resource(
        type="storage", id="storage/pve1/local", node="pve1", storage="local", status="available",
        content="rootdir,images", plugintype="dir", shared=False, maxdisk=100, disk=7,
    ),
    Resource(type="sdn", id="sdn/pve1/localnetwork", node="pve1"),
    Resource(type="pool", id="/pool/x"),
]  # fmt: skip


def test_guests_are_counted_without_templates() -> None:
    counts = sort(STATUS, PICTURE, AT).counts
    assert (counts["pve1"].containers_running, counts["pve1"].containers_total) == (1, 2)
    assert (counts["pve1"].vms_running, counts["pve1"].vms_total) == (1, 1)
    assert counts["pve2"].containers_total == 1


def test_nothing_runs_on_a_node_that_is_down() -> None:
    facts = node_facts(sort(STATUS, PICTURE, AT), "pve2")
    assert (facts.containers_running, facts.containers_total) == (0, 1)
    assert facts.cores is None, "what is not known is not said"


def test_a_lone_host_has_no_cluster_and_no_quorum() -> None:
    found = sort([StatusRow(type="node", name="bench1", local=True, online=True)], [], AT)
    assert (found.name, found.quorate, found.via) == (None, None, "bench1")


def test_a_chosen_address_beats_the_reported_one_and_a_name_is_better_than_nothing() -> None:
    rows = [*STATUS, StatusRow(type="node", name="pve3", online=True)]
    found = members_seen(sort(rows, [], AT), 8006, {"pve1": "AA"}, {"pve2": "192.0.2.12"})
    assert [(one.name, one.address, one.port, one.fingerprint) for one in found] == [
        ("pve1", "10.0.0.11", 8006, "AA"),
        ("pve2", "192.0.2.12", 8006, ""),
        ("pve3", "pve3", 8006, ""),
    ]


def test_figures_and_order_do_not_change_the_digest() -> None:
    calm = digest(sort(STATUS, PICTURE, AT))
    busy = [
        msgspec.structs.replace(row, mem=999, cpu=0.9, disk=88, uptime=7, netin=5, netout=6)
        for row in PICTURE
    ]
    assert digest(sort(STATUS[::-1], busy[::-1], AT + timedelta(seconds=10))) == calm


def test_the_order_of_a_storages_contents_does_not_change_the_digest() -> None:
    turned = [
        msgspec.structs.replace(row, content="images,rootdir") if row.type == "storage" else row
        for row in PICTURE
    ]
    assert digest(sort(STATUS, turned, AT)) == digest(sort(STATUS, PICTURE, AT))


@pytest.mark.parametrize(
    ("position", "change"),
    [
        (0, {"maxcpu": 16.0}), (0, {"maxmem": 128}),
        (2, {"status": "stopped"}), (2, {"node": "pve2"}), (2, {"name": "renamed"}), (2, {"tags": "a;b"}),
        (2, {"lock": "backup"}), (2, {"pool": "x"}), (2, {"maxmem": 1024}), (2, {"maxcpu": 2.0}),
        (2, {"maxdisk": 9}), (2, {"template": True}), (2, {"vmid": 103}), (5, {"status": "stopped"}),
        (7, {"status": "unknown"}), (7, {"shared": True}), (7, {"content": "iso"}), (7, {"maxdisk": 200}),
    ],
)  # fmt: skip
def test_whatever_is_worth_a_row_changes_the_digest(position: int, change: dict[str, Any]) -> None:
    changed = list(PICTURE)
    changed[position] = msgspec.structs.replace(changed[position], **change)
    assert digest(sort(STATUS, changed, AT)) != digest(sort(STATUS, PICTURE, AT))


@pytest.mark.parametrize(
    ("position", "change"),
    [
        (0, {"quorate": False}),
        (0, {"name": "other"}),
        (1, {"ip": "10.0.0.99"}),
        (2, {"online": True}),
        (1, {"nodeid": 3}),
    ],
)
def test_whatever_the_status_says_of_members_changes_the_digest(
    position: int, change: dict[str, Any]
) -> None:
    changed = list(STATUS)
    changed[position] = msgspec.structs.replace(changed[position], **change)
    assert digest(sort(changed, PICTURE, AT)) != digest(sort(STATUS, PICTURE, AT))


def test_the_same_rows_are_another_reading_once_all_could_be_read() -> None:
    """What was kept because rows could not be read must be looked at again when they can."""
    at = datetime(2026, 11, 23, 3, 12, tzinfo=UTC)
    whole, partly = sort([], [], at), sort([], [], at, unreadable=1)
    assert digest(whole) != digest(partly)
    assert digest(whole) == digest(sort([], [], at))


def test_hidden_guests_come_with_the_path_on_which_a_right_is_missing() -> None:
    sees, narrow = {"VM.Audit": 1}, {"VM.Config.Memory": 1}
    assert guests_hidden("a@pve", {"/": sees, "/vms": sees}) is None
    taken = guests_hidden("a@pve", {})
    shadowed = guests_hidden("a@pve", {"/": sees, "/nodes": sees, "/vms": narrow})
    assert taken
    assert shadowed
    assert "PVEAuditor on /." in taken.hint
    assert "PVEAuditor on /vms" in shadowed.hint
    assert "replaces what it inherits" in shadowed.hint
