"""Nodes on the wire. Sizes in bytes, CPU in cores."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field


class NodeOut(BaseModel):
    id: str
    name: str = Field(description="Exactly as Proxmox writes it; case-sensitive.")
    site_id: str
    site: str
    cluster_id: str
    cluster: str
    status: str = Field(description="online · offline · unreachable · refused · untrusted · unknown")
    status_since: datetime
    status_code: str
    status_reason: str
    address: str
    url: str
    pve_version: str
    kernel: str
    cpu_model: str
    cores: int
    memory: int
    cpu_used: float | None = Field(description="null where nothing fresh is known.")
    memory_used: int | None
    storage_total: int | None = Field(
        description="The node's own storages that hold guests; shared ones not."
    )
    storage_used: int | None
    containers_running: int | None = Field(description="null while the node is down or silent.")
    containers_total: int
    vms_running: int | None
    vms_total: int
    cluster_says: str | None = Field(description="online · offline, null where the cluster says nothing.")
    cluster_says_at: datetime | None
    contact_at: datetime | None = Field(description="When Paddock last tried to reach it itself.")
    contact_ok_at: datetime | None
    contact_problem: str
    last_seen_at: datetime | None
    figures_at: datetime | None
    figures_stale: bool
    certificate_ends: datetime | None
    vanished_at: datetime | None
    version: int


class BridgeOut(BaseModel):
    name: str
    cidr: str
    ports: str
    vlan_aware: bool
    active: bool


class EventOut(BaseModel):
    id: str
    at: datetime
    kind: str
    level: str
    text: str
