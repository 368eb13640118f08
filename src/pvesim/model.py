"""The living estate: clusters, nodes, guests and storages while they are being simulated."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable
from typing import Literal

from pvesim.agenda import Agenda
from pvesim.certificates import Authority, Certificate
from pvesim.chance import chance
from pvesim.clock import Clock
from pvesim.clusterlog import ClusterLog
from pvesim.figures import Pulse, Sample
from pvesim.guest import Guest
from pvesim.highavail import HighAvailability
from pvesim.hostconfig import HostConfig
from pvesim.identity import split_token
from pvesim.identity_scene import played
from pvesim.interfaces import BRIDGES, Kept, Network
from pvesim.layers import Layers
from pvesim.scene import (
    GIB,
    MIB,
    TEMPLATE_SIZE,
    ClusterScene,
    GuestScene,
    NodeScene,
    StorageScene,
)
from pvesim.settings import Settings
from pvesim.tasks import Tasks
from pvesim.tickets import Tickets
from pvesim.trouble import Trouble
from pvesim.versions import Version
from pvesim.volumes import Volume, Volumes, archive_format


class Node:
    """A node of a cluster."""

    def __init__(self, scene: NodeScene, cluster: Cluster, number: int) -> None:
        self.scene = scene
        self.cluster = cluster
        self.name = scene.name
        self.number = number  # corosync's node id
        self.address = scene.address
        self.port = 8006
        self.version = Version.parse(scene.version) if scene.version else cluster.version
        self.cores = scene.cores
        self.memory = int(scene.memory * GIB)
        self.rootfs = int(scene.rootfs * GIB)
        self.pulse = Pulse.of(cluster.seed, f"{cluster.name}/{scene.name}")
        self.booted = cluster.began - (scene.uptime or 86400 * (2 + self.pulse.phase * 5))
        self.guests: dict[int, Guest] = {}
        self.description = f"{scene.description}\n" if scene.description else ""
        self.revision = 0
        self.worker = 1000 + number  # process id of a pvedaemon worker
        self.tasks = Tasks(self)
        self.full_storages: set[str] = set()  # where nothing more fits, by a fault
        self.sample: Sample | None = None
        self.silent_until = 0.0  # when pvestatd goes round for the first time after a boot
        self.host = HostConfig()
        self._network: Network | None = None
        self.still_shown: Certificate | None = None  # until pveproxy is restarted
        self.passwords: dict[str, str] = {}  # of users of the system, where changed on this node
        # trouble, set by faults
        self.trouble = Trouble()
        self._down_since: float | None = None
        self.down_silently = False  # connecting hangs instead of being refused
        self.proxy_down = False  # pveproxy does not listen
        self.backend_down = False  # pvedaemon does not answer: protected calls fail
        self.hung = False  # accepts, never answers
        self.slowness = 0.0  # seconds added to every answer
        self.presented: Certificate | None = None  # shown instead of the own one, unknown to the node
        self.issue = 0  # how often the leaf has been made anew
        self._leaves: dict[tuple[object, ...], Certificate] = {}  # by all that is said in them
        self._custom: Certificate | None = None

    @property
    def url(self) -> str:
        return f"https://{self.address}:{self.port}"

    @property
    def fqdn(self) -> str:
        return f"{self.name}.{self.cluster.scene.domain}"

    @property
    def down_since(self) -> float | None:
        """Since when it has been dead: power or network."""
        return self._down_since

    @down_since.setter
    def down_since(self, at: float | None) -> None:
        self._down_since = at
        self.cluster.tell(None)

    @property
    def down(self) -> bool:
        return self.down_since is not None

    @property
    def listening(self) -> bool:
        return not self.down and not self.proxy_down

    @property
    def leaf(self) -> Certificate:
        """pve-ssl.pem."""
        key = self._leaf_key()
        if key not in self._leaves:
            self._leaves[key] = self.cluster.authority.leaf(self.fqdn, self.names())
        return self._leaves[key]

    def _leaf_key(self) -> tuple[object, ...]:
        return (self.cluster.authority.certificate.pem, self.fqdn, self.address, self.issue)

    @property
    def custom(self) -> Certificate | None:
        """pveproxy-ssl.pem, where the administrator gave the node a certificate of its own."""
        if self._custom is None and self.scene.custom_certificate:
            self._custom = Authority.stranger().leaf(self.fqdn, [self.fqdn, self.address])
        return self._custom

    @custom.setter
    def custom(self, certificate: Certificate | None) -> None:
        self._custom = certificate

    @property
    def certificate(self) -> Certificate:
        """What port 8006 ought to show, and what the cluster reports as `ssl_fingerprint`."""
        return self.custom or self.leaf

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint

    @property
    def shown(self) -> Certificate:
        """What port 8006 really shows."""
        return self.presented or self.still_shown or self.certificate

    def names(self) -> list[str]:
        """Subject alternative names of pve-ssl.pem."""
        names = ["127.0.0.1", "::1", "localhost", self.address, self.name, self.fqdn]
        return list(dict.fromkeys(names))

    def install(self, leaf: Certificate | None, custom: Certificate | None) -> None:
        """Give the node these certificate files; None makes a new leaf, or no custom one."""
        if leaf is None:
            self.issue += 1
        else:
            self._leaves[self._leaf_key()] = leaf
        self._custom = custom

    def now(self) -> float:
        """The time by the node's own clock."""
        return self.cluster.clock.now() + self.trouble.skew

    def online(self, now: float) -> bool:
        """Whether the cluster believes it to be online; a dead node is noticed after some seconds."""
        return self.down_since is None or now - self.down_since < self.cluster.settings.notice_after

    def bridges(self) -> Iterable[str]:
        """Names of the bridges that the node has: those that are applied."""
        if self._network is None:
            return self.scene.bridges
        return [name for name, each in self._network.applied.items() if each["type"] in BRIDGES]

    @property
    def network(self) -> Network:
        """Its interfaces, as configured and as applied."""
        known = self._network
        if known is None or (known.untouched and known.address != self.address):
            known = self._network = Network(self)
        return known

    @property
    def changed_network(self) -> Kept | None:
        """Its interfaces, if anybody has changed them."""
        return self._network.kept() if self._network else None

    @changed_network.setter
    def changed_network(self, kept: Kept | None) -> None:
        self._network = Network.again(kept) if kept else None

    def storages(self) -> Iterable[StorageScene]:
        """Enabled storages that this node has."""
        return (s for s in self.cluster.storages.values() if not s.disabled and self.has(s))

    def has(self, storage: StorageScene) -> bool:
        return not storage.nodes or self.name in storage.nodes

    def changed(self) -> None:
        self.revision += 1


