"""Who there is and who may do what, as a scene says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pvesim.identity import Group, Identity, Token, User
from pvesim.scene import TokenScene

if TYPE_CHECKING:
    from pvesim.model import Cluster


def played(cluster: Cluster) -> Identity:
    """Users, groups, roles, tokens and entries of the cluster's scene."""
    scene = cluster.scene
    identity = Identity(cluster.version.major)
    root = identity.users["root@pam"]
    root.password = cluster.root_password
    if scene.root_email:
        root.text["email"] = scene.root_email
    identity.groups = {name: Group() for name in scene.groups}
    identity.custom_roles = {name: frozenset(privileges) for name, privileges in scene.roles.items()}
    for each in scene.users:
        text = {key: value for key in ("comment", "email") if (value := getattr(each, key))}
        user = User(each.password, each.enable, each.expire, each.totp, text, set(each.groups))
        user.code = each.totp_code
        if each.userid == "root@pam":
            root.totp, root.code = each.totp, each.totp_code
            continue
        identity.users[each.userid] = user
        for role in each.roles:
            identity.grant("/", "user", each.userid, role)
    for token in scene.tokens:
        _add_token(cluster, identity, token)
    for entry in scene.acl:
        kind = "group" if entry.ugid.startswith("@") else "token" if "!" in entry.ugid else "user"
        identity.grant(entry.path, kind, entry.ugid.removeprefix("@"), entry.role, entry.propagate)
    identity.pool_of = {f"/vms/{g.vmid}": g.pool for g in cluster.guests.values() if g.pool}
    return identity


def _add_token(cluster: Cluster, identity: Identity, scene: TokenScene) -> None:
    authid = f"{scene.userid}!{scene.tokenid}"
    secret = scene.secret or cluster.new_secret()
    identity.users[scene.userid].tokens[scene.tokenid] = Token(
        secret, scene.privsep, scene.expire, scene.comment
    )
    cluster.labels[scene.label or scene.tokenid] = authid
    for role in scene.roles:
        identity.grant("/", "token", authid, role)
