"""`paddock nodes import` and `paddock jobs`: trust, review, choice, following, the end."""

import os
import pty
import select
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.app.cli.fake import TOKEN, Answer, Done, FakePaddock, Run, Seen, problem

FINGERPRINT = ":".join(f"{n:02X}" for n in range(32))
OTHER = ":".join(["FF"] * 32)
IMPORT = ("nodes", "import", "--site", "vienna", "--url", "pve1.example.net", "--password-stdin")


def member(name: str, comparison: str = "new", **rest: Any) -> dict[str, Any]:
    return {
        "name": name,
        "address": "192.0.2.11",
        "online": True,
        "version": "9.2.1",
        "cores": 16,
        "memory": 64 * 1024**3,
        "storage": 1024**4,
        "containers": 4,
        "vms": 1,
        "comparison": comparison,
        "changes": [],
        "certificate": "cluster CA",
        "selectable": comparison not in {"vanished", "elsewhere"},
        "preselected": comparison in {"new", "changed"},
        "problem": "",
        **rest,
    }


PREVIEW = {
    "preview_id": "p1",
    "cluster": {"name": "production", "kind": "cluster"},
    "credential": {"name": "root@pam", "can": ["watch"], "cannot": []},
    "members": [
        member("pve1"),
        member("pve2", online=False),
        member("pve3", "changed", changes=["8 cores more"]),
        member("pve4", "known"),
        member("pve9", "elsewhere", changes=["stands in Graz"]),
    ],
    "notes": ["pve2 is offline: it is imported and marked."],
}
LINES = [
    {"at": "1", "level": "ok", "subject": "pve1", "text": "Reachable directly."},
    {"at": "2", "level": "warn", "subject": "pve2", "text": "Known only through pve1: connection refused."},
]


def job(state: str, lines: int = 0, **rest: Any) -> dict[str, Any]:
    return {
        "id": "j1",
        "state": state,
        "done": lines,
        "total": 2,
        "steps": [],
        "lines": LINES[:lines],
        **rest,
    }


