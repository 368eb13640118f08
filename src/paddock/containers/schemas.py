"""Containers on the wire. Sizes in bytes, CPU in cores, uptime in seconds."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field


class ContainerOut(BaseModel):
    id: str
    vmid: int
    name: str
    status: str = Field(description="running · stopped · unknown, or what else Proxmox says")
    status_since: datetime
    node_id: str | None = Field(description="null while it lies on a member that is not registered.")
    node: str
    cluster_id: str
    cluster: str
    site_id: str
    site: str
    tags: list[str]
    pool: str
    lock: str
    addresses: list[str]
    ostype: str
    unprivileged: bool | None
    details_error: str = Field(description="Why the configuration could not be read; empty where it could.")
    cores: float
    memory: int
    disk: int
    cpu_used: float | None
    memory_used: int | None
    disk_used: int | None
    uptime: int | None
    figures_at: datetime | None
    figures_stale: bool
