"""Signing in, rights, and losing them."""

from __future__ import annotations

import msgspec

from pvesim import AclScene, ClusterScene, Running, TokenScene, UserScene
from tests.pvesim import recorded_scene as scenes
from tests.pvesim.recorded import Exchange
from tests.pvesim.sections.section import ALL, OPSEP, Section, three

_LP8 = "aaf6cd12-977e-47e1-b428-b914a96df551"
_MAKING = (scenes.container(100), scenes.container(200, lock="create"))


def _create_ends(running: Running, exchange: Exchange) -> None:
    """While `perm` was recorded, a container was just being created."""
    guest = running.estate["testcluster"].guests[200]
    if exchange.number > 4 and guest.lock:
        guest.lock = ""
        guest.touch()


def _restored(running: Running, exchange: Exchange) -> None:
    """Before its last exchange, the password was put back on the node."""
    if exchange.number == 14:
        running.estate["testcluster"].nodes["pve1"].pam.clear()


def _in_the_pool(running: Running, exchange: Exchange) -> None:
    """From the third exchange on, the rights are on the pool that the container is in."""
    cluster = running.estate["testcluster"]
    if exchange.number == 3:
        for path in ("/", "/vms"):
            cluster.identity.acl.pop(path, None)
        cluster.identity.custom_roles["LpPool"] = frozenset(scenes.CT_ADMIN)
        for kind, who in (("user", "lp8@pve"), ("token", "lp8@pve!tt")):
            cluster.identity.grant("/pool/lpp", kind, who, "LpPool")
        cluster.pools["lpp"] = ""
        guest = cluster.guests[763]
        guest.pool = "lpp"
        cluster.identity.pool_of["/vms/763"] = "lpp"
        cluster.identity.changed()
        guest.touch()


def _shadowed() -> ClusterScene:
    """A role on / gives VM.Audit, another on /vms replaces it by VM.Config.Memory."""
    usual = scenes.cluster(nodes=3, opsep=OPSEP, guests=(scenes.container(763, ip=""),))
    entries = [
        AclScene(path=path, ugid=who, role=role)
        for path, role in (("/", "Seeing"), ("/vms", "Memory"))
        for who in ("lp8@pve", "lp8@pve!tt")
    ]
    token = TokenScene(userid="lp8@pve", tokenid="tt", secret=_LP8, label="lp8")
    return msgspec.structs.replace(
        usual,
        users=[*usual.users, UserScene(userid="lp8@pve")],
        tokens=[*usual.tokens, token],
        roles={**usual.roles, "Seeing": ["VM.Audit"], "Memory": ["VM.Config.Memory"]},
        acl=[*usual.acl, *entries],
    )


SECTIONS = {
    "acl-shadow": Section(0.88, 9, _shadowed, _in_the_pool, lag=10),
    "rootpw": Section(1.0, 14, three(guests=(*ALL, scenes.container(720))), _restored),
    "setup": Section(1.0, 45, lambda: scenes.cluster(dis=False)),
    "auth": Section(1.0, 74, scenes.cluster),
    "expired": Section(1.0, 34, three(guests=ALL)),
    "perm": Section(0.99, 140, lambda: scenes.cluster(guests=_MAKING), _create_ends),
    "access": Section(1.0, 26, three(guests=ALL, pools=("p1",))),
    "ceremony": Section(0.78, 38, three(guests=ALL)),
}
