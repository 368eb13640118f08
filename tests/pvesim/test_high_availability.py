"""Managed guests: queued requests, recovery, rules, maintenance."""

from __future__ import annotations

from typing import Any

import pytest

from pvesim.nodelife import boot, maintenance, power_cut
from tests.pvesim.direct import Direct, container

HA = "/cluster/ha"
AT = "/nodes/pve1/lxc/100"


def managed(*more: Any, **options: Any) -> Direct:
    """Container 100 on shared storage, looked after and settled."""
    prod = Direct(container(100, storage="nfs", status="running"), *more)
    prod.call("POST", f"{HA}/resources", sid="ct:100", **options)
    prod.later(30)
    return prod


def service(prod: Direct, sid: str = "ct:100") -> dict[str, Any]:
    rows = prod.get(f"{HA}/status/current")
    return next(row for row in rows if row["id"] == f"service:{sid}")


def types(prod: Direct, node: str) -> list[str]:
    return [task.type for task in reversed(prod.cluster.nodes[node].tasks.all())]


def test_a_new_resource_is_queued_then_started() -> None:
    prod = Direct(container(100, storage="nfs"))
    assert prod.call("POST", f"{HA}/resources", sid="100", comment="web") is None
    assert service(prod)["state"] == "queued"
    prod.later(30)
    assert service(prod)["state"] == "started"
    assert prod.cluster.guests[100].running
    assert types(prod, "pve1") == ["vzstart"]
    assert prod.get(f"{AT}/status/current")["ha"] == {"managed": 1, "state": "started"}


def test_resources_show_how_far_it_has_got() -> None:
    prod = managed()
    rows = {row["id"]: row for row in prod.get("/cluster/resources")}
    assert rows["lxc/100"]["hastate"] == "started"
    assert rows["node/pve2"]["hastate"] == "online"


def test_nothing_says_so_where_nothing_is_managed() -> None:
    prod = Direct(container(100))
    assert not any("hastate" in row for row in prod.get("/cluster/resources"))
    assert prod.get(f"{AT}/status/current")["ha"] == {"managed": 0}


def test_stopping_is_only_queued_and_happens_later() -> None:
    prod = managed()
    task = prod.task("POST", f"{AT}/status/shutdown")
    assert (task.type, task.status) == ("hastop", "OK")
    assert task.log[0] == "Requesting HA stop for CT 100"
    assert prod.cluster.guests[100].running
    prod.later(30)
    assert not prod.cluster.guests[100].running
    assert service(prod)["state"] == "stopped"
    assert "vzshutdown" in types(prod, "pve1")


def test_starting_is_only_queued_and_happens_later() -> None:
    prod = managed(state="stopped")
    assert not prod.cluster.guests[100].running
    assert prod.task("POST", f"{AT}/status/start").type == "hastart"
    prod.later(30)
    assert prod.cluster.guests[100].running


def test_migrating_shuts_it_down_moves_it_and_starts_it_again() -> None:
    prod = managed()
    task = prod.task("POST", f"{AT}/migrate", target="pve2", restart=1)
    assert (task.type, task.status) == ("hamigrate", "OK")
    prod.later(60)
    guest = prod.cluster.guests[100]
    assert (guest.node.name, guest.running, service(prod)["state"]) == ("pve2", True, "started")
    assert types(prod, "pve1")[-2:] == ["vzshutdown", "vzmigrate"]
    assert types(prod, "pve2") == ["vzstart"]


def test_a_move_can_be_asked_of_ha_itself() -> None:
    prod = managed()
    answer = prod.call("POST", f"{HA}/resources/ct:100/migrate", node="pve3")
    assert answer == {"sid": "ct:100", "requested-node": "pve3"}
    prod.later(60)
    assert prod.cluster.guests[100].node.name == "pve3"


def test_a_guest_that_stops_by_itself_is_started_again() -> None:
    prod = managed()
    prod.cluster.set_status(100, "stopped")
    prod.later(30)
    assert prod.cluster.guests[100].running


def test_guests_of_a_dead_node_start_elsewhere_after_two_minutes() -> None:
    prod = managed()
    power_cut(prod.cluster.nodes["pve1"])
    prod.later(90)
    assert prod.cluster.guests[100].node.name == "pve1"
    assert service_of(prod, "pve2")["crm_state"] == "fence"
    prod.later(60)
    guest = prod.cluster.guests[100]
    assert (guest.node.name, guest.running) == ("pve2", True)
    assert service_of(prod, "pve2")["state"] == "started"


def service_of(prod: Direct, via: str) -> dict[str, Any]:
    rows = prod.get(f"{HA}/status/current", via=via)
    return next(row for row in rows if row["type"] == "service")


def test_the_stack_says_that_a_node_is_dead() -> None:
    prod = managed()
    power_cut(prod.cluster.nodes["pve1"])
    prod.later(40)
    rows = {row["id"]: row for row in prod.get(f"{HA}/status/current", via="pve2")}
    assert "(old timestamp - dead?, " in rows["lrm:pve1"]["status"]
    assert rows["master"]["node"] == "pve2"


