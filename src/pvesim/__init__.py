"""A simulator of Proxmox VE clusters: HTTPS, tickets, tokens, rights, ageing figures, faults on demand."""

from __future__ import annotations

from pvesim.clock import Clock
from pvesim.demo import demo_scene
from pvesim.estate import Estate
from pvesim.faults import FAULTS, BadTarget, UnknownFault
from pvesim.gate import Received
from pvesim.running import Running, serve
from pvesim.scene import (
    AclScene,
    ClusterScene,
    GuestScene,
    NodeScene,
    SceneError,
    StorageScene,
    TokenScene,
    UserScene,
    read_scene,
    write_scene,
)
from pvesim.settings import Settings

__all__ = [
    "FAULTS",
    "AclScene",
    "BadTarget",
    "Clock",
    "ClusterScene",
    "Estate",
    "GuestScene",
    "NodeScene",
    "Received",
    "Running",
    "SceneError",
    "Settings",
    "StorageScene",
    "TokenScene",
    "UnknownFault",
    "UserScene",
    "demo_scene",
    "read_scene",
    "serve",
    "write_scene",
]
