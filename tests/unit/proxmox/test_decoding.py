from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from paddock.proxmox.decoding import decode, decode_rows
from paddock.proxmox.shapes import (
    Interface,
    LxcInterface,
    Node,
    NodeCertificate,
    NodeStatus,
    NodeStorage,
    Realm,
    Resource,
    StatusRow,
    Version,
)
from tests.conftest import needs

RECORDED = Path(__file__).parents[3].parent / "shared/pve/recorded"


def body(data: object) -> bytes:
    return json.dumps({"data": data}).encode()


def test_numbers_may_be_texts_and_booleans_numbers() -> None:
    row = {
        "type": "lxc",
        "id": "lxc/101",
        "vmid": "101",
        "template": "1",
        "cpu": "0.5",
        "maxmem": "1024",
        "shared": 0,
    }
    found = decode_rows(body([row]), Resource).items[0]
    assert (found.vmid, found.template, found.cpu, found.maxmem, found.shared) == (
        101,
        True,
        0.5,
        1024,
        False,
    )


def test_a_missing_field_is_unknown_and_not_zero() -> None:
    found = decode_rows(
        body([{"type": "lxc", "id": "lxc/1", "node": "a", "vmid": 1, "status": "unknown"}]), Resource
    )
    assert found.items[0].maxmem is None
    assert found.items[0].name is None


def test_a_broken_row_is_counted_and_the_others_are_kept() -> None:
    good = {"type": "node", "id": "node/a", "node": "a"}
    found = decode_rows(body([good, {"type": "node"}, None, "x", {**good, "id": "node/b"}]), Resource)
    assert [row.id for row in found.items] == ["node/a", "node/b"]
    assert found.unreadable == 3


def test_a_broken_field_does_not_lose_its_row() -> None:
    rows = [
        {"type": "lxc", "id": "lxc/1", "vmid": 1, "name": 4711, "mem": "much", "cpu": None, "tags": {"a": 1}}
    ]
    found = decode_rows(body(rows), Resource)
    assert found.unreadable == 0
    assert (found.items[0].name, found.items[0].mem, found.items[0].tags) == ("4711", None, None)


def test_no_list_at_all_is_an_error_but_null_is_an_empty_list() -> None:
    assert decode_rows(body(None), Resource).items == []
    with pytest.raises(msgspec.DecodeError):
        decode_rows(body({"a": 1}), Resource)
    with pytest.raises(msgspec.DecodeError):
        decode_rows(b"<html>", Resource)


def test_loads_come_as_texts() -> None:
    found = decode(
        body(
            {
                "loadavg": ["0.05", "0.30", "0.50"],
                "pveversion": "pve-manager/9.2.11/3f5c",
                "cpuinfo": {"mhz": "2596.1"},
            }
        ),
        NodeStatus,
    )
    assert found.loadavg == (0.05, 0.3, 0.5)
    assert found.version == "9.2.11"
    assert found.cpuinfo is not None
    assert found.cpuinfo.mhz == 2596.1


def test_the_kernel_is_found_in_old_and_new_answers() -> None:
    old = decode(body({"kversion": "Linux 5.15.108-1-pve #1 SMP PVE 5.15"}), NodeStatus)
    new = decode(body({"current-kernel": {"release": "6.18.44"}, "kversion": "Linux 6.18.44 #1"}), NodeStatus)
    assert (old.kernel, new.kernel) == ("5.15.108-1-pve", "6.18.44")


def test_a_part_of_the_wrong_kind_does_not_lose_the_whole() -> None:
    found = decode(body({"uptime": 5, "cpuinfo": "none", "loadavg": None}), NodeStatus)
    assert (found.uptime, found.cpuinfo, found.loadavg) == (5, None, ())


def test_addresses_of_a_container_come_from_the_list_or_the_old_fields() -> None:
    new = {
        "name": "eth0",
        "inet": "192.0.2.5/24",
        "ip-addresses": [{"ip-address": "192.0.2.5", "prefix": 24}],
    }
    old = {"name": "eth0", "hwaddr": "bc:24:11:00:00:01", "inet": "192.0.2.5/24", "inet6": "fe80::1/64"}
    found = decode_rows(body([new, old]), LxcInterface).items
    assert found[0].addresses == ("192.0.2.5/24",)
    assert found[1].addresses == ("192.0.2.5/24", "fe80::1/64")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("DataDog+integrations-core/GET_cluster_resources.json", Resource),
        ("luthermonson+go-proxmox/pve9_GET_cluster_resources__2.json", Resource),
        ("luthermonson+go-proxmox/pve9_GET_nodes.json", Node),
    ],
)
def test_recorded_lists_are_read_without_loss(file: str, kind: type[msgspec.Struct]) -> None:
    raw = _recorded(file)
    found = decode_rows(raw, kind)
    assert found.unreadable == 0
    assert len(found.items) == len(json.loads(raw)["data"])


