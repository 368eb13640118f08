"""What Paddock reads from Proxmox VE, as tolerant structs.

Servers differ by version in types (numbers as strings, booleans as 0/1), leave fields out and add others. A
missing field is None, never zero; unknown ones are ignored (`decoding` deals with broken ones).
Sizes are bytes, times seconds, `cpu` a share of `maxcpu` cores (0 to 1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar

from msgspec import Meta, Struct, field

from paddock.proxmox.decoding import TEXT_LIMIT

# Beyond these limits a figure is broken, and a database could not hold it: it is left out as if it were missing.
Size = Annotated[int, Meta(ge=0, le=1 << 60)]
Small = Annotated[int, Meta(ge=0, le=(1 << 31) - 1)]
Vmid = Annotated[int, Meta(ge=1, le=999_999_999)]
Share = Annotated[float, Meta(ge=-1e6, le=1e6)]
Cores = Annotated[float, Meta(ge=0, le=1e6)]
# What the row is about: where one of these is broken, the row counts as unreadable. pve-node is the format of node
# names in Proxmox VE's API.
_NODE_NAME = r"^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\Z"
NodeName = Annotated[str, Meta(max_length=63, pattern=_NODE_NAME)]
# The same without the pattern, which is looked at once per name: there are far fewer names than rows.
ManyNodeName = Annotated[str, Meta(max_length=63)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
# A longer text is cut.
Text = Annotated[str, Meta(max_length=TEXT_LIMIT)]


class Shape(Struct, frozen=True, gc=False):
    """Base of what is read; hyphens on the wire are underscores here.

    A row in which one of the `identifying` fields is broken is not read at all; other fields are left out.
    `checked` are fields that must pass a check besides, made once per value where many rows are read at once.
    """

    identifying: ClassVar[frozenset[str]] = frozenset()
    checked: ClassVar[Mapping[str, Callable[[str], bool]]] = {}


def is_node_name(text: str) -> bool:
    return re.match(_NODE_NAME, text) is not None


class Version(Shape, frozen=True):
    version: Text
    release: Text | None = None
    repoid: Text | None = None


class StatusRow(Shape, frozen=True):
    """A row of /cluster/status: `type` is cluster (absent on a lone host) or node."""

    type: Text
    name: Name
    id: Text | None = None
    nodes: Small | None = None
    quorate: bool | None = None
    version: Small | None = None  # of the corosync configuration
    nodeid: Small | None = None
    ip: str | None = None
    local: bool | None = None
    online: bool | None = None
    level: str | None = None

    def __post_init__(self) -> None:
        if self.type == "node" and (len(self.name) > 63 or not is_node_name(self.name)):
            raise ValueError("this is not the name of a node")


class Resource(Shape, frozen=True):
    """A row of /cluster/resources: node, lxc, qemu, storage, network, sdn or pool."""

    identifying = frozenset({"node", "vmid", "storage"})
    checked: ClassVar[Mapping[str, Callable[[str], bool]]] = {"node": is_node_name}

    type: Text
    id: Text
    node: ManyNodeName | None = None
    status: Text | None = None
    vmid: Vmid | None = None
    name: Text | None = None
    template: bool | None = None
    tags: str | None = None  # joined with semicolons
    lock: Text | None = None
    pool: Text | None = None
    hastate: Text | None = None
    uptime: Size | None = None
    cpu: Share | None = None
    maxcpu: Cores | None = None
    mem: Size | None = None
    maxmem: Size | None = None
    disk: Size | None = None
    maxdisk: Size | None = None
    netin: Size | None = None
    netout: Size | None = None
    diskread: Size | None = None
    diskwrite: Size | None = None
    storage: Name | None = None
    plugintype: Text | None = None
    content: Text | None = None
    shared: bool | None = None
    level: Text | None = None
    network: Text | None = None
    network_type: Text | None = field(default=None, name="network-type")
    cgroup_mode: Small | None = field(default=None, name="cgroup-mode")


class Node(Shape, frozen=True):
    """A row of /nodes; figures only with Sys.Audit, and not while offline."""

    node: NodeName
    status: Text | None = None
    ssl_fingerprint: str | None = None
    uptime: Size | None = None
    cpu: Share | None = None
    maxcpu: Cores | None = None
    mem: Size | None = None
    maxmem: Size | None = None
    disk: Size | None = None
    maxdisk: Size | None = None
    level: Text | None = None


class Amount(Shape, frozen=True):
    total: Size | None = None
    used: Size | None = None
    free: Size | None = None
    avail: Size | None = None
    available: Size | None = None


class CpuInfo(Shape, frozen=True):
    model: str | None = None
    cpus: Small | None = None
    cores: Small | None = None
    sockets: Small | None = None
    mhz: float | None = None


class Kernel(Shape, frozen=True):
    release: str | None = None
    machine: str | None = None


class NodeStatus(Shape, frozen=True):
    pveversion: str | None = None  # pve-manager/9.2.11/…
    kversion: str | None = None
    current_kernel: Kernel | None = field(default=None, name="current-kernel")
    cpuinfo: CpuInfo | None = None
    cpu: Share | None = None
    wait: Share | None = None
    uptime: Size | None = None
    loadavg: tuple[float, ...] = ()
    memory: Amount | None = None
    swap: Amount | None = None
    rootfs: Amount | None = None

    @property
    def version(self) -> str | None:
        """The bare version, 9.2.11."""
        parts = (self.pveversion or "").split("/")
        return parts[1] if len(parts) > 1 else None

    @property
    def kernel(self) -> str | None:
        if self.current_kernel and self.current_kernel.release:
            return self.current_kernel.release
        words = (self.kversion or "").split()
        return words[1] if len(words) > 1 else None


class Interface(Shape, frozen=True):
    """A row of /nodes/N/network."""

    iface: Name
    type: Text | None = None
    active: bool | None = None
    autostart: bool | None = None
    address: str | None = None
    netmask: str | None = None
    cidr: str | None = None
    gateway: str | None = None
    address6: str | None = None
    cidr6: str | None = None
    gateway6: str | None = None
    bridge_ports: str | None = None
    bridge_vlan_aware: bool | None = None
    comments: str | None = None


class NodeStorage(Shape, frozen=True):
    """A row of /nodes/N/storage; also disabled storages and those of other nodes, with enabled or active 0."""

    storage: Name
    type: Text | None = None
    content: Text | None = None
    shared: bool | None = None
    enabled: bool | None = None
    active: bool | None = None
    total: Size | None = None
    used: Size | None = None
    avail: Size | None = None


class NodeTime(Shape, frozen=True):
    """/nodes/N/time: seconds since the epoch; `localtime` is shifted by the zone."""

    time: Size | None = None
    localtime: Size | None = None
    timezone: str | None = None


class NodeCertificate(Shape, frozen=True):
    """A row of /nodes/N/certificates/info: pve-root-ca.pem, pve-ssl.pem, pveproxy-ssl.pem."""

    filename: str
    pem: str | None = None
    fingerprint: str | None = None
    subject: str | None = None
    issuer: str | None = None
    notbefore: Size | None = None
    notafter: Size | None = None
    san: tuple[str, ...] = ()


class Realm(Shape, frozen=True):
    realm: Name
    type: Text | None = None
    comment: Text | None = None
    default: bool | None = None


class LxcAddress(Shape, frozen=True):
    ip_address: str | None = field(default=None, name="ip-address")
    ip_address_type: str | None = field(default=None, name="ip-address-type")
    prefix: Small | None = None


class LxcInterface(Shape, frozen=True):
    """A row of /nodes/N/lxc/V/interfaces, of a running container."""

    name: str
    hwaddr: str | None = None
    inet: str | None = None
    inet6: str | None = None
    ip_addresses: tuple[LxcAddress, ...] = field(default=(), name="ip-addresses")

    @property
    def addresses(self) -> tuple[str, ...]:
        """With prefix, `192.0.2.5/24`; PVE 9 lists all, older ones one of each family."""
        listed = [f"{a.ip_address}/{a.prefix}" for a in self.ip_addresses if a.ip_address]
        return tuple(listed or [a for a in (self.inet, self.inet6) if a])
