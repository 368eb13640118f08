"""Credentials and rights.

Passwords, tokens, users and permissions that are not what they were.
"""

from __future__ import annotations

from pvesim.faults.registry import BadTarget, Target, fault
from pvesim.identity import Token, User, split_token
from pvesim.layers import Undo
from pvesim.model import Cluster


def _user(target: Target, user: str) -> User:
    users = target.cluster.identity.users
    if user not in users:
        raise BadTarget(f"cluster {target.cluster.name!r} has no user {user!r}.")
    return users[user]


def _token(cluster: Cluster, token: str) -> tuple[str, Token]:
    """By label or full id."""
    authid = cluster.labels.get(token, token)
    found = cluster.identity.token(authid)
    if found is None:
        raise BadTarget(
            f"cluster {cluster.name!r} has no token {token!r}: it has {', '.join(cluster.labels)}."
        )
    return authid, found


def _and_derived(target: Target, undo: Undo) -> Undo:
    """What follows from users and rights is derived anew, now and at the end."""
    target.cluster.identity.changed()

    def both() -> None:
        undo()
        target.cluster.identity.changed()

    return both


@fault("password-changed", scope="cluster")
def _password_changed(target: Target, user: str = "root@pam", password: str = "changed-meanwhile") -> Undo:  # noqa: S107
    """The user's password is another one now; tickets and tokens stay valid."""
    return target.put([_user(target, user)], password=password)


@fault("token-deleted", scope="cluster")
def _token_deleted(target: Target, token: str = "full") -> Undo:  # noqa: S107
    """An API token is gone, by label or full id; every call with it is 401."""
    identity = target.cluster.identity
    authid, found = _token(target.cluster, token)
    user, tokenid = split_token(authid)
    del identity.users[user].tokens[tokenid]

    def undo() -> None:
        if user in identity.users:
            identity.users[user].tokens.setdefault(tokenid, found)

    return _and_derived(target, undo)


@fault("token-replaced", scope="cluster")
def _token_replaced(target: Target, token: str = "full") -> Undo:  # noqa: S107
    """Somebody has made the token's secret anew: the known one is 401."""
    _, found = _token(target.cluster, token)
    return target.put([found], secret=target.cluster.new_secret())


@fault("token-expired", scope="cluster")
def _token_expired(target: Target, token: str = "full") -> Undo:  # noqa: S107
    """The token's time is over: every call with it is 401, and nothing says why."""
    _, found = _token(target.cluster, token)
    return target.put([found], expire=int(target.cluster.clock.now()) - 60)


@fault("token-stripped", scope="cluster")
def _token_stripped(target: Target, token: str = "auditor") -> Undo:  # noqa: S107
    """A token becomes privilege-separated without rights of its own: lists are empty, objects are 403."""
    _, found = _token(target.cluster, token)
    return _and_derived(target, target.put([found], privsep=True))


@fault("user-disabled", scope="cluster")
def _user_disabled(target: Target, user: str = "watch@pve") -> Undo:
    """The user is disabled: he and his tokens are refused."""
    return target.put([_user(target, user)], enable=False)


@fault("user-expired", scope="cluster")
def _user_expired(target: Target, user: str = "watch@pve") -> Undo:
    """The user's account has expired: he and his tokens are refused."""
    expired = int(target.cluster.clock.now()) - 60
    return target.put([_user(target, user)], expire=expired)


@fault("tfa-demanded", scope="cluster")
def _tfa_demanded(target: Target, user: str = "root@pam") -> Undo:
    """The user has set up a second factor: the password alone gets no usable ticket."""
    return target.put([_user(target, user)], totp=True)


@fault("role-emptied", scope="cluster")
def _role_emptied(target: Target, role: str = "") -> Undo:
    """A role of the administrator's own loses all its privileges: its holders see empty lists and get 403,
    never 401. Without `role` the first there is."""
    identity = target.cluster.identity
    roles = identity.custom_roles
    name = role or next(iter(roles), "")
    if name not in roles:
        own = ", ".join(roles) or "none"
        raise BadTarget(
            f"role-emptied: {target.cluster.name!r} has no role {name!r} of its own; it has {own}."
        )
    before = roles[name]
    roles[name] = frozenset()

    def undo() -> None:
        if name in roles and not roles[name]:
            roles[name] = before

    return _and_derived(target, undo)


@fault("acl-removed", scope="cluster")
def _acl_removed(target: Target, who: str = "watch@pve") -> Undo:
    """All entries of a user, @group or user!token are gone from the access control list: lists are empty,
    objects are 403, never 401."""
    identity = target.cluster.identity
    kind = "group" if who.startswith("@") else "token" if "!" in who else "user"
    name = who.removeprefix("@")
    taken = [
        (path, role, propagate)
        for path, entries in identity.acl.items()
        for role, propagate in entries.of(kind).get(name, {}).items()
    ]
    if not taken:
        raise BadTarget(f"acl-removed: nobody has granted {who!r} anything in {target.cluster.name!r}.")
    identity.forget(kind, name)

    def undo() -> None:
        for path, role, propagate in taken:
            identity.grant(path, kind, name, role, propagate)

    return undo