@pytest.mark.shared
def test_recorded_objects_are_read() -> None:
    status = decode(_recorded("luthermonson+go-proxmox/pve7_GET_nodes_node1_status.json"), NodeStatus)
    assert status.version == "7.4-16"
    assert status.cpuinfo is not None
    assert status.cpuinfo.cpus == 8
    assert decode(_recorded("DataDog+integrations-core/GET_version.json"), Version).version.startswith("8.4")


def test_the_status_of_a_lone_host_has_no_cluster_row() -> None:
    rows = decode_rows(
        body([{"name": "pve1", "nodeid": 0, "local": 1, "online": 1, "type": "node", "ip": "192.0.2.1"}]),
        StatusRow,
    )
    assert rows.items[0].local is True
    assert rows.items[0].quorate is None


READS: dict[str, Any] = {
    r"/version": Version,
    r"/cluster/status": StatusRow,
    r"/cluster/resources(\?type=\w+)?": Resource,
    r"/nodes": Node,
    r"/nodes/pve\d/status": NodeStatus,
    r"/nodes/pve\d/network": Interface,
    r"/nodes/pve\d/storage": NodeStorage,
    r"/nodes/pve\d/certificates/info": NodeCertificate,
    r"/nodes/pve\d/lxc/\d+/interfaces": LxcInterface,
    r"/access/domains": Realm,
}


@pytest.mark.shared
def test_every_recorded_answer_to_our_reads_is_read_at_once() -> None:
    exchanges = RECORDED.parent / "real/exchanges"
    if not exchanges.is_dir():
        _missing()
    seen = set()
    for file in exchanges.glob("*.jsonl"):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            if row.get("status") != 200 or row.get("method") != "GET":
                continue
            path = row["path"].removeprefix("/api2/json")
            kind = next((kind for pattern, kind in READS.items() if re.fullmatch(pattern, path)), None)
            if kind is None:
                continue
            data = json.loads(row["body"])["data"]
            if data is None:  # interfaces of a stopped container
                assert decode_rows(row["body"].encode(), kind).items == []
                continue
            msgspec.convert(data, list[kind] if isinstance(data, list) else kind, strict=False)  # type: ignore[valid-type]
            seen.add(kind)
    assert len(seen) >= 9


def _missing() -> None:
    needs(False, "the recorded answers (../shared/pve)")


def _recorded(file: str) -> bytes:
    path = RECORDED / file
    if not path.exists():
        _missing()
    return path.read_bytes()


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (Node, {"node": "n" * 64}),
        (Node, {"node": "pve1/../x"}),
        (Node, {"node": "-pve"}),
        (Node, {"node": "pve1\n"}),
        (StatusRow, {"type": "node", "name": "pve 1"}),
        (StatusRow, {"type": "cluster", "name": "c" * 101}),
        (NodeStorage, {"storage": "s" * 101}),
        (Resource, {"type": "node", "id": "node/x", "node": "../x"}),
        (Resource, {"type": "storage", "id": "storage/a/b", "node": "a", "storage": "s" * 101}),
        (Resource, {"type": "lxc", "id": "lxc/0", "node": "a", "vmid": 0}),
        (Resource, {"type": "lxc", "id": "lxc/1", "node": "a", "vmid": 1_000_000_000}),
    ],
)
def test_a_row_with_an_impossible_name_or_number_is_unreadable(kind: type[Any], row: dict[str, Any]) -> None:
    found = decode_rows(body([row]), kind)
    assert (found.items, found.unreadable) == ([], 1)


def test_names_that_proxmox_gives_are_read() -> None:
    good = [{"type": "node", "id": f"node/{name}", "node": name} for name in ("a", "pve-01", "0", "n" * 63)]
    assert [row.node for row in decode_rows(body(good), Resource).items] == ["a", "pve-01", "0", "n" * 63]
    assert decode_rows(body([{"type": "cluster", "name": "my_cluster.x"}]), StatusRow).unreadable == 0


def test_a_text_that_is_too_long_is_cut() -> None:
    row = {"type": "storage", "id": "storage/a/b", "node": "a", "storage": "b", "content": "iso," * 1000}
    (found,) = decode_rows(body([row]), Resource).items
    assert found.content == ("iso," * 1000)[:255]
