"""Who may do what in one cluster: users, groups, tokens, roles, access control entries.

The rules are pve-access-control's `AccessControl.pm` (`roles`, `user_enabled`, `verify_token`) and
`RPCEnvironment.pm` (`permissions`): the most specific path wins and replaces, a user's own entry beats
his groups', NoAccess cancels, a privilege-separated token has what it and its user both have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pvesim.privileges import BUILTIN_ROLES

ROOT = "root@pam"
_MOST_HELD = 5000  # paths and askers whose privileges are remembered
NOTHING: frozenset[str] = frozenset()


@dataclass(slots=True)
class Token:
    secret: str
    privsep: bool = True
    expire: int = 0
    comment: str = ""


@dataclass(slots=True)
class User:
    password: str = ""
    enable: bool = True
    expire: int = 0
    totp: bool = False
    text: dict[str, str] = field(default_factory=dict)  # comment, email, firstname, lastname, keys
    groups: set[str] = field(default_factory=set)
    tokens: dict[str, Token] = field(default_factory=dict)
    code: str = ""  # that always passes as the second factor which the scene gave the user
    factors: dict[str, Factor] | None = None  # second factors set up by the user, by id
    failures: int = 0  # wrong codes in a row


@dataclass(slots=True)
class Factor:
    """A second factor: a TOTP generator, or keys to be used once."""

    type: str
    description: str
    created: int
    secret: str = field(default="", repr=False)  # of TOTP, in base 32
    keys: list[str] = field(default_factory=list, repr=False)  # used ones are empty
    enable: bool = True


@dataclass(slots=True)
class Group:
    comment: str = ""


@dataclass(slots=True)
class Realm:
    type: str
    comment: str = ""
    options: dict[str, str] = field(default_factory=dict)  # all else, as in domains.cfg


@dataclass(slots=True)
class Entries:
    """Entries on one path: who → role → propagate."""

    users: dict[str, dict[str, bool]] = field(default_factory=dict)
    groups: dict[str, dict[str, bool]] = field(default_factory=dict)
    tokens: dict[str, dict[str, bool]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.users or self.groups or self.tokens)

    def of(self, kind: str) -> dict[str, dict[str, bool]]:
        return {"user": self.users, "group": self.groups, "token": self.tokens}[kind]


def split_token(authid: str) -> tuple[str, str]:
    """("root@pam", "full") for root@pam!full; an empty token id for a plain user."""
    user, _, token = authid.partition("!")
    return user, token


def builtin_realm(name: str) -> Realm:
    """pam or pve, as they are before anybody has changed them; they cannot be removed for good."""
    texts = {"pam": "Linux PAM standard authentication", "pve": "Proxmox VE authentication server"}
    return Realm(name, texts[name])


class Identity:
    """A cluster's user.cfg and what follows from it."""

    def __init__(self, major: int) -> None:
        self.users: dict[str, User] = {ROOT: User()}
        self.groups: dict[str, Group] = {}
        self.realms: dict[str, Realm] = {name: builtin_realm(name) for name in ("pam", "pve")}
        self.builtin: Mapping[str, frozenset[str]] = BUILTIN_ROLES[major]
        self.custom_roles: dict[str, frozenset[str]] = {}
        self.acl: dict[str, Entries] = {}
        self.pool_of: dict[str, str] = {}  # "/vms/100" → pool
        self.storage_pools: dict[str, tuple[str, ...]] = {}  # "/storage/x" → pools
        self._held: dict[tuple[str, str], dict[str, bool]] = {}
        self._alike: dict[frozenset[tuple[str, bool]], dict[str, bool]] = {}

    @property
    def all_privileges(self) -> frozenset[str]:
        return self.builtin["Administrator"]

    def role(self, name: str) -> frozenset[str] | None:
        return self.builtin.get(name) if name in self.builtin else self.custom_roles.get(name)

    def role_names(self) -> list[str]:
        return [*self.builtin, *self.custom_roles]

    def changed(self) -> None:
        """To be called after any change; forgets what was derived."""
        self._held.clear()
        self._alike.clear()

    def token(self, authid: str) -> Token | None:
        user, token = split_token(authid)
        return self.users[user].tokens.get(token) if user in self.users else None

    def grant(self, path: str, kind: str, who: str, role: str, propagate: bool = True) -> None:
        self.acl.setdefault(path, Entries()).of(kind).setdefault(who, {})[role] = propagate
        self.changed()

    def revoke(self, path: str, kind: str, who: str, role: str) -> None:
        entries = self.acl.get(path)
        if entries is None:
            return
        roles = entries.of(kind).get(who, {})
        roles.pop(role, None)
        if not roles:
            entries.of(kind).pop(who, None)
        self._tidy()

    def _tidy(self) -> None:
        """A path that nobody has rights on is not in user.cfg."""
        self.acl = {path: entries for path, entries in self.acl.items() if entries}
        self.changed()

    def forget(self, kind: str, who: str) -> None:
        """Remove every entry of somebody who is being deleted."""
        for entries in self.acl.values():
            entries.of(kind).pop(who, None)
        self._tidy()

    def forget_role(self, name: str) -> None:
        """A role is gone, and with it every entry that gave it to somebody."""
        for entries in self.acl.values():
            for kind in ("user", "group", "token"):
                for who, roles in list(entries.of(kind).items()):
                    roles.pop(name, None)
                    if not roles:
                        del entries.of(kind)[who]
        self._tidy()

    def privileges(self, authid: str, path: str) -> Mapping[str, bool]:
        """Privilege → whether it propagates, for a user or token on a path."""
        key = (authid, path)
        held = self._held.get(key)
        if held is None:
            if len(self._held) >= _MOST_HELD:
                self._held.clear()
            held = self._privileges(authid, path)
            # one dictionary for all paths on which somebody holds the same
            held = self._held[key] = self._alike.setdefault(frozenset(held.items()), held)
        return held

    def allowed(self, authid: str, path: str, needed: Iterable[str], *, any_of: bool = False) -> bool:
        held = self.privileges(authid, path)
        return any(p in held for p in needed) if any_of else all(p in held for p in needed)

    def _privileges(self, authid: str, path: str) -> dict[str, bool]:
        user, tokenid = split_token(authid)
        if user not in self.users:
            return {}
        if tokenid:
            token = self.users[user].tokens.get(tokenid)
            if token is None:
                return {}
            of_user = self.privileges(user, path)
            if not token.privsep:
                return dict(of_user)
            own = self._from_roles(self._roles(authid, "token", path), path, authid, "token")
            return {p: own[p] and of_user[p] for p in own if p in of_user}
        if user == ROOT:
            return dict.fromkeys(self.all_privileges, True)
        return self._from_roles(self._roles(user, "user", path), path, user, "user")

    def _from_roles(self, roles: dict[str, bool], path: str, who: str, kind: str) -> dict[str, bool]:
        pool = self.pool_of.get(path)
        pools = (pool,) if pool else self.storage_pools.get(path, ())
        for each in pools if "NoAccess" not in roles else ():
            inherited = self._roles(who, kind, f"/pool/{each}")
            if "NoAccess" in inherited:
                return {}
            roles = {**inherited, **roles}
        if "NoAccess" in roles:
            return {}
        held: dict[str, bool] = {}
        for role, propagate in roles.items():
            for privilege in self.role(role) or NOTHING:
                held[privilege] = held.get(privilege, False) or propagate
        return held

    def _roles(self, who: str, kind: str, path: str) -> dict[str, bool]:
        found: dict[str, bool] = {}
        for step in steps(path):
            entries = self.acl.get(step)
            if entries is None:
                continue
            final = step == path
            own = entries.of(kind).get(who)
            here = {role: prop for role, prop in own.items() if final or prop} if own else {}
            if not here and kind == "user":
                for group in self.users[who].groups:
                    roles = entries.groups.get(group, {})
                    here |= {role: prop for role, prop in roles.items() if final or prop}
            if here:
                found = here
        return found

    def listing(self) -> list[dict[str, object]]:
        """/access/acl for somebody who may see everything."""
        rows: list[dict[str, object]] = []
        for path, entries in self.acl.items():
            for kind in ("user", "group", "token"):
                for who, roles in entries.of(kind).items():
                    for role, propagate in roles.items():
                        rows.append(
                            {
                                "path": path,
                                "type": kind,
                                "ugid": who,
                                "roleid": role,
                                "propagate": int(propagate),
                            }
                        )
        return rows


def steps(path: str) -> list[str]:
    """ "/", "/vms", "/vms/100" for "/vms/100"."""
    steps = ["/"]
    at = ""
    for part in path.split("/"):
        if part:
            at += f"/{part}"
            steps.append(at)
    return steps
