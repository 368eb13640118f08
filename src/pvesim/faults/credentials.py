"""Credentials and rights that stop working."""

from __future__ import annotations

from pvesim.faults.registry import BadTarget, Target, Undo, fault


@fault("password-changed", scope="cluster")
def _password_changed(target: Target, user: str = "root@pam", password: str = "changed-meanwhile") -> Undo:  # noqa: S107
    """The user's password is another one now; tickets and tokens stay valid."""
    users = target.cluster.identity.users
    if user not in users:
        raise BadTarget(f"cluster {target.cluster.name!r} has no user {user!r}.")
    before = users[user].password
    users[user].password = password

    def undo() -> None:
        users[user].password = before

    return undo


@fault("token-deleted", scope="cluster")
def _token_deleted(target: Target, token: str = "full") -> Undo:  # noqa: S107
    """An API token is gone, by label or full id; every call with it is 401."""
    cluster = target.cluster
    authid = cluster.labels.get(token, token)
    user, _, tokenid = authid.partition("!")
    if cluster.identity.token(authid) is None:
        raise BadTarget(
            f"cluster {cluster.name!r} has no token {token!r}: it has {', '.join(cluster.labels)}."
        )
    tokens = cluster.identity.users[user].tokens
    before = tokens.pop(tokenid)
    cluster.identity.changed()

    def undo() -> None:
        tokens[tokenid] = before
        cluster.identity.changed()

    return undo


@fault("token-stripped", scope="cluster")
def _token_stripped(target: Target, token: str = "auditor") -> Undo:  # noqa: S107
    """A token becomes privilege-separated without rights of its own: lists are empty, objects are 403."""
    cluster = target.cluster
    found = cluster.identity.token(cluster.labels.get(token, token))
    if found is None:
        raise BadTarget(
            f"cluster {cluster.name!r} has no token {token!r}: it has {', '.join(cluster.labels)}."
        )
    before = found.privsep
    found.privsep = True
    cluster.identity.changed()

    def undo() -> None:
        found.privsep = before
        cluster.identity.changed()

    return undo


@fault("user-disabled", scope="cluster")
def _user_disabled(target: Target, user: str = "watch@pve") -> Undo:
    """The user is disabled: he and his tokens are refused."""
    return _set_user(target, user, enable=False)


@fault("tfa-demanded", scope="cluster")
def _tfa_demanded(target: Target, user: str = "root@pam") -> Undo:
    """The user has set up a second factor: the password alone gets no usable ticket."""
    return _set_user(target, user, totp=True)


def _set_user(target: Target, user: str, **values: bool) -> Undo:
    users = target.cluster.identity.users
    if user not in users:
        raise BadTarget(f"cluster {target.cluster.name!r} has no user {user!r}.")
    found = users[user]
    before = {name: getattr(found, name) for name in values}
    for name, value in values.items():
        setattr(found, name, value)

    def undo() -> None:
        for name, value in before.items():
            setattr(found, name, value)

    return undo
