"""Proofs out of certificates and errors, and the taking away of whatever must not be in them. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote

from paddock.base.errors import PaddockError
from paddock.clusters.examination.steps import Diagnosis, Leaf, Line, Step
from paddock.proxmox.address import Endpoint
from paddock.proxmox.certificates import Certificate

LONGEST = 600
"""Signs of one text: what a node sends has no bounds of its own."""
HIDDEN = "[left out]"
_TELLTALE = re.compile(
    r"(?P<before>PVEAPIToken=[^\s=]+[=:]|PVEAuthCookie=|CSRFPreventionToken:\s*)[^\s;,'\"]+"
    r"|PVE(?:TFA)?:[^\s:]+:[0-9A-Fa-f]{8}::[A-Za-z0-9+/=]+",
    re.IGNORECASE,
)
"""Headers and tickets of Proxmox VE, should a server send back what it was sent."""


def leaf_of(certificate: Certificate) -> Leaf:
    return Leaf(
        certificate.sha256,
        certificate.issuer,
        certificate.subject,
        certificate.names[:20],
        certificate.not_before,
        certificate.not_after,
    )


def tls_proof(endpoint: Endpoint, leaf: Certificate, expected: str) -> tuple[Line, ...]:
    lines = [
        Line("Sent", f"TLS ClientHello to {endpoint}, no credential"),
        Line("Seen", f"{leaf.subject}, signed by {'itself' if leaf.self_signed else leaf.issuer}"),
        Line("Valid", f"{leaf.not_before:%Y-%m-%d %H:%M} to {leaf.not_after:%Y-%m-%d %H:%M} UTC"),
        Line("For", ", ".join(leaf.names[:20]) or "no name"),
        Line("SHA-256", leaf.sha256),
    ]
    return (*lines, Line("Expected", expected)) if expected else tuple(lines)


def seen(error: PaddockError, asked: str = "") -> tuple[Line, ...]:
    call = getattr(error, "call", None) or asked
    reason = getattr(error, "reason", "") or error.message
    return ((Line("Sent", call),) if call else ()) + (Line("Seen", reason),)


def without_secrets(text: str, secret: str = "") -> str:
    """Without the secret, in clear or as in a form, and without tickets and tokens of any kind."""
    if len(secret) >= 4:
        for form in {secret, quote(secret, safe=""), quote(secret)}:
            text = text.replace(form, HIDDEN)
    return _TELLTALE.sub(lambda found: (found["before"] or "") + HIDDEN, text)


def tidy(text: str, secret: str = "") -> str:
    """As people and databases can hold it: printable, of bounded length, without secrets."""
    text = "".join(sign if sign.isprintable() else " " for sign in without_secrets(text, secret))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def tidied(diagnosis: Diagnosis, secret: str) -> Diagnosis:
    """All texts that may come from outside, made harmless."""

    def leaf(one: Leaf | None) -> Leaf | None:
        if one is None:
            return None
        names = tuple(tidy(name) for name in one.names)
        return replace(one, issuer=tidy(one.issuer), subject=tidy(one.subject), names=names)

    def step(one: Step) -> Step:
        return replace(
            one,
            text=tidy(one.text, secret),
            proof=tuple(Line(line.label, tidy(line.text, secret)) for line in one.proof),
            shown=leaf(one.shown),
            trusted=leaf(one.trusted),
        )

    return replace(diagnosis, steps=tuple(step(one) for one in diagnosis.steps))