@pytest.fixture(autouse=True)
def _cluster(paddock: FakePaddock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster whose certificate only its own CA vouches for, and a job that ends well."""

    def preview(seen: Seen) -> Answer:
        if seen.body["trust"] in (
            {"mode": "off", "fingerprint": None},
            {"mode": "cluster_ca", "fingerprint": FINGERPRINT},
        ):
            return Answer(200, PREVIEW)
        certificate = {
            "subject": "CN=pve1",
            "issuer": "CN=PVE CA",
            "names": ["pve1", "192.0.2.11"],
            "sha256": FINGERPRINT,
        }
        return problem(502, "unconfirmed", "The certificate is not trusted.", certificate=certificate)

    paddock.routes["POST", "/imports/preview"] = preview
    paddock.routes["POST", "/imports"] = Answer(202, {"job_id": "j1"})
    paddock.routes["GET", "/jobs/j1"] = [
        Answer(200, job("queued")),
        Answer(200, job("running", 1)),
        Answer(200, job("done", 2)),
    ]
    monkeypatch.setattr("paddock.terminal.following.PAUSE", 0.001)


def imported(paddock: FakePaddock) -> Any:
    asked = paddock.asked("POST", "/imports")
    return asked[0].body if asked else None


def test_an_import_with_the_fingerprint_runs_to_its_end(signed_in: Run, paddock: FakePaddock) -> None:
    done = signed_in(
        *IMPORT, "--fingerprint", FINGERPRINT.lower().replace(":", ""), "--yes", stdin="secret\n"
    )
    assert done.code == 0, done.err
    asked = paddock.asked("POST", "/imports/preview")[0].body
    assert asked == {
        "site_id": "s1",
        "url": "pve1.example.net",
        "username": "root@pam",
        "password": "secret",
        "trust": {"mode": "cluster_ca", "fingerprint": FINGERPRINT},
    }
    assert imported(paddock) == {"preview_id": "p1", "members": ["pve1", "pve2", "pve3"]}
    assert done.out.splitlines() == [
        "ok  pve1  Reachable directly.",
        "warning  pve2  Known only through pve1: connection refused.",
    ]
    assert "In another site" in done.err
    assert "pve2 is offline" in done.err
    assert "secret" not in done.out + done.err


def test_an_untrusted_certificate_stops_the_import_and_shows_the_way(
    signed_in: Run, paddock: FakePaddock
) -> None:
    done = signed_in(*IMPORT, "--yes", stdin="secret\n")
    assert done.code == 1
    assert f"--fingerprint {FINGERPRINT}" in done.err
    assert "pvenode cert info" in done.err
    assert imported(paddock) is None


def test_another_certificate_than_the_named_one_is_refused(signed_in: Run, paddock: FakePaddock) -> None:
    done = signed_in(*IMPORT, "--fingerprint", OTHER, "--yes", "--json", stdin="secret\n")
    assert done.code == 1
    assert done.problem["code"] == "unconfirmed"
    assert FINGERPRINT in done.problem["detail"]
    assert imported(paddock) is None


def test_without_yes_and_nobody_to_ask_the_review_is_all(signed_in: Run, paddock: FakePaddock) -> None:
    done = signed_in(*IMPORT, "--fingerprint", FINGERPRINT, stdin="secret\n")
    assert done.code == 2
    assert "pve3" in done.err
    assert "Nothing was imported." in done.err
    assert "--yes" in done.err
    assert imported(paddock) is None


def test_json_prints_the_final_job_alone(signed_in: Run) -> None:
    done = signed_in(*IMPORT, "--fingerprint", FINGERPRINT, "--yes", "--json", stdin="secret\n")
    assert done.code == 0
    assert done.json == job("done", 2)
    assert done.err == ""


def test_all_means_the_unchanged_ones_too(signed_in: Run, paddock: FakePaddock) -> None:
    assert signed_in(*IMPORT, "--fingerprint", FINGERPRINT, "--yes", "--all", stdin="x\n").code == 0
    assert imported(paddock)["members"] == ["pve1", "pve2", "pve3", "pve4"]


def test_importing_again_what_is_known_has_nothing_to_do(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.routes["POST", "/imports/preview"] = Answer(
        200, {**PREVIEW, "members": [member("pve1", "known")]}
    )
    done = signed_in(*IMPORT, "--yes", stdin="x\n")
    assert done.code == 0
    assert "Nothing to import" in done.err
    assert imported(paddock) is None


def test_an_expired_certificate_with_the_right_fingerprint_is_told_as_such(
    signed_in: Run, paddock: FakePaddock
) -> None:
    paddock.routes["POST", "/imports/preview"] = problem(
        502, "expired", "The certificate has expired.", certificate={"sha256": FINGERPRINT}
    )
    done = signed_in(*IMPORT, "--fingerprint", FINGERPRINT, "--yes", stdin="x\n")
    assert done.code == 1
    assert "The certificate has expired." in done.err


def test_chosen_members_are_imported_and_no_others(signed_in: Run, paddock: FakePaddock) -> None:
    assert (
        signed_in(*IMPORT, "--fingerprint", FINGERPRINT, "--yes", "--members", "pve3, pve1", stdin="x\n").code
        == 0
    )
    assert imported(paddock)["members"] == ["pve3", "pve1"]


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [("pve1,pve7", 2, "no member pve7"), ("pve9", 1, "pve9: In another site"), (",", 2, "names nobody")],
)
def test_members_that_cannot_be_imported_are_named(
    signed_in: Run, paddock: FakePaddock, members: str, code: int, words: str
) -> None:
    done = signed_in(*IMPORT, "--fingerprint", FINGERPRINT, "--yes", "--members", members, stdin="x\n")
    assert done.code == code
    assert words in done.err
    assert imported(paddock) is None


def test_a_failed_job_ends_with_1_and_its_reason(signed_in: Run, paddock: FakePaddock) -> None:
    error = {"code": "login_refused", "message": "The password was refused.", "hint": "Check it on the node."}
    paddock.get("/jobs/j1", job("failed", 1, error=error))
    done = signed_in("jobs", "follow", "j1")
    assert done.code == 1
    assert "The password was refused." in done.err
    assert "Check it on the node." in done.err
    done = signed_in("jobs", "follow", "j1", "--json")
    assert (done.code, done.json["state"], done.problem["code"]) == (1, "failed", "login_refused")


def test_a_cancelled_job_ends_with_1(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.get("/jobs/j1", job("cancelled"))
    assert signed_in("jobs", "follow", "j1").code == 1


def test_following_outlives_a_restart_of_paddock(signed_in: Run, paddock: FakePaddock) -> None:
    gone = Answer(502, "<html>", "text/html")
    paddock.routes["GET", "/jobs/j1"] = [
        Answer(200, job("running", 1)),
        gone,
        gone,
        Answer(200, job("done", 2)),
    ]
    done = signed_in("jobs", "follow", "j1")
    assert done.code == 0
    assert len(done.out.splitlines()) == 2


def test_a_job_is_cancelled_and_shown(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.routes["POST", "/jobs/j1/cancel"] = Answer(200, job("running"))
    assert signed_in("jobs", "cancel", "j1").code == 0
    paddock.get("/jobs/j1", job("done", 2, label="Import production"))
    done = signed_in("jobs", "show", "j1")
    assert "Import production" in done.out
    assert "Known only through pve1" in done.out


def test_a_token_of_proxmox_signs_in_as_well(
    signed_in: Run, paddock: FakePaddock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PADDOCK_PVE_TOKEN_SECRET", "uuid")
    words = (
        "nodes",
        "import",
        "--site",
        "vienna",
        "--url",
        "x",
        "--token-id",
        "audit@pve!p",
        "--trust",
        "off",
        "--yes",
    )
    done = signed_in(*words)
    assert done.code == 0
    assert "whoever stands between" in done.err
    body = paddock.asked("POST", "/imports/preview")[0].body
    assert (body["token_id"], body["token_secret"]) == ("audit@pve!p", "uuid")
    assert "password" not in body


@pytest.mark.parametrize(
    "wrong",
    [
        ("--fingerprint", "AA:BB"),
        ("--trust", "blindly"),
        ("--trust", "off", "--fingerprint", FINGERPRINT),
        ("--members", "a", "--all"),
        ("--token-id", "a@b!c"),
        ("--token-secret-stdin",),
    ],
)
def test_options_that_make_no_sense_ask_nothing_of_paddock(
    signed_in: Run, paddock: FakePaddock, wrong: tuple[str, ...]
) -> None:
    assert signed_in(*IMPORT, *wrong, stdin="x\n").code == 2
    assert not paddock.asked("POST", "/imports/preview")


def test_an_upstream_refusal_is_told_as_paddock_tells_it(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.routes["POST", "/imports/preview"] = problem(
        502, "login_refused", "pve1 refused the password of root@pam.", hint="Try it on the node."
    )
    done = signed_in(*IMPORT, "--yes", stdin="x\n")
    assert done.code == 1
    assert "pve1 refused the password of root@pam." in done.err


def at_a_terminal(paddock: FakePaddock, home: Path, answers: dict[bytes, bytes], *arguments: str) -> Done:
    """Runs the real command at a pseudo-terminal of its own and types an answer when its question appears."""
    environment = {
        **os.environ,
        "PADDOCK_URL": paddock.url,
        "PADDOCK_TOKEN": TOKEN,
        "XDG_CONFIG_HOME": str(home),
        "COLUMNS": "200",
        "NO_COLOR": "1",
        "TERM": "xterm",
        "PYTHONIOENCODING": "utf-8",
    }
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-m", "paddock", *arguments], environment)
    shown, waiting = b"", dict(answers)
    while select.select([terminal], [], [], 20)[0]:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the command has ended
            break
        if not piece:
            break
        shown += piece
        for question in [q for q in waiting if q in shown]:
            os.write(terminal, waiting.pop(question) + b"\n")
    else:
        os.kill(child, signal.SIGKILL)
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Done(code, shown.decode(), "")


QUESTIONS = {
    b"Password of root@pam: ": b"s3cret",
    b"may this cluster be trusted? [y/N]:": b"y",
    b"Import 3 nodes into Vienna? [y/N]:": b"y",
}


def test_at_a_terminal_a_person_confirms_certificate_and_import(paddock: FakePaddock, home: Path) -> None:
    done = at_a_terminal(paddock, home, QUESTIONS, *IMPORT[:-1])
    assert done.code == 0, done.out
    assert FINGERPRINT in done.out
    assert "pvenode cert info" in done.out
    assert "s3cret" not in done.out
    assert "✓ ok pve1 Reachable directly." in done.out
    assert paddock.asked("POST", "/imports/preview")[-1].body["password"] == "s3cret"
    assert imported(paddock)["members"] == ["pve1", "pve2", "pve3"]


def test_at_a_terminal_a_no_to_the_certificate_imports_nothing(paddock: FakePaddock, home: Path) -> None:
    answers = QUESTIONS | {b"may this cluster be trusted? [y/N]:": b"n"}
    done = at_a_terminal(paddock, home, answers, *IMPORT[:-1])
    assert done.code == 1
    assert "was not confirmed" in done.out
    assert imported(paddock) is None
