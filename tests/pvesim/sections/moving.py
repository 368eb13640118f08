"""Migration, and what may go wrong while containers are made or moved."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from pvesim import ClusterScene, GuestScene, Running, StorageScene, TokenScene, UserScene
from pvesim.guestconfig import set_lock
from pvesim.nodelife import boot, power_cut
from pvesim.works.migrating import Options, migrate
from tests.pvesim import recorded_scene as scenes
from tests.pvesim.recorded import Exchange
from tests.pvesim.sections.section import OPSEP, Section

_USUAL = (
    scenes.container(100, status="running"),
    scenes.container(101, "pve2", tags=["prod", "web"]),
    scenes.container(110, "pve2", status="running"),
    scenes.container(111, "pve3"),
    scenes.container(171, "pve3", status="running"),
)
_SHARED = StorageScene(name="shared", shared=True, content=["vztmpl", "rootdir", "iso", "backup"], size=252.0)


_NO_CLONE = [
    "VM.Allocate", "VM.Audit", "VM.Backup", "VM.Config.Disk", "VM.Config.CPU", "VM.Config.Memory",
    "VM.Config.Network", "VM.Config.Options", "VM.Migrate", "VM.PowerMgmt", "VM.Snapshot",
    "Datastore.Allocate", "Datastore.AllocateSpace", "Datastore.Audit", "Sys.Audit", "SDN.Use",
]  # fmt: skip


def _by_race(
    *guests: GuestScene, tokenid: str = "t1", secret: str = "", role: str = "Administrator"
) -> Callable[[], ClusterScene]:
    """The cluster with race@pve and a token of his, who may do everything."""

    def scene() -> ClusterScene:
        usual = scenes.cluster(nodes=3, opsep=OPSEP, guests=(*_USUAL, *guests), shared=True)
        user = UserScene(userid="race@pve", roles=[role])
        token = TokenScene(userid="race@pve", tokenid=tokenid, secret=secret, label="race", roles=[role])
        return msgspec.structs.replace(
            usual,
            users=[*usual.users, user],
            tokens=[*usual.tokens, token],
            roles={**usual.roles, "NoClone": _NO_CLONE},
        )

    return scene


_SECONDS_AFTER = 9.9  # from the eighth exchange of kill-create until its node answers again


def _dies(node: str, at: int, back: int) -> Callable[[Running, Exchange], None]:
    """The node's power is cut before exchange `at`, and it is back before exchange `back`."""

    def before(running: Running, exchange: Exchange) -> None:
        if exchange.number >= back:
            if running.clear("power-cut"):
                running.advance(3)
        elif exchange.number >= at and not running.faults:
            running.fault("power-cut", node=node)

    return before


def _left_behind(running: Running, exchange: Exchange) -> None:
    """A lock that was put there by hand; the second half of the section is about another one."""
    guest = running.estate["testcluster"].guests[771]
    if exchange.number == 1:
        set_lock(guest, "create")
    elif exchange.number == 12:
        set_lock(guest, "migrate")


def _dies_while_creating(running: Running, exchange: Exchange) -> None:
    """pvestatd goes round once between the call and the power cut; at the very end, pct unlock."""
    cluster = running.estate["testcluster"]
    if exchange.number == 1:
        running.advance(8.3)
    elif exchange.number == 4:
        running.advance(0.5)
        running.fault("power-cut", node="pve3")
    elif exchange.number == 8:
        cluster.agenda.at(cluster.clock.now() + _SECONDS_AFTER, lambda now: _back(running))
    guest = cluster.guests.get(749)
    if exchange.number == 20 and guest is not None:
        set_lock(guest, "")


def _back(running: Running) -> None:
    running.clear("power-cut")


