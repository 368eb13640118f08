"""`paddock nodes create|add|update|remove` and `paddock clusters members|remove`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.cli.fake import NODES, Answer, FakePaddock, Run, problem

CLUSTER = {"id": "c1", "name": "production", "site": "Vienna"}
NODE = NODES[0]
PATH = f"/nodes/{NODE['id']}"
LABEL = f"{NODE['cluster']}/{NODE['name']}"
JOB = {"id": "j1", "state": "done", "lines": [], "steps": [], "label": "Create"}


@pytest.fixture
def ready(paddock: FakePaddock) -> FakePaddock:
    paddock.get(PATH, NODE, ETag='"4"')
    paddock.lists("/clusters", [CLUSTER])
    paddock.get("/jobs/j1", JOB)
    paddock.routes["PATCH", PATH] = Answer(body=NODE)
    paddock.routes["POST", "/nodes"] = Answer(202, {"job_id": "j1"})
    return paddock


def test_update_sends_only_what_was_given_and_the_etag_that_was_read(
    signed_in: Run, ready: FakePaddock
) -> None:
    done = signed_in("nodes", "update", LABEL, "--address", "192.0.2.99")
    assert done.code == 0, done.err
    sent = ready.asked("PATCH", PATH)[0]
    assert sent.body == {"address": "192.0.2.99", "save_anyway": ""}
    assert sent.headers["if-match"] == '"4"'


def test_a_failed_test_shows_its_steps_and_ends_with_1(signed_in: Run, ready: FakePaddock) -> None:
    steps = [{"step": "Name", "state": "passed"}, {"step": "Connection", "state": "failed"}]
    ready.routes["PATCH", PATH] = problem(
        502, "connection_refused", "Nothing was saved: nobody listens.", steps=steps, hint="Look there."
    )
    done = signed_in("nodes", "update", LABEL, "--url", "192.0.2.99")
    assert done.code == 1
    assert "Connection: failed" in done.err
    assert "Nothing was saved" in done.err
    assert signed_in("nodes", "update", LABEL, "--json").problem["steps"] == steps
    signed_in("nodes", "update", LABEL, "--url", "192.0.2.99", "--save-anyway", "moves tonight")
    assert ready.asked("PATCH", PATH)[-1].body["save_anyway"] == "moves tonight"


def test_remove_names_the_active_containers(signed_in: Run, ready: FakePaddock) -> None:
    ready.routes["DELETE", PATH] = problem(
        409, "containers_active", "It cannot be removed.", objections=["104 web-1"], hint="Migrate them."
    )
    done = signed_in("nodes", "remove", LABEL, "--yes")
    assert done.code == 1
    assert "104 web-1" in done.err
    assert "Migrate them." in done.err


def test_remove_confirms_with_the_name_and_tells_how_to_clean_up(signed_in: Run, ready: FakePaddock) -> None:
    body = {
        "names": [NODE["name"]],
        "cluster": "production",
        "cluster_removed": True,
        "clean_up": ["pveum user token remove root@pam paddock"],
    }
    ready.routes["DELETE", PATH] = Answer(body=body)
    refused = signed_in("nodes", "remove", LABEL)
    assert (refused.code, ready.asked("DELETE", PATH)) == (2, [])
    done = signed_in("nodes", "remove", LABEL, "--yes", "--reason", "burnt down")
    assert done.code == 0
    assert ready.asked("DELETE", PATH)[0].query == {"confirm": NODE["name"], "reason": "burnt down"}
    assert "pveum user token remove root@pam paddock" in done.err
    assert signed_in("nodes", "remove", LABEL, "--yes", "--json").json == body


def test_what_refers_to_a_node_is_named_before_its_name_is_asked_for(
    signed_in: Run, ready: FakePaddock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("asking", "removal"):
        monkeypatch.setattr(f"paddock.terminal.{module}.interactive", lambda: True)
    found = {"stopped": [{"vmid": 117, "name": "backup"}], "running_vms": [], "ha": ["rule spread"]}
    ready.get(f"{PATH}/dependents", found)
    done = signed_in("nodes", "remove", LABEL, stdin="another name\n")
    assert (done.code, ready.asked("DELETE", PATH)) == (2, [])
    assert "known to Paddock no longer afterwards: 117 backup" in done.err
    assert "HA refers to it: rule spread" in done.err
    assert "Running VMs" not in done.err
    assert "Nothing was removed" in done.err


def test_create_follows_its_job(signed_in: Run, ready: FakePaddock) -> None:
    line = ("nodes", "create", "pve9", "--site", "vienna", "--url", "pve9:18006", "--address", "192.0.2.19")
    done = signed_in(*line, "--password-stdin", stdin="secret\n")
    assert done.code == 0, done.err
    sent: Any = ready.asked("POST", "/nodes")[0].body
    assert (sent["name"], sent["url"], sent["address"]) == ("pve9", "pve9:18006", "192.0.2.19")
    assert sent["password"] == "secret"
    assert "secret" not in done.out + done.err


def test_a_wrong_name_is_told_with_the_right_one(signed_in: Run, ready: FakePaddock) -> None:
    ready.routes["POST", "/nodes"] = problem(
        422, "name_case", "Proxmox calls it pve9, you typed PVE9.", called="pve9", hint="Take pve9."
    )
    line = ("nodes", "create", "PVE9", "--site", "vienna", "--url", "pve9", "--password-stdin")
    done = signed_in(*line, stdin="secret\n")
    assert done.code == 1
    assert "Take pve9" in done.err
    assert len(ready.asked("POST", "/nodes")) == 1, "there is nobody to ask"


def test_a_member_is_added_or_declined(signed_in: Run, ready: FakePaddock) -> None:
    ready.routes["POST", "/clusters/c1/nodes"] = Answer(202, {"job_id": "j1"})
    ready.routes["POST", "/clusters/c1/members/pve6/decline"] = Answer(204)
    done = signed_in("nodes", "add", "pve6", "--cluster", "production")
    assert done.code == 0, done.err
    assert ready.asked("POST", "/clusters/c1/nodes")[0].body == {"name": "pve6"}
    assert signed_in("nodes", "add", "pve6", "--cluster", "production", "--decline").code == 0


def test_members_and_removal_of_a_cluster(signed_in: Run, ready: FakePaddock) -> None:
    rows = [{"name": "pve6", "address": "192.0.2.16", "port": 8006, "managed": False}]
    ready.get("/clusters/c1/members", rows)
    assert "pve6" in signed_in("clusters", "members", "production").out
    assert signed_in("clusters", "members", "production", "--json").json == rows
    ready.routes["DELETE", "/clusters/c1"] = Answer(body={"names": [], "clean_up": []})
    assert signed_in("clusters", "remove", "production", "--yes").code == 0
    assert ready.asked("DELETE", "/clusters/c1")[0].query == {"confirm": "production"}
