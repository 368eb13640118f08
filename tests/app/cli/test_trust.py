"""`paddock clusters trust`, `set-trust` and `trust-node`."""

from pathlib import Path
from typing import Any

import pytest

from tests.app.cli.fake import Answer, FakePaddock, Run, Seen, problem

FINGERPRINT = ":".join(f"{n:02X}" for n in range(32))
NEW = ":".join(["CD"] * 32)
CLUSTER = {"id": "k1", "name": "production", "kind": "cluster", "trust_mode": "cluster_ca"}


def certificate(sha256: str) -> dict[str, Any]:
    return {
        "subject": "CN=pve1",
        "issuer": "CN=Proxmox Virtual Environment",
        "names": ["pve1"],
        "not_before": "2026-01-01T00:00:00Z",
        "not_after": "2028-01-01T00:00:00Z",
        "sha256": sha256,
    }


def trust(mode: str = "cluster_ca", refused: str = "") -> dict[str, Any]:
    return {
        "mode": mode,
        "authorities": [certificate(FINGERPRINT)],
        "members": [
            {
                "name": "pve1",
                "address": "192.0.2.11",
                "port": 8006,
                "server_name": "",
                "fingerprint": FINGERPRINT,
                "certificate": certificate(FINGERPRINT),
                "refused": certificate(refused) if refused else None,
                "refused_at": None,
            }
        ],
        "version": 4,
    }


@pytest.fixture(autouse=True)
def _cluster(paddock: FakePaddock) -> None:
    paddock.lists("/clusters", [CLUSTER])
    paddock.get("/clusters/k1/trust", trust())


def sent(paddock: FakePaddock, method: str) -> list[Seen]:
    return [seen for seen in paddock.seen if seen.method == method]


def test_the_trust_of_a_cluster_is_shown_with_what_is_not_believed(
    signed_in: Run, paddock: FakePaddock
) -> None:
    done = signed_in("clusters", "trust", "production")
    assert done.code == 0
    assert "the cluster's own CA" in done.out
    assert "believed" in done.out
    paddock.get("/clusters/k1/trust", trust(refused=NEW))
    done = signed_in("clusters", "trust", "production")
    assert "changed, not believed" in done.out
    assert NEW in done.err
    assert "no credential is sent" in done.err


def test_another_trust_is_sent_with_its_parts(signed_in: Run, paddock: FakePaddock, tmp_path: Path) -> None:
    paddock.routes["PUT", "/clusters/k1/trust"] = Answer(body=trust("system"))
    file = tmp_path / "ca.pem"
    file.write_text("-----BEGIN CERTIFICATE-----")
    done = signed_in(
        *("clusters", "set-trust", "production", "system", "--ca-file", str(file)),
        *("--name", "pve1=pve1.example.org", "--reason", "tonight"),
    )
    assert done.code == 0, done.err
    (seen,) = sent(paddock, "PUT")
    assert seen.body == {
        "mode": "system",
        "ca_pem": "-----BEGIN CERTIFICATE-----",
        "names": {"pve1": "pve1.example.org"},
        "reason": "tonight",
    }


def test_a_test_saves_nothing(signed_in: Run, paddock: FakePaddock) -> None:
    members = [{"name": "pve1", "outcome": "untrusted", "text": "Another authority."}]
    paddock.routes["POST", "/clusters/k1/trust/test"] = Answer(
        body={"mode": "pinned", "sound": False, "authorities": [], "members": members}
    )
    done = signed_in("clusters", "set-trust", "production", "pinned", "--test")
    assert "not believed" in done.out
    assert "Nothing was saved" in done.err
    assert sent(paddock, "PUT") == []


def test_what_has_to_be_compared_is_never_confirmed_without_a_person(
    signed_in: Run, paddock: FakePaddock
) -> None:
    paddock.routes["PUT", "/clusters/k1/trust"] = problem(
        502, "unconfirmed", "Nobody has confirmed it.", certificate=certificate(NEW)
    )
    done = signed_in("clusters", "set-trust", "production", "cluster")
    assert done.code == 1
    assert f"--fingerprint {NEW}" in done.err
    assert len(sent(paddock, "PUT")) == 1
    paddock.get("/clusters/k1/trust", trust(refused=NEW))
    done = signed_in("clusters", "trust-node", "production", "pve1")
    assert done.code == 1
    assert f"--fingerprint {NEW}" in done.err
    assert sent(paddock, "POST") == []


def test_a_node_is_trusted_again_by_its_compared_fingerprint(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.routes["POST", "/clusters/k1/members/pve1/trust"] = Answer(body=trust())
    done = signed_in("clusters", "trust-node", "production", "pve1", "--fingerprint", NEW.lower())
    assert done.code == 0, done.err
    (seen,) = sent(paddock, "POST")
    assert seen.body == {"fingerprint": NEW}


@pytest.mark.parametrize(
    "arguments",
    [
        ("set-trust", "production", "maybe"),
        ("set-trust", "production", "pinned", "--ca-file", "/dev/null"),
        ("set-trust", "production", "system", "--ca-file", "/nowhere/ca.pem"),
        ("set-trust", "production", "system", "--name", "pve1"),
        ("trust-node", "production", "pve1", "--fingerprint", "AA:BB"),
    ],
)
def test_wrong_use_is_told_and_nothing_is_sent(
    signed_in: Run, paddock: FakePaddock, arguments: tuple[str, ...]
) -> None:
    assert signed_in("clusters", *arguments).code == 2
    assert not sent(paddock, "PUT")
    assert not sent(paddock, "POST")


def test_switching_verification_off_is_warned_of(signed_in: Run, paddock: FakePaddock) -> None:
    paddock.routes["PUT", "/clusters/k1/trust"] = Answer(body=trust("off"))
    done = signed_in("clusters", "set-trust", "production", "off")
    assert done.code == 0
    assert "whoever stands between" in done.err
