"""The living estate: clusters, nodes, guests and storages while they are being simulated."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from pvesim.agenda import Agenda
from pvesim.certificates import Authority, Certificate
from pvesim.chance import chance
from pvesim.clock import Clock
from pvesim.figures import Pulse, Sample
from pvesim.guest import Guest
from pvesim.highavail import HighAvailability
from pvesim.identity import Group, Identity, Token, User, split_token
from pvesim.scene import (
    GIB,
    MIB,
    TEMPLATE_SIZE,
    ClusterScene,
    GuestScene,
    NodeScene,
    StorageScene,
    TokenScene,
)
from pvesim.settings import Settings
from pvesim.spoiling import Spoiler
from pvesim.tasks import Tasks
from pvesim.tickets import Tickets
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
        self.booted = cluster.clock.now() - (scene.uptime or 86400 * (2 + self.pulse.phase * 5))
        self.guests: dict[int, Guest] = {}
        self.description = f"{scene.description}\n" if scene.description else ""
        self.revision = 0
        self.worker = 1000 + number  # process id of a pvedaemon worker
        self.tasks = Tasks(self)
        self.full_storages: set[str] = set()  # where nothing more fits, by a fault
        self.sample: Sample | None = None
        # trouble, set by faults
        self.down_since: float | None = None  # dead: power or network
        self.down_silently = False  # connecting hangs instead of being refused
        self.proxy_down = False  # pveproxy does not listen
        self.backend_down = False  # pvedaemon does not answer: protected calls fail
        self.hung = False  # accepts, never answers
        self.spoilers: list[Spoiler] = []  # what happens to answers on their way
        self.hung_storage = ""
        self.pam: dict[str, str] = {}  # passwords of @pam users that were changed on this node alone
        self.stopped_services: set[str] = set()
        self.skew = 0.0  # seconds by which its clock is ahead
        self.slowness = 0.0  # seconds added to every answer
        self.presented: Certificate | None = None  # shown instead of the own one, unknown to the node
        self._leaf: Certificate | None = None
        self._custom: Certificate | None = None

    @property
    def url(self) -> str:
        return f"https://{self.address}:{self.port}"

    @property
    def fqdn(self) -> str:
        return f"{self.name}.{self.cluster.scene.domain}"

    @property
    def down(self) -> bool:
        return self.down_since is not None

    @property
    def listening(self) -> bool:
        return not self.down and not self.proxy_down

    @property
    def leaf(self) -> Certificate:
        """pve-ssl.pem."""
        if self._leaf is None:
            self._leaf = self.cluster.authority.leaf(self.fqdn, self.names())
        return self._leaf

    @property
    def custom(self) -> Certificate | None:
        """pveproxy-ssl.pem, where the administrator gave the node a certificate of its own."""
        if self._custom is None and self.scene.custom_certificate:
            self._custom = Authority.stranger().leaf(self.fqdn, [self.fqdn, self.address])
        return self._custom

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
        return self.presented or self.certificate

    def names(self) -> list[str]:
        """Subject alternative names of pve-ssl.pem."""
        names = ["127.0.0.1", "::1", "localhost", self.address, self.name, self.fqdn]
        return list(dict.fromkeys(names))

    def install(self, leaf: Certificate | None, custom: Certificate | None) -> None:
        """Give the node these certificate files; None makes a new leaf, or no custom one."""
        self._leaf = leaf
        self._custom = custom

    def online(self, now: float) -> bool:
        """Whether the cluster believes it to be online; a dead node is noticed after some seconds."""
        return self.down_since is None or now - self.down_since < self.cluster.settings.notice_after

    def bridges(self) -> Iterable[str]:
        """Names of the bridges that the node has."""
        return self.scene.bridges

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
        self.name = scene.name
        self.seed = seed
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
        self.jobs: dict[str, dict[str, str | int]] = {}  # replication jobs by id
        self.watchers: list[Callable[[Guest], None]] = []  # told when a guest starts, stops or moves
        self.on_power: list[Callable[[Node], None]] = []  # told when a node dies or comes back
        self.no_quorum = False
        self.thieves = 0  # how many of the next new containers find their vmid taken
        self.shared_disks: tuple[float, dict[str, int]] = (0.0, {})  # when, storage → bytes of guests
        self._authority: Authority | None = None
        self.labels: dict[str, str] = {}  # label → token's full id
        self.storages = {storage.name: storage for storage in scene.storages}
        self.pools: dict[str, str] = dict.fromkeys(scene.pools, "")
        self.nodes = {each.name: Node(each, self, n + 1) for n, each in enumerate(scene.nodes)}
        self.guests: dict[int, Guest] = {}
        self.volumes = Volumes()
        self.options: dict[str, str | int] = {
            "mac_prefix": "BC:24:11",
            "keyboard": "en-us",
            "description": "",
        }
        now = clock.now()
        for each in scene.guests:
            self.add(Guest(each, self.nodes[each.node], seed, now))
        for node in self.nodes.values():
            self._templates(node)
        self.identity = self._identities()
        for node in self.nodes.values():
            if node.scene.offline:
                node.down_since = now - settings.notice_after - 60

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
        self.identity.pool_of = {f"/vms/{g.vmid}": g.pool for g in self.guests.values() if g.pool}
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
        self._changed(guest)

    def _changed(self, guest: Guest) -> None:
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
        if not self.ha.forget(vmid):
            return []
        return [f"NOTE: removed CT {vmid} from HA resource configuration."]

    def set_status(self, vmid: int, status: Literal["running", "stopped", "paused"]) -> None:
        """A guest starts or stops."""
        guest = self.guests[vmid]
        guest.status = status
        guest.started = self.clock.now()
        guest.touch()
        self._changed(guest)

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
                    damaged=file in node.scene.damaged_templates,
                )
            )

    def _identities(self) -> Identity:
        scene = self.scene
        identity = Identity(self.version.major)
        root = identity.users["root@pam"]
        root.password = self.root_password
        if scene.root_email:
            root.text["email"] = scene.root_email
        identity.groups = {name: Group() for name in scene.groups}
        identity.custom_roles = {name: frozenset(privileges) for name, privileges in scene.roles.items()}
        for each in scene.users:
            text = {key: value for key in ("comment", "email") if (value := getattr(each, key))}
            user = User(each.password, each.enable, each.expire, each.totp, text, set(each.groups))
            if each.userid == "root@pam":
                root.totp = each.totp
                continue
            identity.users[each.userid] = user
            for role in each.roles:
                identity.grant("/", "user", each.userid, role)
        for token in scene.tokens:
            self._add_token(identity, token)
        for entry in scene.acl:
            kind = "group" if entry.ugid.startswith("@") else "token" if "!" in entry.ugid else "user"
            identity.grant(entry.path, kind, entry.ugid.removeprefix("@"), entry.role, entry.propagate)
        identity.pool_of = {f"/vms/{g.vmid}": g.pool for g in self.guests.values() if g.pool}
        return identity

    def _add_token(self, identity: Identity, scene: TokenScene) -> None:
        authid = f"{scene.userid}!{scene.tokenid}"
        secret = scene.secret or self.new_secret()
        identity.users[scene.userid].tokens[scene.tokenid] = Token(
            secret, scene.privsep, scene.expire, scene.comment
        )
        self.labels[scene.label or scene.tokenid] = authid
        for role in scene.roles:
            identity.grant("/", "token", authid, role)


class Estate:
    """Everything that is simulated together."""

    def __init__(
        self,
        clusters: Sequence[ClusterScene],
        *,
        seed: int = 1,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.clock = clock or Clock()
        self.seed = seed
        self.clusters: dict[str, Cluster] = {}
        for scene in clusters:
            if scene.name in self.clusters:
                raise ValueError(f"two clusters are called {scene.name!r}: give each its own name.")
            self.clusters[scene.name] = Cluster(scene, seed=seed, settings=self.settings, clock=self.clock)

    def __getitem__(self, name: str) -> Cluster:
        return self.clusters[name]


def user_of(authid: str) -> str:
    """The user behind a user or token id."""
    return split_token(authid)[0]


def digest(text: str) -> str:
    """SHA-1 as Proxmox uses for optimistic locking."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
