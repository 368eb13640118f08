"""What an administrator has changed on a node besides its network: names, time, services, subscription."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pvesim.model import Node

#: pve-manager `API2/Services.pm` of 9.2, as the recorded enumeration has them.
SERVICES = (
    "chrony", "corosync", "cron", "ksmtuned", "lxcfs", "postfix", "proxmox-firewall", "pve-cluster",
    "pve-firewall", "pve-ha-crm", "pve-ha-lrm", "pve-lxc-syscalld", "pvedaemon", "pvefw-logger", "pveproxy",
    "pvescheduler", "pvestatd", "qmeventd", "spiceproxy", "sshd", "syslog", "systemd-journald",
    "systemd-timesyncd",
)  # fmt: skip


@dataclass(slots=True)
class HostConfig:
    """None or empty where it still is as the scene has it."""

    search: str | None = None
    servers: list[str] | None = None  # DNS
    timezone: str = "Etc/UTC"
    hosts: str | None = None  # the text of /etc/hosts
    options: dict[str, str] = field(default_factory=dict)  # of the node's config, but its description
    stopped: set[str] = field(default_factory=set)  # services
    subscription: str = ""  # key
    returning: bool = False  # switched off, and about to come up again


def hosts_text(node: Node) -> str:
    """/etc/hosts."""
    if node.host.hosts is not None:
        return node.host.hosts
    lines = ["127.0.0.1 localhost.localdomain localhost"]
    lines += [f"{each.address} {each.fqdn} {each.name}" for each in node.cluster.nodes.values()]
    return "\n".join(lines) + "\n"
