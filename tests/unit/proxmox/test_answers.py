from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paddock.proxmox import errors
from paddock.proxmox.answers import Answer, Asked, Proof, from_answer
from tests.conftest import needs

EXCHANGES = Path(__file__).parents[3].parent / "shared/pve/real/exchanges"


def answer(status: int, reason: str, body: object = None) -> Answer:
    return Answer(status, reason, json.dumps(body).encode() if body is not None else b"")


MISSING = "Configuration file 'nodes/pve1/lxc/999.conf' does not exist"


@pytest.mark.parametrize(
    ("given", "proof", "cls", "code"),
    [
        (answer(401, "No ticket"), Proof.NONE, errors.LoginRefused, "sign_in_required"),
        (answer(401, "Authentication failed!"), Proof.TOKEN, errors.LoginRefused, "token_refused"),
        (
            answer(401, "no such token 'x' for user 'root@pam'"),
            Proof.TOKEN,
            errors.LoginRefused,
            "token_refused",
        ),
        (answer(401, "invalid token value!"), Proof.TOKEN, errors.LoginRefused, "token_refused"),
        (answer(401, "Authentication failed!"), Proof.TICKET, errors.LoginRefused, "ticket_refused"),
        (
            answer(401, "permission denied - invalid PVE ticket"),
            Proof.TICKET,
            errors.LoginRefused,
            "ticket_refused",
        ),
        (
            answer(401, "authentication failure", {"data": None, "message": "authentication failure\n"}),
            Proof.LOGIN,
            errors.LoginRefused,
            "password_refused",
        ),
        (answer(403, "Permission check failed (/, Sys.Audit)"), Proof.TOKEN, errors.Forbidden, "forbidden"),
        (
            answer(403, "Permission check failed (user != root@pam)"),
            Proof.TOKEN,
            errors.Forbidden,
            "root_only",
        ),
        (answer(500, MISSING, {"data": None, "message": MISSING + "\n"}), Proof.TOKEN, errors.Gone, "gone"),
        (answer(500, MISSING), Proof.TOKEN, errors.Gone, "gone"),
        (answer(500, "no such cluster node 'nope'"), Proof.TOKEN, errors.Gone, "gone"),
        (
            answer(500, "hostname lookup 'nope' failed - failed to get address info"),
            Proof.TOKEN,
            errors.Gone,
            "gone",
        ),
        (
            answer(400, "Parameter verification failed.", {"errors": {"upid": "no such task"}}),
            Proof.TOKEN,
            errors.Gone,
            "gone",
        ),
        (answer(500, "cluster not ready - no quorum?"), Proof.TOKEN, errors.NoQuorum, "no_quorum"),
        (
            answer(500, "unable to open file '/etc/pve/nodes/pve1/lxc/100.conf.tmp.223' - Permission denied"),
            Proof.TOKEN,
            errors.NoQuorum,
            "no_quorum",
        ),
        (
            answer(500, "create user failed: cfs-lock 'file-user_cfg' error: no quorum!"),
            Proof.TOKEN,
            errors.NoQuorum,
            "no_quorum",
        ),
        (answer(595, "No route to host"), Proof.TOKEN, errors.NodeUnreachable, "node_unreachable"),
        (answer(596, "Connection timed out"), Proof.TOKEN, errors.NodeUnreachable, "node_unreachable"),
        (answer(502, "Bad Gateway"), Proof.TOKEN, errors.Unreachable, "gateway_failed"),
        (answer(302, "Found"), Proof.NONE, errors.NotProxmox, "not_proxmox"),
        (answer(501, "Method 'GET /nope' not implemented"), Proof.TOKEN, errors.Refused, "refused"),
        (answer(500, "CT 101 already running"), Proof.TOKEN, errors.Refused, "refused"),
    ],
)
def test_an_answer_becomes_the_error_it_stands_for(
    given: Answer, proof: Proof, cls: type[Exception], code: str
) -> None:
    error = from_answer(given, proof=proof)
    assert type(error) is cls
    assert error.code == code
    assert error.message


def test_the_refused_privilege_and_path_are_named() -> None:
    error = from_answer(
        answer(403, "Permission check failed (/storage/local, Datastore.Audit|Datastore.AllocateSpace)")
    )
    assert isinstance(error, errors.Forbidden)
    assert (error.path, error.privilege) == ("/storage/local", "Datastore.Audit|Datastore.AllocateSpace")
    assert "Datastore.Audit or Datastore.AllocateSpace on /storage/local" in error.message


def test_refused_parameters_are_named_one_by_one() -> None:
    body = {
        "data": None,
        "errors": {"net0": "invalid format - format error\nnet0.name: property is missing\n", "vmid": "x"},
    }
    error = from_answer(answer(400, "Parameter verification failed.", body))
    assert isinstance(error, errors.Refused)
    assert error.errors["net0"] == "invalid format - format error net0.name: property is missing"
    assert {detail.field for detail in error.details} == {"net0", "vmid"}


def test_a_change_that_a_member_could_not_pass_on_for_sure_may_be_repeated() -> None:
    asked = Asked(changes=True)
    assert isinstance(from_answer(answer(595, "Connection refused"), asked=asked), errors.NodeUnreachable)


@pytest.mark.parametrize("status", [596, 597, 599, 502, 504])
def test_a_change_whose_answer_was_lost_behind_a_member_is_of_unknown_outcome(status: int) -> None:
    assert isinstance(
        from_answer(answer(status, "Broken pipe"), asked=Asked(changes=True)), errors.OutcomeUnknown
    )


def test_a_broken_or_huge_body_does_no_harm() -> None:
    error = from_answer(Answer(500, "", b"{" + b"x" * 100_000))
    assert error.message == "Proxmox VE refused: status 500"
    assert len(from_answer(Answer(500, "y" * 100_000)).message) < 600


def recorded() -> Iterator[dict[str, Any]]:
    for file in sorted(EXCHANGES.glob("*.jsonl")):
        with file.open() as lines:
            for line in lines:
                row = json.loads(line)
                if isinstance(row.get("status"), int) and row["status"] >= 300 and row.get("method") != "RAW":
                    yield row


@pytest.mark.shared
def test_every_recorded_refusal_is_classified() -> None:
    needs(EXCHANGES.is_dir(), "the recorded exchanges (../shared/pve/real)")
    expected: dict[int, tuple[type[Exception], ...]] = {
        401: (errors.LoginRefused,),
        403: (errors.Forbidden,),
        595: (errors.NodeUnreachable,),
        596: (errors.NodeUnreachable, errors.OutcomeUnknown),
    }
    seen = 0
    for row in recorded():
        given = Answer(row["status"], row["reason"] or "", (row["body"] or "").encode())
        asked = Asked(call=f"{row['method']} {row['path']}", changes=row["method"] != "GET")
        error = from_answer(given, proof=Proof.TOKEN, asked=asked)
        assert isinstance(error, expected.get(row["status"], (errors.Refused,))), row
        if "does not exist" in given.reason and "Configuration file" in given.reason:
            assert isinstance(error, errors.Gone)
        if "quorum" in given.reason:
            assert isinstance(error, errors.NoQuorum)
        seen += 1
    assert seen > 300
