"""Who may call a method: the schema's `permissions`, checked as pve-access-control `RPCEnvironment.pm`
(`check_api2_permissions`, `exec_api2_perm_check`) does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pvesim.errors import ApiError, failed, forbidden
from pvesim.formats import FORMATS, FormatError, words
from pvesim.identity import User, split_token

if TYPE_CHECKING:
    from pvesim.api import Call

LOCK_TIMEOUT = 10.0


def permitted(call: Call, permissions: dict[str, Any] | None) -> None:
    """Raises 403 with Proxmox's text. root@pam himself may all; None means nobody else, no token of his
    either."""
    if call.is_root:
        return
    if permissions is None:
        raise forbidden("user != root@pam")
    if "user" not in permissions:
        _check(call, permissions["check"])


def _check(call: Call, test: Sequence[Any]) -> None:
    kind, *rest = test
    if kind == "and":
        for each in rest:
            _check(call, each)
    elif kind == "or":
        if not any(_passes(call, each) for each in rest):
            raise forbidden()
    elif kind == "perm":
        _path(call, *rest)
    elif kind == "userid-group":
        _groups_of_user(call, *rest)
    elif kind == "userid-param":
        _user_itself(call, rest[0])
    elif kind == "perm-modify":
        may_modify_path(call, filled(rest[0], call.params))


def _passes(call: Call, test: Sequence[Any]) -> bool:
    try:
        _check(call, test)
    except ApiError:
        return False
    return True


def _path(call: Call, template: str, privileges: Sequence[str], *options: Any) -> None:
    given = dict(zip(options[::2], options[1::2], strict=True))
    wanted = given.get("require_param")
    if wanted and not call.params.get(wanted):
        raise forbidden()
    call.need(filled(template, call.params), *privileges, any_of=bool(given.get("any")))


def filled(template: str, params: dict[str, str]) -> str:
    """ "/vms/{vmid}" with the call's values; a missing one is empty."""
    for name, value in params.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def _groups_of_user(call: Call, privileges: Sequence[str], *options: Any) -> None:
    given = dict(zip(options[::2], options[1::2], strict=True))
    groups_param = given.get("groups_param")
    exists = groups_param != "create"
    userid = call.params.get("userid", "")
    if exists:
        existing(call)
    if call.can("/access/groups", *privileges, any_of=True):
        return
    if groups_param:
        asked = words(call.params.get("groups", ""))
        if not asked:
            raise forbidden(f"/access/groups, {', '.join(privileges)}")
        for group in asked:
            if not call.can(f"/access/groups/{group}", *privileges, any_of=True):
                raise forbidden(f"/access/groups/{group}, {', '.join(privileges)}")
    if exists and not may_modify(call, userid, *privileges):
        raise forbidden()


def may_modify(call: Call, userid: str, *privileges: str) -> bool:
    """Whether one holds one of the privileges on /access/groups, or on a group that the user is in."""
    if call.can("/access/groups", *privileges, any_of=True):
        return True
    user = call.cluster.identity.users.get(split_token(userid)[0])
    groups = user.groups if user else set()
    return any(call.can(f"/access/groups/{group}", *privileges, any_of=True) for group in groups)


def _user_itself(call: Call, test: str) -> None:
    """Oneself (a token is nobody's self), or the right to give out users of a realm."""
    userid = call.params.get("userid", "")
    _well_formed(userid)
    if test == "self":
        existing(call)
        if call.authid != userid:
            raise forbidden()
    else:
        call.need(f"/access/realm/{userid.rpartition('@')[2]}", test)


def may_modify_path(call: Call, path: str) -> None:
    """The right to give rights: Permissions.Modify, or being able to allocate what the path names."""
    if not path:
        call.need("/access", "Permissions.Modify")
        return
    path = normal(path)
    call.need(path, *_that_give(path), any_of=True)


def may_give(call: Call, path: str) -> bool:
    """Whether one may give rights on a path."""
    return call.can(path, *_that_give(path), any_of=True)


def _that_give(path: str) -> list[str]:
    """Privileges of which one is enough: Permissions.Modify, or being able to allocate what the path names."""
    privileges = ["Permissions.Modify"]
    for start, also in (
        ("/storage/", "Datastore.Allocate"),
        ("/vms/", "VM.Allocate"),
        ("/pool/", "Pool.Allocate"),
    ):
        if path.startswith(start):
            privileges.append(also)
    return privileges


def normal(path: str) -> str:
    """A path without doubled or trailing slashes."""
    return "/" + "/".join(part for part in path.split("/") if part)


def existing(call: Call) -> User:
    """The user of the path. Raises 500 where there is none."""
    userid = call.params.get("userid", "")
    user = call.cluster.identity.users.get(userid)
    if user is None:
        _well_formed(userid)
        raise failed(f"no such user ('{userid}')")
    return user


def _well_formed(userid: str) -> None:
    try:
        FORMATS["pve-userid"](userid)
    except FormatError as error:
        raise failed(str(error)) from error


def writable(call: Call, failure: str) -> None:
    """To be called before user.cfg is changed. Raises 500, after a while, where there is no quorum."""
    if not call.cluster.quorate:
        delay = LOCK_TIMEOUT * call.cluster.settings.delay_scale
        raise failed(f"{failure}: cfs-lock 'file-user_cfg' error: no quorum!", delay=delay)
