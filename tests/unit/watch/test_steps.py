from datetime import UTC, datetime

import pytest

from paddock.base.errors import PaddockError, Upstream
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.errors import Forbidden, LoginRefused, NotProxmox, TimedOut, Unreachable, Untrusted
from paddock.watch import steps

LEAF = Certificate(
    "CN=pve1", "CN=ca", (), datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC), "AB", ""
)


@pytest.mark.parametrize(
    ("error", "at", "field", "kept"),
    [
        (Unreachable("x", code="name_not_found"), steps.NAME, "url", True),
        (Unreachable("x", code="connection_refused"), steps.CONNECTION, "url", True),
        (TimedOut("x", code="connect_timeout"), steps.CONNECTION, "url", True),
        (NotProxmox("x", product="plain HTTP", code="plain_http"), steps.CERTIFICATE, "url", True),
        (Untrusted("x", certificate=LEAF, code="host_mismatch"), steps.CERTIFICATE, "", True),
        (Untrusted("x", certificate=LEAF, code="foreign_certificate"), steps.CERTIFICATE, "", False),
        (NotProxmox("x", product="PBS"), steps.ANSWER, "url", True),
        (LoginRefused("x"), steps.SIGN_IN, "password", False),
        (LoginRefused("x", code="two_factor_required"), steps.SIGN_IN, "username", False),
        (Forbidden("x"), steps.READING, "", False),
        (Upstream("x"), steps.READING, "", False),
    ],
)
def test_the_step_that_failed_is_known_and_the_field_it_belongs_to(
    error: PaddockError, at: str, field: str, kept: bool
) -> None:
    found = steps.failure(error, "cluster_ca")
    assert found.at == at
    assert steps.field_of(error, by_token=False) == field
    assert found.credential_kept is kept
    states = [step.state for step in found.steps]
    assert states.count("failed") == 1
    assert states == sorted(states, key=["passed", "failed", "skipped"].index)


def test_other_ways_of_trust_are_offered_for_certificates_only() -> None:
    untrusted = Untrusted("x", certificate=LEAF)
    assert "Trust this cluster" in steps.failure(untrusted, "system").other_trust
    assert "Disable TLS Verification" in steps.failure(untrusted, "cluster_ca").other_trust
    assert steps.failure(LoginRefused("x"), "system").other_trust == ""


def test_a_refused_token_is_told_beside_the_token() -> None:
    assert steps.field_of(LoginRefused("x", code="token_refused"), by_token=True) == "token_id"
