"""Clusters on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from paddock.proxmox.certificates import Certificate


class ClusterOut(BaseModel):
    id: str
    name: str
    kind: str = Field(description="cluster · standalone")
    site_id: str
    site: str
    quorate: bool | None = Field(description="null for a lone host.")
    trust_mode: str = Field(description="system · cluster_ca · pinned · off")
    ca_fingerprint: str | None = Field(description="SHA-256 of the cluster's root CA.")
    credential_kind: str = Field(description="password · token")
    credential_name: str
    trouble: str = Field(
        description="Code of the error that keeps Paddock from reading it; empty when all is well."
    )
    trouble_text: str
    trouble_since: datetime | None
    nodes: int
    version: int
    created_at: datetime
    updated_at: datetime


class CertificateOut(BaseModel):
    subject: str
    issuer: str
    names: list[str]
    not_before: datetime
    not_after: datetime
    sha256: str

    @classmethod
    def of(cls, found: Certificate) -> CertificateOut:
        return cls(
            subject=found.subject,
            issuer=found.issuer,
            names=list(found.names),
            not_before=found.not_before,
            not_after=found.not_after,
            sha256=found.sha256,
        )


class MemberTrustOut(BaseModel):
    """How one member is believed."""

    name: str
    address: str
    port: int
    server_name: str = Field(
        description="Name that its certificate is checked for; empty where that is the address."
    )
    fingerprint: str = Field(
        description="SHA-256 that the cluster reports; under `pinned` the only one believed."
    )
    certificate: CertificateOut | None = Field(description="What it has last shown and was believed.")
    refused: CertificateOut | None = Field(description="What it shows instead and is not believed.")
    refused_at: datetime | None


class ClusterTrustOut(BaseModel):
    """Whom Paddock believes of a cluster."""

    mode: str = Field(description="system · cluster_ca · pinned · off")
    authorities: list[CertificateOut] = Field(
        description="The cluster's CA, or the CAs given besides the system's."
    )
    members: list[MemberTrustOut]
    version: int


class ClusterTrustIn(BaseModel):
    """Another trust. The change is tried on every member before it is saved."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["system", "cluster_ca", "pinned", "off"]
    fingerprint: str | None = Field(
        default=None,
        description="`cluster_ca`, `pinned`: SHA-256 of the certificate of any member, compared with "
        "`pvenode cert info` on it. Needed where the present trust does not cover the members.",
    )
    ca_pem: str = Field(
        default="", description="`system`: CA certificates (PEM) that are believed besides the system's."
    )
    names: dict[str, str] = Field(
        default_factory=dict,
        description="`system`: by member the name that its certificate is for, where that is not its address.",
    )
    reason: str = Field(default="", description="Saves it although the test fails; written to the audit.")


class MemberTrialOut(BaseModel):
    name: str
    address: str
    outcome: str = Field(description="trusted · untrusted · unreachable")
    code: str
    text: str
    certificate: CertificateOut | None


class TrustTrialOut(BaseModel):
    """What a change of trust would be; nothing was written."""

    mode: str
    sound: bool = Field(description="Whether it can be saved without a reason.")
    authorities: list[CertificateOut]
    members: list[MemberTrialOut]


class MemberTrustIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fingerprint: str = Field(
        description="SHA-256 of the certificate that it shows now, compared with `pvenode cert info` on it."
    )
