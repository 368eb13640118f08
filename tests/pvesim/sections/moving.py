"""Migration, and what may go wrong while containers are made or moved."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pvesim import ClusterScene, GuestScene, Running, StorageScene, TokenScene, UserScene
from pvesim.guestconfig import adopt, set_lock
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


def _dies(node: str, at: int, back: int) -> Callable[[Running, Exchange], None]:
    """The node's power is cut before exchange `at`, and it is back before exchange `back`."""

    def before(running: Running, exchange: Exchange) -> None:
        if exchange.number >= back:
            if running.clear("power-cut"):
                running.advance(3)
        elif exchange.number >= at and not running.faults:
            running.fault("power-cut", node=node)

    return before


def _another_lock(running: Running, exchange: Exchange) -> None:
    """The second half of the section is about another lock, put there by hand while it stands still."""
    guest = running.estate["testcluster"].guests[771]
    if exchange.number >= 12 and guest.lock == "create":
        guest.conf = {**scenes.STOPPED_CONF, "lock": "migrate"}
        adopt(guest)


def _unlocked_by_hand(running: Running, exchange: Exchange) -> None:
    """pct unlock, at the very end."""
    _dies("pve3", 4, 11)(running, exchange)
    guest = running.estate["testcluster"].guests.get(749)
    if exchange.number == 20 and guest is not None:
        set_lock(guest, "")


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
    "race-same-vmid": Section(0.9, 20, _by_race(secret=_FIRST), lag=10, winners_first=True),
    "race-freed": Section(0.76, 26, _by_race(scenes.container(736), secret=_SECOND)),
    "stop-create": Section(1.0, 18, _by_race(secret=_SECOND)),
    "stop-migrate": Section(0.88, 36, _by_race(secret=_SECOND)),
    "mark-visible": Section(1.0, 3, _by_race(secret=_SECOND)),
    "kill-target": Section(1.0, 24, _by_race(tokenid="t9", secret=_T9), _dies("pve3", 4, 22), lag=10),
    "kill-create": Section(0.82, 17, _by_race(tokenid="t9", secret=_T9), _unlocked_by_hand, lag=10),
    "stale-lock": Section(
        0.95,
        22,
        _by_race(scenes.container(771, "pve1", lock="create"), tokenid="t8", secret=_T8, role="NoClone"),
        _another_lock,
    ),
}