def test_a_node_that_is_back_in_time_starts_its_guests_itself() -> None:
    prod = managed()
    power_cut(prod.cluster.nodes["pve1"])
    prod.later(40)
    boot(prod.cluster.nodes["pve1"])
    assert not prod.cluster.guests[100].running
    prod.later(40)
    guest = prod.cluster.guests[100]
    assert (guest.node.name, guest.running) == ("pve1", True)


def test_a_guest_with_a_local_disk_ends_in_error_elsewhere() -> None:
    prod = Direct(container(100, storage="thin", status="running"), nodes=3)
    prod.call("POST", f"{HA}/resources", sid="ct:100")
    prod.later(30)
    power_cut(prod.cluster.nodes["pve1"])
    prod.later(400)
    found = service_of(prod, "pve2")
    assert found["state"] == "error"
    text = "service 'ct:100' in error state, must be disabled and fixed first"
    sid = f"{HA}/resources/ct:100"
    assert prod.refused("PUT", sid, via="pve2", state="started") == text
    assert prod.refused("POST", f"{sid}/migrate", via="pve2", node="pve3") == text
    prod.call("PUT", sid, via="pve2", state="disabled")
    prod.later(20)
    assert service_of(prod, "pve2")["state"] == "disabled"


def test_maintenance_moves_guests_away_and_back() -> None:
    prod = managed()
    prod.call(
        "POST", f"{HA}/rules", rule="home", type="node-affinity", resources="ct:100", nodes="pve1:2,pve2:1"
    )
    maintenance(prod.cluster.nodes["pve1"], on=True)
    prod.later(60)
    assert prod.cluster.guests[100].node.name == "pve2"
    rows = {row["id"]: row for row in prod.get(f"{HA}/status/current")}
    assert rows["lrm:pve1"]["status"].startswith("pve1 (maintenance mode, ")
    nodes = {row["node"]: row for row in prod.get("/cluster/resources", type="node")}
    assert nodes["pve1"]["hastate"] == "maintenance"
    maintenance(prod.cluster.nodes["pve1"], on=False)
    prod.later(60)
    assert prod.cluster.guests[100].node.name == "pve1"


def test_maintenance_moves_guests_back_without_any_rule() -> None:
    prod = managed()
    maintenance(prod.cluster.nodes["pve1"], on=True)
    prod.later(60)
    assert prod.cluster.guests[100].node.name != "pve1"
    maintenance(prod.cluster.nodes["pve1"], on=False)
    prod.later(60)
    assert prod.cluster.guests[100].node.name == "pve1"


def test_rules_pull_a_guest_to_its_node() -> None:
    prod = managed()
    prod.call("POST", f"{HA}/rules", rule="rr", type="node-affinity", resources="ct:100", nodes="pve3")
    prod.later(60)
    assert prod.cluster.guests[100].node.name == "pve3"


def test_those_that_must_be_apart_block_each_other() -> None:
    prod = managed(container(101, "pve2", storage="nfs", status="running"))
    prod.call("POST", f"{HA}/resources", sid="ct:101")
    prod.call("POST", f"{HA}/rules", rule="apart", type="resource-affinity", affinity="negative",
              resources="ct:100,ct:101")  # fmt: skip
    prod.later(30)
    blocked = {"blocking-ha-resources": [{"sid": "ct:101", "cause": "resource-affinity"}]}
    answer = prod.get(f"{AT}/migrate")
    assert answer["not-allowed-nodes"] == {"pve2": blocked}
    assert answer["allowed-nodes"] == ["pve3"]
    moved = prod.call("POST", f"{HA}/resources/ct:100/migrate", node="pve2")
    assert moved["blocking-resources"] == blocked["blocking-ha-resources"]
    prod.later(60)
    assert prod.cluster.guests[100].node.name == "pve1"


def test_those_that_belong_together_move_together() -> None:
    prod = managed(container(101, storage="nfs", status="running"))
    prod.call("POST", f"{HA}/resources", sid="ct:101")
    prod.call("POST", f"{HA}/rules", rule="both", type="resource-affinity", affinity="positive",
              resources="ct:100,ct:101")  # fmt: skip
    prod.later(30)
    answer = prod.call("POST", f"{HA}/resources/ct:100/migrate", node="pve2")
    assert answer["comigrated-resources"] == ["ct:101"]
    prod.later(90)
    assert {guest.node.name for guest in prod.cluster.guests.values()} == {"pve2"}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"sid": "ct:100"}, "create resource failed: resource ID 'ct:100' already defined"),
        ({"sid": "ct:999"}, "resource 'ct:999' does not exist in cluster"),
        ({"sid": "vm:100"}, "resource 'vm:100' - guest with ID 100 is not a VM"),
        ({"sid": "999"}, "unable do add resource - VM/CT 999 does not exist"),
        (
            {"sid": "ct:100", "group": "gg"},
            "invalid parameter 'group': ha groups have been migrated to rules",
        ),
    ],
)
def test_resources_that_cannot_be_are_refused(given: dict[str, str], text: str) -> None:
    assert managed().refused("POST", f"{HA}/resources", **given) == text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"type": "node-affinity", "resources": "ct:101", "nodes": "pve1"},
            "create ha rule failed: cannot use unmanaged resource(s) ct:101.",
        ),
        (
            {"type": "node-affinity", "resources": "ct:100", "nodes": "pve9"},
            "create ha rule failed: cannot use non-existant node(s) pve9.",
        ),
        ({"type": "node-affinity", "resources": "ct:100"}, "missing value for required option 'nodes'"),
        (
            {"type": "resource-affinity", "resources": "ct:100", "affinity": "positive"},
            "Rule 'rr' is invalid.",
        ),
    ],
)
def test_rules_that_cannot_be_are_refused(given: dict[str, str], text: str) -> None:
    assert managed(container(101)).refused("POST", f"{HA}/rules", rule="rr", **given) == text


