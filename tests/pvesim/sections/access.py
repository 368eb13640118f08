"""Signing in, rights, and losing them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pvesim import AclScene, ClusterScene, GuestScene, Running, TokenScene, UserScene
from pvesim.sampling import sample_of
from pvesim.tasks import command
from tests.pvesim import recorded_scene as scenes
from tests.pvesim.recorded import Exchange
from tests.pvesim.sections.section import ALL, OPSEP, Section, three

_MAKING = (scenes.container(100), scenes.container(200, lock="create"))


def _create_ends(running: Running, exchange: Exchange) -> None:
    """While `perm` was recorded, a container was just being created."""
    cluster = running.estate["testcluster"]
    guest, tasks = cluster.guests[200], cluster.nodes["pve1"].tasks
    if exchange.number == 1:
        tasks.start("vzcreate", "200", "root@pam!full", lambda task: command("tar", 3600))
    if exchange.number > 4 and guest.lock:
        guest.lock = ""
        guest.touch()
    if exchange.number > 6:
        for worker in [each for each in tasks.active.values() if each.task.id == "200"]:
            worker.stop(cluster.clock.now())


_CER = [
    "VM.Allocate", "VM.Audit", "VM.Config.Options", "VM.PowerMgmt", "Sys.Audit", "Datastore.Audit",
    "Datastore.AllocateSpace",
]  # fmt: skip
_CER_T2 = "b6c7cc02-1db3-4beb-bd16-18a9b3564402"
_LP8_TT = "aaf6cd12-977e-47e1-b428-b914a96df551"


def _bare(vmid: int, node: str = "pve1", **more: object) -> GuestScene:
    """A container without network."""
    return scenes.container(vmid, node, **{"ip": "", "swap": 0, **more})


_USUAL = (
    scenes.container(100, status="running"),
    scenes.container(101, "pve2", tags=["prod", "web"]),
    scenes.container(110, "pve2", status="running"),
    scenes.container(111, "pve3"),
    _bare(702, tags=["old"]),
    _bare(720),
)


def _with(
    users: tuple[str, ...],
    *,
    acl: tuple[tuple[str, str, str], ...] = (),
    tokens: tuple[TokenScene, ...] = (),
    roles: dict[str, list[str]] | None = None,
    guests: tuple[GuestScene, ...] = _USUAL,
) -> Callable[[], ClusterScene]:
    """The cluster while others experimented on it: more users, tokens and entries, as (path, who, role)."""

    def scene() -> ClusterScene:
        usual = scenes.cluster(nodes=3, opsep=OPSEP, guests=guests, pools=("p1",))
        entries = [AclScene(path=path, ugid=who, role=role) for path, who, role in acl]
        return msgspec.structs.replace(
            usual,
            users=[*usual.users, *(UserScene(userid=userid) for userid in users)],
            tokens=[*usual.tokens, *tokens],
            roles={**usual.roles, **(roles or {})},
            acl=[*usual.acl, *entries],
        )

    return scene


def _token(userid: str, tokenid: str, secret: str) -> TokenScene:
    return TokenScene(userid=userid, tokenid=tokenid, secret=secret, label=userid, comment="made by ceremony")


_OF_OTHERS = tuple(
    (path, "lp@pve", "PVEAuditor")
    for path in ("/nodes/pve1", "/nodes/pve2", "/pool/p1", "/sdn/zones/localnetwork/vmbr0", "/vms/702")
)


def _another_is_destroyed(running: Running, exchange: Exchange) -> None:
    """A container of another experiment, with the entry on it."""
    cluster = running.estate["testcluster"]
    if exchange.number >= 33 and 701 in cluster.guests:
        cluster.remove(701)


def _in_four_seconds(running: Running, exchange: Exchange) -> None:
    """The token is to expire at a time of the recording's clock."""
    if exchange.note == "expire in 4 s":
        running.advance(1.02 - running.estate.clock.now() % 1)  # early in a second, as there
        exchange.data["params"]["expire"] = int(running.estate.clock.now()) + 4


def _restored(running: Running, exchange: Exchange) -> None:
    """The old password is set again by hand, before the last exchange."""
    if exchange.number == 14:
        running.estate["testcluster"].nodes["pve1"].passwords.clear()


def _made_anew(running: Running, exchange: Exchange) -> None:
    """The container has just been made; the second half is about one in a pool, and rights on that."""
    cluster = running.estate["testcluster"]
    identity = cluster.identity
    if exchange.number == 1:
        sample_of(cluster.nodes["pve1"])  # the last round of pvestatd was before
        cluster.create(_bare(763))
    if exchange.number in (7, 9):
        running.advance(1)  # starting and stopping took less time there
    if exchange.number == 3 and "/vms" in identity.acl:
        cluster.remove(763)
        for kind, who in (("user", "lp8@pve"), ("token", "lp8@pve!tt")):
            identity.forget(kind, who)
            identity.grant("/pool/lpp", kind, who, "PVEVMAdmin")
        cluster.create(_bare(763, pool="lpp"))


SECTIONS = {
    "setup": Section(1.0, 45, lambda: scenes.cluster(dis=False)),
    "auth": Section(1.0, 74, scenes.cluster),
    "expired": Section(1.0, 34, three(guests=ALL)),
    "perm": Section(1.0, 148, lambda: scenes.cluster(guests=_MAKING), _create_ends),
    "access": Section(1.0, 26, three(guests=ALL, pools=("p1",))),
    "ceremony": Section(
        1.0,
        38,
        _with(
            ("lp@pve",),
            acl=(*_OF_OTHERS, ("/vms/701", "lp@pve", "PVEAuditor")),
            guests=(*_USUAL, _bare(701, "pve2")),
        ),
        _another_is_destroyed,
    ),
    "loss": Section(
        1.0,
        162,
        _with(
            ("cer@pve", "lp@pve"),
            acl=(("/", "cer@pve", "CERRole"), ("/", "cer@pve!t2", "CERRole"), *_OF_OTHERS),
            tokens=(_token("cer@pve", "t2", _CER_T2),),
            roles={"CERRole": _CER},
        ),
        _in_four_seconds,
        signed_in=True,
    ),
    "rootpw": Section(1.0, 14, _with(()), _restored, signed_in=True),
    "acl-shadow": Section(
        0.88,
        9,
        _with(
            ("lp8@pve",),
            acl=tuple(
                (path, who, role)
                for path, role in (("/", "Auditing"), ("/vms", "Remembering"))
                for who in ("lp8@pve", "lp8@pve!tt")
            ),
            tokens=(_token("lp8@pve", "tt", _LP8_TT),),
            roles={"Auditing": ["VM.Audit"], "Remembering": ["VM.Config.Memory"]},
        ),
        _made_anew,
        lag=10,
    ),
}