class Cluster:
    """A cluster or a lone host."""

    def __init__(self, scene: ClusterScene, *, seed: int, settings: Settings, clock: Clock) -> None:
        scene.check()
        self.scene = scene
        kept = scene.state or {}
        self.began = float(kept.get("began", clock.now()))
        self.starts = 1  # of the simulator with this cluster
        self.name = scene.name  # in the estate
        self.called = scene.name  # as it calls itself
        self.altered = Layers()  # by faults
        self.seed = seed = int(kept.get("seed", seed))
        self.settings = settings
        self.clock = clock
        self.chance = chance(seed, scene.name)
        self.version = Version.parse(scene.version)
        self.clustered = len(scene.nodes) > 1 if scene.clustered is None else scene.clustered
        self.uuid = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
        self.root_password = scene.root_password or f"sim-{self.chance.getrandbits(48):012x}"
        self.tickets = Tickets(self.chance.randbytes(32))
        self.agenda = Agenda()
        self.ha = HighAvailability()
        self.log = ClusterLog()
        self.jobs: dict[str, dict[str, str | int]] = {}  # replication jobs by id
        self.watchers: list[Callable[[Guest | None], None]] = []
        self.on_power: list[Callable[[Node], None]] = []  # told when a node dies or comes back
        self.no_quorum = False
        self.shared_disks: tuple[float, dict[str, int]] = (0.0, {})  # when, storage → bytes of guests
        self._authority: Authority | None = None
        self.labels: dict[str, str] = {}  # label → token's full id
        self.storages = {storage.name: storage for storage in scene.storages}
        self.pools: dict[str, str] = dict.fromkeys(scene.pools, "")
        self.nodes = {each.name: Node(each, self, n + 1) for n, each in enumerate(scene.nodes)}
        self.guests: dict[int, Guest] = {}
        self.volumes = Volumes()
        self.backup_jobs: dict[str, dict[str, str]] = {}  # id → what the job was made with
        self.options: dict[str, str | int] = {
            "mac_prefix": "BC:24:11",
            "keyboard": "en-us",
            "description": "",
        }
        now = self.began
        for each in scene.guests:
            self.add(Guest(each, self.nodes[each.node], seed, now))
        for node in self.nodes.values():
            self._templates(node)
        self.identity = played(self)
        for node in self.nodes.values():
            if node.scene.offline:
                node.down_since = clock.now() - settings.notice_after - 60

    @property
    def authority(self) -> Authority:
        if self._authority is None:
            self._authority = Authority.create(self.uuid, key_usage=self.scene.ca_key_usage)
        return self._authority

    @authority.setter
    def authority(self, authority: Authority) -> None:
        self._authority = authority

    @property
    def quorate(self) -> bool:
        now = self.clock.now()
        online = sum(node.online(now) for node in self.nodes.values())
        return not self.no_quorum and online * 2 > len(self.nodes)

    def live(self) -> None:
        """Let everything happen that is due by now. To be called before anybody looks."""
        self.agenda.live(self.clock.now())

    def add(self, guest: Guest) -> None:
        self.guests[guest.vmid] = guest
        guest.node.guests[guest.vmid] = guest
        if guest.pool:
            self.pools.setdefault(guest.pool, "")
        guest.node.changed()

    def create(self, scene: GuestScene) -> Guest:
        """A guest appears, as if somebody had just made it."""
        guest = Guest(scene, self.nodes[scene.node], self.seed, self.clock.now())
        guest.started = self.clock.now()
        self.add(guest)
        if guest.pool:
            self.identity.pool_of[f"/vms/{guest.vmid}"] = guest.pool
        self.identity.changed()
        return guest

    def remove(self, vmid: int) -> None:
        """A guest is gone; with it every entry on it, as on Proxmox."""
        guest = self.guests.pop(vmid)
        del guest.node.guests[vmid]
        guest.touch()
        self.identity.acl.pop(f"/vms/{vmid}", None)
        self.identity.pool_of.pop(f"/vms/{vmid}", None)
        self.identity.changed()

    def move(self, vmid: int, node: str) -> None:
        """A guest is on another node now."""
        guest = self.guests[vmid]
        del guest.node.guests[vmid]
        guest.touch()
        guest.node = self.nodes[node]
        guest.node.guests[vmid] = guest
        guest.touch()
        self.tell(guest)

    def tell(self, guest: Guest | None) -> None:
        """A guest has started, stopped or moved; None: a node has died or come back."""
        for watcher in self.watchers:
            watcher(guest)

    def ha_managed(self, guest: Guest) -> bool:
        """Whether the HA stack looks after the guest."""
        return self.ha.manages(guest.vmid)

    def replicated(self, vmid: int) -> str | None:
        """The id of a replication job of the guest."""
        return next((name for name, job in self.jobs.items() if job["guest"] == vmid), None)

    def purge(self, vmid: int) -> list[str]:
        """Take a guest out of everything that names it; returns what the task says about that."""
        self.jobs = {name: job for name, job in self.jobs.items() if job["guest"] != vmid}
        for backup in self.backup_jobs.values():
            if "vmid" in backup:
                backup["vmid"] = ",".join(word for word in backup["vmid"].split(",") if word != str(vmid))
        if not self.ha.forget(vmid):
            return []
        return [f"NOTE: removed CT {vmid} from HA resource configuration."]

    def set_status(self, vmid: int, status: Literal["running", "stopped", "paused"]) -> None:
        """A guest starts or stops."""
        guest = self.guests[vmid]
        guest.status = status
        guest.started = self.clock.now()
        guest.touch()
        self.tell(guest)

    def secret(self, label: str) -> tuple[str, str]:
        """(full token id, secret) of the token with this label."""
        authid = self.labels[label]
        token = self.identity.token(authid)
        return authid, token.secret if token else ""

    def new_secret(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def _templates(self, node: Node) -> None:
        """The files that the scene puts on the node's first storage for templates."""
        storage = next((s for s in node.storages() if "vztmpl" in s.content), None)
        if storage is None:
            return
        for file in node.scene.templates:
            kind = "iso" if file.endswith(".iso") else "vztmpl"
            size = node.scene.template_sizes.get(file, TEMPLATE_SIZE) * MIB
            self.volumes.add(
                Volume(
                    f"{storage.name}:{kind}/{file}",
                    "" if storage.shared else node.name,
                    kind,
                    archive_format(file),
                    size,
                    int(node.booted),
                    used=size,
                    damaged=file in node.scene.damaged_templates,
                )
            )


def user_of(authid: str) -> str:
    """The user behind a user or token id."""
    return split_token(authid)[0]


def digest(text: str) -> str:
    """SHA-1 as Proxmox uses for optimistic locking."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
