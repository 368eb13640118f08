"""How far a first contact came before it failed, step by step, for people. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from paddock.base.errors import PaddockError
from paddock.proxmox.certificates import Certificate
from paddock.proxmox.errors import LoginRefused, NotProxmox, TimedOut, Unreachable, Untrusted

NAME, CONNECTION, CERTIFICATE, ANSWER, SIGN_IN, READING = (
    "Name",
    "Connection",
    "Certificate",
    "Proxmox VE answers",
    "Sign-in",
    "Reading the cluster",
)
STEPS = (NAME, CONNECTION, CERTIFICATE, ANSWER, SIGN_IN, READING)

_BY_CODE = {
    "name_not_found": NAME,
    "forbidden_address": NAME,
    "connection_refused": CONNECTION,
    "connect_timeout": CONNECTION,
    "no_route": CONNECTION,
    "unreachable": CONNECTION,
    "plain_http": CERTIFICATE,
    "tls_failed": CERTIFICATE,
    "two_factor_required": SIGN_IN,
    "ticket_refused": SIGN_IN,
}

OTHER_TRUST = {
    "cluster_ca": "“Verify with a public or own CA” is right where a known CA has signed this certificate. "
    "“Disable TLS Verification” believes anybody: for isolated networks only. "
    "The lasting remedy is a valid certificate on the node.",
    "system": "Proxmox VE's own certificates are signed by the cluster's CA, which this system does not know: choose "
    "“Trust this cluster”. If a CA of your own has signed it, give that CA. Or install certificates of a known CA "
    "on the nodes. "
    "In an isolated network there is “Disable TLS Verification” too.",
    "pinned": "“Trust this cluster” goes along with renewals. "
    "“Disable TLS Verification” believes anybody: for isolated networks only.",
    "off": "",
}


@dataclass(frozen=True, slots=True)
class Step:
    """`state`: passed · failed · skipped."""

    label: str
    state: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A first contact that failed. `credential_kept`: nothing of the sign-in had been sent by then."""

    at: str
    number: int
    message: str
    hint: str
    steps: tuple[Step, ...]
    credential_kept: bool
    shown: Certificate | None = None
    """The certificate that was not trusted."""
    expected: str = ""
    """SHA-256 of the one that had been confirmed before."""
    other_trust: str = ""


def failure(error: PaddockError, trust: str) -> Failure:
    """`trust` is the choice with which it was tried."""
    at = _failed_step(error)
    number = STEPS.index(at)
    states = ("passed",) * number + ("failed",) + ("skipped",) * (len(STEPS) - number - 1)
    if trust == "off" and number > STEPS.index(CERTIFICATE):
        states = tuple(
            "skipped" if label == CERTIFICATE else state for label, state in zip(STEPS, states, strict=True)
        )
    untrusted = error if isinstance(error, Untrusted) else None
    certificate = at == CERTIFICATE and error.code != "plain_http"
    return Failure(
        at=at,
        number=number + 1,
        message=error.message,
        hint=(error.hint or "").strip(),
        steps=tuple(Step(label, state) for label, state in zip(STEPS, states, strict=True)),
        credential_kept=number <= STEPS.index(ANSWER) and error.code != "foreign_certificate",
        shown=untrusted.certificate if untrusted else None,
        expected=(untrusted.expected or "") if untrusted else "",
        other_trust=OTHER_TRUST.get(trust, "") if certificate else "",
    )


def passed(trust: str) -> tuple[Step, ...]:
    """All steps of a contact that went well; without verification the certificate was not looked at."""
    return tuple(
        Step(label, "skipped" if label == CERTIFICATE and trust == "off" else "passed") for label in STEPS
    )


def field_of(error: PaddockError, *, by_token: bool) -> str:
    """The field beside which the failure belongs, or an empty text."""
    at = _failed_step(error)
    if at == SIGN_IN:
        if by_token:
            return "token_id"
        return "username" if error.code == "two_factor_required" else "password"
    return "url" if at in (NAME, CONNECTION) or isinstance(error, NotProxmox) else ""


def _failed_step(error: PaddockError) -> str:
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    if isinstance(error, Untrusted):
        return CERTIFICATE
    if isinstance(error, LoginRefused):
        return SIGN_IN
    if isinstance(error, NotProxmox):
        return ANSWER
    if isinstance(error, Unreachable):
        return CONNECTION
    if isinstance(error, TimedOut):
        return ANSWER
    return READING
