"""Clusters on the wire."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field


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