def _by_hand(running: Running, exchange: Exchange) -> None:
    """What was done on the nodes between the calls: pct unlock; pct stop, and migrated back."""
    cluster = running.estate["testcluster"]
    guest = cluster.guests.get(747)
    if guest is None:
        return
    if exchange.number == 15:
        set_lock(guest, "")
    elif exchange.number == 26:
        running.advance(2)
        cluster.live()
        cluster.set_status(747, "stopped")
        target = cluster.nodes["pve1"]
        cluster.nodes["pve2"].tasks.start(
            "vzmigrate", "747", "root@pam", lambda task: migrate(task, guest, target, Options())
        )
        for _ in range(60):
            running.advance(1)
            cluster.live()


def _with_less(running: Running, exchange: Exchange) -> None:
    """The first two calls were made with an older secret of the token, which had no rights then."""
    cluster = running.estate["testcluster"]
    token = cluster.identity.token("race@pve!t1")
    assert token is not None
    early = exchange.number <= 2
    token.secret = _FIRST if early else _SECOND
    if early:
        cluster.identity.acl.pop("/", None)
    elif exchange.number == 3:
        for kind, ugid in (("user", "race@pve"), ("token", "race@pve!t1")):
            cluster.identity.grant("/", kind, ugid, "Administrator")
    cluster.identity.changed()


def _booted(running: Running, exchange: Exchange) -> None:
    """All nodes have just come up; the notes say how long ago."""
    cluster = running.estate["testcluster"]
    if exchange.number == 1:
        for node in cluster.nodes.values():
            power_cut(node)
            boot(node)
    match = re.search(r"second (\d+)", exchange.note)
    began = cluster.nodes["pve1"].booted
    if match:
        running.advance(max(0.0, began + int(match[1]) + 1 - cluster.clock.now()))


_FIRST, _SECOND = "21560151-46b8-40b8-8fec-4fc1cddd245e", "325cacfa-fff8-444f-9a0c-cc736ffa8513"
_T9, _T8 = "1a1e2a8b-5a6d-4dfd-a971-25a878d6ee7e", "c17f1ed4-6191-4663-9736-9c7aabf51fbd"

SECTIONS: dict[str, Section] = {
    "migrate": Section(
        1.0,
        161,
        lambda: scenes.cluster(
            nodes=3,
            opsep=OPSEP,
            guests=(
                *scenes.ON_PVE1,
                scenes.BEING_MADE,
                scenes.container(110, "pve2"),
                scenes.container(111, "pve3"),
                scenes.container(151, status="running"),
                scenes.container(171, storage="shared"),
            ),
            shared=True,
        ),
        lag=10,
    ),
    "race-same-vmid": Section(1.0, 20, _by_race(secret=_FIRST), lag=10, winners_first=True),
    "race-freed": Section(1.0, 26, _by_race(scenes.container(736, ip="dhcp"), secret=_FIRST), _with_less),
    "stop-create": Section(1.0, 18, _by_race(secret=_SECOND)),
    "stop-migrate": Section(1.0, 36, _by_race(secret=_SECOND), _by_hand),
    "mark-visible": Section(1.0, 3, _by_race(secret=_SECOND)),
    "kill-target": Section(1.0, 24, _by_race(tokenid="t9", secret=_T9), _dies("pve3", 4, 22), lag=10),
    "kill-create": Section(1.0, 17, _by_race(tokenid="t9", secret=_T9), _dies_while_creating, lag=10),
    "stale-lock": Section(
        1.0,
        22,
        _by_race(scenes.container(771, ip="dhcp"), tokenid="t8", secret=_T8, role="NoClone"),
        _left_behind,
    ),
    "boot": Section(
        1.0,
        55,
        lambda: scenes.cluster(
            nodes=3,
            opsep=OPSEP,
            guests=(
                scenes.container(100),
                scenes.container(101, "pve2", tags=["prod", "web"]),
                scenes.container(104, template=True),
                scenes.container(105),
                *scenes.RUNNING,
                scenes.BEING_MADE,
                scenes.container(151, status="running"),
                scenes.container(171, "pve3", status="running", storage="shared"),
            ),
            shared=True,
            pools=("p1",),
        ),
        _booted,
        lag=10,
        seed=68,
        timed=False,
    ),
}
