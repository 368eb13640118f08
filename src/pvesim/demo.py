"""The estate that `--scene demo` plays: a production cluster, a branch office and a lone test host."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from pvesim.chance import chance
from pvesim.scene import ClusterScene, GuestScene, NodeScene, StorageScene

_PROD_NAMES = [
    "gitlab",
    "gitlab-runner-1",
    "gitlab-runner-2",
    "gitlab-runner-3",
    "metrics",
    "grafana",
    "loki",
    "mail-relay",
    "mailbox",
    "tickets",
    "invoices",
    "crm",
    "wiki",
    "intranet",
    "chat",
    "cloud-files",
    "backup-index",
    "vpn-gate",
    "proxy-1",
    "proxy-2",
    "dns-1",
    "dns-2",
    "dhcp-1",
    "ldap-1",
    "ldap-2",
    "sso",
    "registry",
    "artifacts",
    "npm-cache",
    "apt-cache",
    "pypi-cache",
    "sonar",
    "jenkins-old",
    "postgres-1",
    "postgres-2",
    "postgres-3",
    "redis-1",
    "redis-2",
    "rabbit-1",
    "rabbit-2",
    "search-1",
    "search-2",
    "search-3",
    "shop-web-1",
    "shop-web-2",
    "shop-web-3",
    "shop-api-1",
    "shop-api-2",
    "shop-worker-1",
    "shop-worker-2",
    "shop-staging",
    "blog",
    "forms",
    "survey",
    "newsletter",
    "analytics",
    "tracker",
    "calendar",
    "printserver",
    "scanner-inbox",
    "time-sheets",
    "payroll",
    "archive",
    "documents",
    "signing",
    "booking",
    "phonebook",
    "status-page",
    "uptime-probe",
    "syslog-1",
    "syslog-2",
    "ansible",
    "inventory",
    "netbox",
    "radius-1",
    "radius-2",
    "unifi",
    "camera-store",
    "dev-anna",
    "dev-bob",
    "dev-chris",
]
_EDGE_NAMES = [
    "edge-proxy-1",
    "edge-proxy-2",
    "edge-dns-1",
    "edge-dns-2",
    "edge-dhcp",
    "edge-cache",
    "files-branch",
    "print-branch",
    "voip-1",
    "voip-2",
    "door-access",
    "heating",
    "solar-log",
    "cameras-1",
    "cameras-2",
    "till-1",
    "till-2",
    "till-3",
    "till-sync",
    "stock",
    "labels",
    "kiosk-1",
    "kiosk-2",
    "kiosk-3",
    "signage",
    "guest-wifi",
    "radius-edge",
    "syslog-edge",
    "metrics-edge",
    "backup-edge",
    "vpn-edge",
    "time-clock",
    "sensors",
    "mqtt",
]
_BENCH_NAMES = ["try-debian", "try-alpine", "ci-sandbox", "load-gen", "pbs-mirror", "lab-notes"]
_TAGS: tuple[list[str], ...] = (["prod"], ["prod", "web"], ["prod", "db"], ["staging"], ["infra"], [])


def demo_scene(seed: int = 1) -> list[ClusterScene]:
    """Three clusters, nine nodes, about 120 containers; the same for the same seed."""
    return [_prod(chance(seed, "prod")), _edge(chance(seed, "edge")), _bench(chance(seed, "bench"))]


def _prod(draw: random.Random) -> ClusterScene:
    nodes = [
        NodeScene(
            name=f"pve{n}",
            cores=32,
            memory=251.6,
            rootfs=93.9,
            offline=n == 3,
            custom_certificate=n == 4,
            bridges=["vmbr0", "vmbr1"],
            templates=[
                "debian-13-standard_13.1-1_amd64.tar.zst",
                "ubuntu-24.04-standard_24.04-2_amd64.tar.zst",
            ],
        )
        for n in range(1, 6)
    ]
    guests = list(
        _containers(_PROD_NAMES, nodes, draw, first=101, subnet="10.20.0", storages=("tank", "nas1"))
    )
    guests += [
        GuestScene(
            vmid=900,
            name="template-debian-13",
            node="pve1",
            status="stopped",
            template=True,
            storage="tank",
            memory=512,
            tags=["template"],
        ),
        GuestScene(
            vmid=901,
            name="template-ubuntu-2404",
            node="pve2",
            kind="qemu",
            status="stopped",
            template=True,
            storage="nas1",
            memory=2048,
            cores=2,
            disk=16,
            ostype="l26",
            tags=["template"],
        ),
        *_machines(
            [
                (300, "win-terminal", "pve1"),
                (301, "win-dc", "pve2"),
                (302, "erp", "pve4"),
                (303, "firewall", "pve5"),
            ]
        ),
    ]
    return ClusterScene(
        name="prod",
        nodes=nodes,
        guests=guests,
        storages=[
            StorageScene(
                name="local",
                content=["vztmpl", "iso", "backup"],
                size=93.9,
                used=11.2,
                options={"path": "/var/lib/vz"},
            ),
            StorageScene(
                name="tank",
                type="zfspool",
                content=["images", "rootdir"],
                size=3584.0,
                used=190.0,
                options={"pool": "tank", "sparse": "1"},
            ),
            StorageScene(
                name="nas1",
                type="nfs",
                content=["images", "rootdir", "backup", "iso", "vztmpl"],
                size=11000.0,
                used=4210.0,
                shared=True,
                options={"server": "10.20.0.5", "export": "/volume1/pve", "path": "/mnt/pve/nas1"},
            ),
        ],
        domain="prod.example.org",
        dns=["10.20.0.2", "10.20.0.3"],
    )


def _edge(draw: random.Random) -> ClusterScene:
    nodes = [NodeScene(name=f"edge{n}", cores=16, memory=125.7, rootfs=93.9) for n in range(1, 4)]
    return ClusterScene(
        name="edge",
        nodes=nodes,
        guests=list(
            _containers(_EDGE_NAMES, nodes, draw, first=100, subnet="10.40.7", storages=("local-lvm",))
        ),
        storages=[
            StorageScene(
                name="local",
                content=["vztmpl", "iso", "backup"],
                size=93.9,
                used=8.4,
                options={"path": "/var/lib/vz"},
            ),
            StorageScene(
                name="local-lvm",
                type="lvmthin",
                content=["images", "rootdir"],
                size=794.0,
                used=21.0,
                options={"vgname": "pve", "thinpool": "data"},
            ),
        ],
        domain="edge.example.org",
        dns=["10.40.7.2"],
    )


def _bench(draw: random.Random) -> ClusterScene:
    nodes = [NodeScene(name="bench1", cores=8, memory=62.6, rootfs=440.0)]
    guests = list(_containers(_BENCH_NAMES, nodes, draw, first=100, subnet="10.99.0", storages=("local",)))
    guests += _machines(
        [(200, "haos", "bench1"), (201, "nextcloud-vm", "bench1"), (202, "win11-test", "bench1")], "local"
    )
    return ClusterScene(
        name="bench1",
        nodes=nodes,
        guests=guests,
        storages=[StorageScene(name="local", size=440.0, used=37.0, options={"path": "/var/lib/vz"})],
        version="8.4.14",
        domain="lab.example.org",
    )


def _containers(
    names: Sequence[str],
    nodes: Sequence[NodeScene],
    draw: random.Random,
    *,
    first: int,
    subnet: str,
    storages: Sequence[str],
) -> Iterable[GuestScene]:
    for number, name in enumerate(names):
        yield GuestScene(
            vmid=first + number,
            name=name,
            node=nodes[number % len(nodes)].name,
            status="stopped"
            if name.startswith(("jenkins-old", "dev-", "try-", "kiosk-3")) or number % 17 == 16
            else "running",
            cores=draw.choice((1, 2, 2, 4, 4, 8)),
            memory=draw.choice((512, 1024, 2048, 2048, 4096, 8192)),
            disk=draw.choice((4.0, 8.0, 8.0, 16.0, 32.0, 64.0)),
            storage=draw.choice(storages),
            ip=f"{subnet}.{20 + number}/24" if draw.random() < 0.7 else "dhcp",
            gateway=f"{subnet}.1",
            tags=draw.choice(_TAGS),
            onboot=draw.random() < 0.8,
            description=f"{name}: see the wiki" if number % 6 == 0 else "",
        )


def _machines(machines: Sequence[tuple[int, str, str]], storage: str = "nas1") -> list[GuestScene]:
    return [
        GuestScene(
            vmid=vmid,
            name=name,
            node=node,
            kind="qemu",
            cores=4,
            memory=8192,
            disk=64.0,
            storage=storage,
            ostype="win11" if name.startswith("win") else "l26",
            ip="",
            onboot=True,
        )
        for vmid, name, node in machines
    ]
