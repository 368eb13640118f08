"""Proxmox's permission checks that are about users: "userid-group", "userid-param"."""

from __future__ import annotations

from pvesim.api import Call
from pvesim.errors import failed, forbidden
from pvesim.identity import User, split_token

LOCK_TIMEOUT = 10.0


def may_modify(call: Call, userid: str, *privileges: str) -> bool:
    """ "userid-group": on /access/groups, or on a group that the user is in."""
    if call.can("/access/groups", *privileges, any_of=True):
        return True
    user = call.cluster.identity.users.get(split_token(userid)[0])
    groups = user.groups if user else set()
    return any(call.can(f"/access/groups/{group}", *privileges, any_of=True) for group in groups)


def realm_allowed(call: Call) -> None:
    """ "userid-param": may one give out users of the realm?"""
    realm = call.params.get("userid", "").rpartition("@")[2]
    call.need(f"/access/realm/{realm}", "Realm.AllocateUser")


def self_or_modify(call: Call) -> None:
    """Oneself (a token is nobody's self), or whoever may modify the user."""
    userid = call.params["userid"]
    if call.authid != userid and not may_modify(call, userid, "User.Modify"):
        raise forbidden()


def writable(call: Call, failure: str) -> None:
    """To be called before user.cfg is changed. Raises 500, after a while, where there is no quorum."""
    if not call.cluster.quorate:
        delay = LOCK_TIMEOUT * call.cluster.settings.delay_scale
        raise failed(f"{failure}: cfs-lock 'file-user_cfg' error: no quorum!", delay=delay)


def existing(call: Call) -> User:
    """The user of the path. Raises 500 where there is none."""
    userid = call.params["userid"]
    user = call.cluster.identity.users.get(userid)
    if user is None:
        raise failed(f"no such user ('{userid}')")
    return user


def names(value: str) -> list[str]:
    """A list as Proxmox takes it: separated by commas, semicolons or blanks."""
    return [name for name in value.replace(";", ",").replace(" ", ",").split(",") if name]
