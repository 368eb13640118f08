"""Whom a connection believes: the policy for one member, and the TLS contexts that carry it out."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from paddock.proxmox.certificates import normal_fingerprint, passes_strict_checks


class TrustMode(StrEnum):
    SYSTEM = "system"  # the CAs of this machine, and `ca_pem` besides where given
    CLUSTER_CA = (
        "cluster_ca"  # this cluster's own CA, and `fingerprint` for a member with its own certificate
    )
    PINNED = "pinned"  # exactly the leaf with `fingerprint`; nobody while there is none
    OFF = "off"  # anybody; open to a man in the middle


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """What is trusted. Raises ValueError where the parts do not make a policy.

    `server_name` replaces the host of the URL in the certificate's name check (port forwarding, NAT).
    """

    mode: TrustMode
    ca_pem: str | None = field(default=None, repr=False)
    fingerprint: str | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if self.fingerprint is not None:
            object.__setattr__(self, "fingerprint", normal_fingerprint(self.fingerprint))
        if self.mode is TrustMode.CLUSTER_CA and not (self.ca_pem or self.fingerprint):
            raise ValueError("trusting a cluster's CA needs that CA, or a fingerprint until it is known")


@dataclass(frozen=True, slots=True)
class Check:
    """One way to accept a peer: `context` verifies, and the leaf must be `fingerprint` where one is given."""

    context: ssl.SSLContext
    fingerprint: str | None = None


def checks(policy: TlsPolicy) -> tuple[Check, ...]:
    """The ways in which a peer may satisfy the policy, in the order to try them. Empty where nobody can."""
    if policy.mode is TrustMode.OFF:
        return (Check(unverified()),)
    if policy.mode is TrustMode.SYSTEM:
        # Apart, so that an old CA of one's own does not soften what is asked of all others.
        own = (Check(_authorities(policy.ca_pem)),) if policy.ca_pem else ()
        return (*own, Check(_system()))
    pin = (Check(unverified(), policy.fingerprint),) if policy.fingerprint else ()
    if policy.mode is TrustMode.PINNED or not policy.ca_pem:
        return pin
    return (Check(_authorities(policy.ca_pem)), *pin)


@lru_cache(maxsize=1)
def unverified() -> ssl.SSLContext:
    """Encrypts and believes anybody: for reading a certificate, and under a pin that is checked before sending."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@lru_cache(maxsize=256)
def _authorities(ca_pem: str) -> ssl.SSLContext:
    """Trusts these CAs alone, intermediate ones too; chain and host name are always checked.

    Strictly, unless one of the CAs was made before Proxmox VE's had what the strict check asks for.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=ca_pem)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if passes_strict_checks(ca_pem):
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    else:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


@lru_cache(maxsize=1)
def _system() -> ssl.SSLContext:
    """The CAs of this machine, checked as strictly under every Python: from 3.13 on it does so by itself."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context
