"""The overview on the wire. Sizes in bytes, CPU in cores."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field


class AttentionOut(BaseModel):
    level: str = Field(description="bad · warn · notice")
    code: str = Field(description="What it is, for programs, for example node_offline.")
    title: str
    text: str
    kind: str = Field(description="node · cluster")
    id: str = Field(description="Id of the node or cluster.")
    since: datetime | None


class CapacityOut(BaseModel):
    site_id: str
    site: str
    clusters: list[str]
    nodes_online: int
    nodes: int
    containers_running: int
    containers: int
    vms: int
    cpu_used: float
    cores: int
    memory_used: int
    memory: int
    storage_used: int
    storage: int = Field(description="Own storages that hold guests, and shared ones counted once.")
    old: list[str] = Field(description="Nodes whose figures are too old to be shown as live.")


class JobOut(BaseModel):
    id: str
    label: str
    state: str
    done: int
    total: int
    created_at: datetime


class EventOut(BaseModel):
    at: datetime
    level: str = Field(description="ok · info · warn · bad")
    node_id: str
    node: str
    text: str


class OverviewOut(BaseModel):
    attention: list[AttentionOut] = Field(description="The worst first.")
    sites: list[CapacityOut]
    jobs: list[JobOut] = Field(description="Those that run.")
    events: list[EventOut] = Field(description="The newest.")


class ProcessOut(BaseModel):
    tasks: int = Field(description="Tasks of the event loop.")
    sockets: int
    files: int = Field(description="Open file descriptors, sockets too.")
    threads: int
    memory: int = Field(description="Resident memory in bytes.")
    lag_p50: float = Field(description="How late the event loop was in the last minute, in seconds.")
    lag_p99: float
    lag_most: float
