"""Replication jobs."""

from __future__ import annotations

import pytest

from pvesim.nodelife import power_cut
from tests.pvesim.direct import Direct, container

JOBS = "/cluster/replication"
GIVEN = {"id": "100-0", "type": "local", "target": "pve2"}


def replicated() -> Direct:
    prod = Direct(container(100, storage="zfs"), container(101))
    prod.call("POST", JOBS, **GIVEN, comment="c")
    return prod


def test_a_job_is_made_read_changed_and_listed() -> None:
    prod = replicated()
    job = prod.get(f"{JOBS}/100-0")
    assert (job["guest"], job["jobnum"], job["source"], job["target"]) == (100, 0, "pve1", "pve2")
    prod.call("PUT", f"{JOBS}/100-0", schedule="*/5", digest=job["digest"])
    assert prod.get(JOBS)[0]["schedule"] == "*/5"
    text = prod.refused("PUT", f"{JOBS}/100-0", rate=1, digest=job["digest"])
    assert "detected modified configuration" in text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "replication job '100-0' already exists"),
        ({"id": "999-0"}, "Guest '999' does not exist."),
        ({"target": "pve9"}, "Target 'pve9' does not exist."),
        ({"target": "pve1"}, "Source and target must not be identical"),
        ({"source": "pve3"}, "Source 'pve3' does not match current node of guest '100' (pve1)"),
        ({"id": "101-0"}, "missing replicate feature on volume 'thin:vm-101-disk-0'"),
    ],
)
def test_jobs_that_cannot_be_are_refused(given: dict[str, str], text: str) -> None:
    assert replicated().refused("POST", JOBS, **{**GIVEN, **given}) == text


def test_the_node_tells_when_it_ran() -> None:
    prod = replicated()
    assert prod.get("/nodes/pve1/replication/100-0/status")["last_sync"] == 0
    prod.later(901)
    state = prod.get("/nodes/pve1/replication")[0]
    assert state["fail_count"] == 0
    assert state["last_sync"] == state["last_try"] > 0
    assert state["next_sync"] == state["last_sync"] + 900
    assert prod.get("/nodes/pve2/replication") == []


def test_a_dead_target_makes_it_fail() -> None:
    prod = replicated()
    prod.later(901)
    power_cut(prod.cluster.nodes["pve2"])
    prod.later(1801)
    state = prod.get("/nodes/pve1/replication")[0]
    assert state["fail_count"] == 2
    assert state["last_sync"] < state["last_try"]
    assert "exit code 255" in state["error"]


def test_a_replicated_guest_is_destroyed_with_purge_only() -> None:
    prod = replicated()
    text = "There is a replication job '100-0' for guest '100' - Please remove that first."
    assert prod.refused("DELETE", "/nodes/pve1/lxc/100") == text
    assert prod.task("DELETE", "/nodes/pve1/lxc/100", purge=1).status == "OK"
    assert prod.get(JOBS) == []


def test_deleting_marks_it_and_removes_it_later() -> None:
    prod = replicated()
    prod.call("DELETE", f"{JOBS}/100-0")
    assert prod.get(JOBS)[0]["remove_job"] == "full"
    prod.later(61)
    assert prod.get(JOBS) == []
    assert prod.refused("DELETE", f"{JOBS}/100-0") == "no such job '100-0'"
    assert prod.call("DELETE", f"{JOBS}/100-0", force=1) is None