def test_rules_are_read_changed_and_deleted() -> None:
    prod = managed()
    prod.call("POST", f"{HA}/rules", rule="rr", type="node-affinity", resources="ct:100", nodes="pve2,pve1:1")
    row = prod.get(f"{HA}/rules/rr")
    assert (row["rule"], row["nodes"], row["strict"], row["order"]) == ("rr", "pve1:1,pve2", 0, 1)
    prod.call("PUT", f"{HA}/rules/rr", type="node-affinity", nodes="pve1", comment="c", digest=row["digest"])
    assert prod.get(f"{HA}/rules")[0]["comment"] == "c"
    text = prod.refused("PUT", f"{HA}/rules/rr", type="node-affinity", digest=row["digest"])
    assert "detected modified configuration" in text
    prod.call("DELETE", f"{HA}/rules/rr")
    assert prod.get(f"{HA}/rules") == []
    assert prod.refused("GET", f"{HA}/rules/rr") == "no such ha rule 'rr'"


def test_before_nine_there_were_groups() -> None:
    prod = Direct(container(100, storage="nfs", status="running"), version="8.4.1")
    prod.call("POST", f"{HA}/groups", group="gg", nodes="pve2")
    prod.call("POST", f"{HA}/resources", sid="ct:100", group="gg")
    prod.later(60)
    assert prod.cluster.guests[100].node.name == "pve2"
    assert prod.refused("DELETE", f"{HA}/groups/gg") == (
        "delete ha group failed: ha group is used by service 'ct:100'"
    )
    assert prod.call("POST", f"{HA}/resources/ct:100/migrate", node="pve1") is None
    current = prod.get("/nodes/pve2/lxc/100/status/current", via="pve2")
    assert current["ha"]["group"] == "gg"


def test_since_nine_groups_are_gone() -> None:
    text = "cannot index groups: ha groups have been migrated to rules"
    assert Direct().refused("GET", f"{HA}/groups") == text


def test_managed_guests_are_destroyed_with_purge_only() -> None:
    prod = managed(state="stopped")
    text = "unable to remove CT 100 - used in HA resources and purge parameter not set."
    assert prod.refused("DELETE", AT) == text
    task = prod.task("DELETE", AT, purge=1)
    assert "NOTE: removed CT 100 from HA resource configuration." in task.log
    assert prod.get(f"{HA}/resources") == []


def test_a_container_can_be_managed_from_the_beginning() -> None:
    prod = Direct()
    template = "local:vztmpl/debian-13-standard_13.1-1_amd64.tar.zst"
    task = prod.task("POST", "/nodes/pve1/lxc", vmid=300, ostemplate=template, rootfs="local:1",
                     start=1, ha_managed=1)  # fmt: skip
    assert task.status == "OK"
    assert prod.get(f"{HA}/resources/ct:300")["state"] == "started"
    prod.later(30)
    assert prod.cluster.guests[300].running


def test_ignored_guests_are_as_if_not_managed() -> None:
    prod = managed(state="ignored")
    assert prod.task("POST", f"{AT}/status/stop").type == "vzstop"
    assert service(prod)["state"] == "ignored"
    text = prod.refused("POST", f"{HA}/resources/ct:100/migrate", node="pve2")
    assert text == "resource 'ct:100' is not HA managed"


def test_disarmed_the_stack_leaves_guests_alone() -> None:
    prod = managed()
    prod.call("POST", f"{HA}/status/disarm-ha", resource_mode="freeze")
    prod.cluster.set_status(100, "stopped")
    prod.later(60)
    assert not prod.cluster.guests[100].running
    assert prod.get(f"{HA}/status/current")[2]["armed-state"] == "disarmed"
    prod.call("POST", f"{HA}/status/arm-ha")
    prod.later(60)
    assert prod.cluster.guests[100].running


def test_without_quorum_nothing_is_changed() -> None:
    prod = managed()
    prod.cluster.no_quorum = True
    assert prod.refused("POST", f"{HA}/resources", sid="ct:100") == "cluster not ready - no quorum?"
    text = "update resource failed: cfs-lock 'domain-ha' error: no quorum!"
    assert prod.refused("PUT", f"{HA}/resources/ct:100", state="stopped") == text


def test_a_managed_cluster_at_rest_has_nothing_on_its_agenda() -> None:
    assert managed().cluster.agenda.next_at is None
