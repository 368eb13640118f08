"""What an estate looks like before anything happens: plain data, readable from and writable to TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from pvesim.chance import chance

GIB = 1024**3
MIB = 1024**2

WATCH_PASSWORD = "watch-only-1"  # noqa: S105 - of the scenes' read-only user
OS_TEMPLATES = ("debian-13-standard_13.1-1_amd64.tar.zst",)
TEMPLATE_SIZE = 124  # MiB
ALL_CONTENT = ("vztmpl", "backup", "images", "iso", "rootdir")


class StorageScene(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A storage of the cluster; sizes in GiB, per node unless shared."""

    name: str
    type: str = "dir"
    content: list[str] = msgspec.field(default_factory=lambda: list(ALL_CONTENT))
    size: float = 100.0
    used: float = 0.0  # GiB besides what the guests' disks take
    shared: bool = False
    nodes: list[str] = []
    disabled: bool = False
    options: dict[str, str] = {}  # path, pool, server, export … as in storage.cfg


class GuestScene(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A container or virtual machine; memory and swap in MiB, disk in GiB."""

    vmid: int
    name: str
    node: str
    kind: Literal["lxc", "qemu"] = "lxc"
    status: Literal["running", "stopped"] = "running"
    cores: int = 1
    memory: int = 512
    swap: int = 512
    disk: float = 8.0
    storage: str = "local"
    bridge: str = "vmbr0"
    ip: str = "dhcp"  # "dhcp", "" for none, or an address with prefix
    gateway: str = ""
    tags: list[str] = []
    template: bool = False
    pool: str = ""
    lock: str = ""
    description: str = ""
    ostype: str = "debian"
    onboot: bool = False
    unprivileged: bool = True
    config: dict[str, str | int] = {}  # further keys of the guest's configuration, as the API sends them
    state: dict[str, Any] | None = None  # what has become of it, in a kept estate


class NodeScene(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A node; memory and root file system in GiB."""

    name: str
    cores: int = 8
    memory: float = 62.6
    rootfs: float = 94.0
    uptime: int = 0  # seconds at start; 0 chooses days
    offline: bool = False
    custom_certificate: bool = False  # has a pveproxy-ssl.pem of another issuer
    description: str = ""  # the node's notes
    address: str = ""  # chosen by the server where empty
    version: str = ""  # the cluster's where empty
    bridges: list[str] = msgspec.field(default_factory=lambda: ["vmbr0"])
    templates: list[str] = msgspec.field(default_factory=lambda: list(OS_TEMPLATES))  # and images
    template_sizes: dict[str, int] = {}  # MiB, where it is not the usual
    qemu: bool = True  # whether QEMU's own files are there
    damaged_templates: list[str] = []  # those of them that cannot be unpacked
    state: dict[str, Any] | None = None  # what has become of it, in a kept estate


class UserScene(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A user; `roles` are granted on `/` with propagation."""

    userid: str
    password: str = ""
    enable: bool = True
    expire: int = 0
    comment: str = ""
    email: str = ""
    groups: list[str] = []
    totp: bool = False  # signing in asks for a second factor
    totp_code: str = "123456"  # the code that passes as such
    roles: list[str] = []


class TokenScene(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An API token. `roles` are granted on `/` to the token itself (for privsep). `label` is how
    tests find it."""

    userid: str
    tokenid: str
    label: str = ""
    secret: str = ""  # made up where empty
    privsep: bool = True
    expire: int = 0
    comment: str = ""
    roles: list[str] = []


class AclScene(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One access control entry; `ugid` is a user, a token (user!id) or, with @ in front, a group."""

    path: str
    ugid: str
    role: str
    propagate: bool = True


def _default_users() -> list[UserScene]:
    return [UserScene(userid="watch@pve", password=WATCH_PASSWORD, comment="read only", roles=["PVEAuditor"])]


def _default_tokens() -> list[TokenScene]:
    return [
        TokenScene(userid="root@pam", tokenid="full", label="full", privsep=False, comment="full rights"),
        TokenScene(userid="watch@pve", tokenid="ro", label="auditor", privsep=False, comment="read only"),
        TokenScene(userid="root@pam", tokenid="sep", label="privsep", comment="separated, no rights"),
    ]


class ClusterScene(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A cluster or a lone host with everything on it."""

    name: str
    nodes: list[NodeScene]
    guests: list[GuestScene] = []
    storages: list[StorageScene] = msgspec.field(default_factory=lambda: [StorageScene(name="local")])
    pools: list[str] = []
    users: list[UserScene] = msgspec.field(default_factory=_default_users)
    groups: list[str] = []
    roles: dict[str, list[str]] = {}
    tokens: list[TokenScene] = msgspec.field(default_factory=_default_tokens)
    acl: list[AclScene] = []
    root_password: str = ""  # made up where empty
    root_email: str = "root@example.org"
    version: str = "9.2.11"
    domain: str = "example.org"
    dns: list[str] = msgspec.field(default_factory=lambda: ["192.168.1.1"])
    clustered: bool | None = None  # None: yes if there is more than one node
    ca_key_usage: bool = True
    state: dict[str, Any] | None = None  # what has become of it, in a kept estate

    @staticmethod
    def simple(
        name: str,
        *,
        nodes: int = 3,
        containers: int = 10,
        vms: int = 0,
        offline: Sequence[str] = (),
        prefix: str = "pve",
        first_vmid: int = 100,
        version: str = "9.2.11",
        seed: int = 1,
    ) -> ClusterScene:
        """A cluster of `nodes` alike (pve1, pve2 …) with its guests spread over them; every tenth is
        stopped. Same arguments, same scene."""
        draw = chance(seed, name)
        members = [
            NodeScene(name=f"{prefix}{n + 1}", offline=f"{prefix}{n + 1}" in offline) for n in range(nodes)
        ]
        guests = [
            GuestScene(
                vmid=first_vmid + n,
                name=f"{'ct' if n < containers else 'vm'}{first_vmid + n}",
                node=members[n % nodes].name,
                kind="lxc" if n < containers else "qemu",
                status="stopped" if n % 10 == 9 else "running",
                cores=draw.choice((1, 1, 2, 2, 4)),
                memory=draw.choice((512, 1024, 2048, 4096)),
                disk=draw.choice((4.0, 8.0, 16.0)),
                ip=f"10.{10 + n // 60000}.{n // 250 % 240}.{n % 250 + 2}/16" if n % 2 else "dhcp",
                tags=["prod"] if n % 3 == 0 else [],
            )
            for n in range(containers + vms)
        ]
        return ClusterScene(name=name, nodes=members, guests=guests, version=version)

    def check(self) -> None:
        """Raise SceneError where the parts do not fit together."""
        names = [node.name for node in self.nodes]
        if not names:
            raise SceneError(f"cluster {self.name!r} has no nodes: give it at least one.")
        if len(set(names)) != len(names):
            raise SceneError(f"cluster {self.name!r} has two nodes of the same name.")
        seen: set[int] = set()
        storages = {storage.name for storage in self.storages}
        if len(storages) != len(self.storages):
            raise SceneError(f"cluster {self.name!r} has two storages of the same name.")
        for guest in self.guests:
            if guest.vmid in seen:
                raise SceneError(f"cluster {self.name!r} has two guests with vmid {guest.vmid}.")
            seen.add(guest.vmid)
            if guest.node not in names:
                raise SceneError(f"guest {guest.vmid} of {self.name!r} is on unknown node {guest.node!r}.")
            if guest.storage not in storages:
                raise SceneError(
                    f"guest {guest.vmid} of {self.name!r} is on unknown storage {guest.storage!r}."
                )


def check_names(cluster: ClusterScene) -> None:
    """Raise SceneError for names that no cluster can have, as somebody has written them; a test may want them
    all the same."""
    if not is_host_name(cluster.name):
        raise SceneError(f"cluster name {cluster.name!r} must be of letters, digits and hyphens, at most 63.")
    for node in cluster.nodes:
        if not is_host_name(node.name):
            raise SceneError(f"node name {node.name!r} must be of letters, digits and hyphens, at most 63.")
        if node.cores < 1 or not 0 < node.memory < 1e9 or not 0 < node.rootfs < 1e9:
            raise SceneError(f"node {node.name!r} must have cores, memory and a root file system.")


class EstateScene(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A scene file: several clusters."""

    clusters: list[ClusterScene]


class SceneError(ValueError):
    """A scene that cannot be played, in a sentence."""


def unlike(clusters: Sequence[ClusterScene]) -> None:
    """Raise SceneError where two clusters have the same name."""
    names = [cluster.name for cluster in clusters]
    for name in names:
        if names.count(name) > 1:
            raise SceneError(f"two clusters are called {name!r}: give each its own name.")


def is_host_name(name: str) -> bool:
    """Whether a node, a cluster or a guest can be called so."""
    return re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", name) is not None


def read_scene(path: Path) -> list[ClusterScene]:
    """Read a scene file: TOML, or JSON by its ending. Raises SceneError with what is wrong and where."""
    try:
        text = path.read_bytes()
        data = msgspec.json.decode(text) if path.suffix == ".json" else tomllib.loads(text.decode())
    except OSError as error:
        raise SceneError(f"cannot read {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, msgspec.DecodeError, UnicodeDecodeError) as error:
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise SceneError(f"{path} is not a {kind} file: {error}.") from error
    try:
        scene = msgspec.convert(data, EstateScene)
    except msgspec.ValidationError as error:
        raise SceneError(f"{path}: {error}.") from error
    for cluster in scene.clusters:
        cluster.check()
        check_names(cluster)
    unlike(scene.clusters)
    return scene.clusters


def write_scene(clusters: Sequence[ClusterScene]) -> str:
    """The scene as TOML, without what equals the defaults."""
    lines: list[str] = []
    for cluster in clusters:
        _table("clusters", cluster, lines)
    return "\n".join(lines).lstrip("\n") + "\n"


def _table(path: str, item: msgspec.Struct, lines: list[str]) -> None:
    lines += ["", f"[[{path}]]"]
    nested: list[tuple[str, list[msgspec.Struct]]] = []
    for field in msgspec.structs.fields(item):
        value = getattr(item, field.name)
        if value is None or (field.default is not msgspec.NODEFAULT and value == field.default):
            continue
        if field.default_factory is not msgspec.NODEFAULT and value == field.default_factory():
            continue
        if isinstance(value, list) and value and isinstance(value[0], msgspec.Struct):
            nested.append((f"{path}.{field.name}", value))
        else:
            lines.append(f"{field.name} = {_value(value)}")
    for name, items in nested:
        for each in items:
            _table(name, each, lines)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        there = ((key, item) for key, item in value.items() if item is not None)
        return "{ " + ", ".join(f"{_value(str(key))} = {_value(item)}" for key, item in there) + " }"
    return msgspec.json.encode(str(value)).decode().replace("\x7f", "\\u007f")
