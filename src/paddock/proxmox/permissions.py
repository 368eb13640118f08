"""What a credential may do, out of /access/permissions. Pure.

A missing right on a list is not an error in Proxmox VE but an empty list, so this is the only honest look ahead
(measured on 9.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Permissions = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Lack:
    """`privilege` is wanted on `path`, in order to `purpose`."""

    privilege: str
    path: str
    purpose: str


_ALWAYS_LISTED = frozenset({"/access", "/nodes", "/pool", "/sdn", "/storage", "/vms"})
"""Paths that the answer names whenever anything is held on them (pve-access-control, `get_effective_permissions`)."""


def has_own_entry(permissions: Permissions, path: str) -> bool:
    """Whether `path`, one of those that are always listed, has an entry of its own, which replaces the one on /.

    It shows where something else is held there than what is inherited; where it is the same, nobody can tell.
    """
    inherited = {privilege for privilege, goes_on in permissions.get("/", {}).items() if goes_on}
    whole = bool(_ALWAYS_LISTED & permissions.keys())
    return path in _ALWAYS_LISTED and whole and permissions.get(path, {}).keys() != inherited


def holds(permissions: Permissions, privilege: str, path: str) -> bool:
    """Whether the privilege holds on `path` and is inherited below it.

    A more specific entry replaces what is inherited, so the nearest listed ancestor decides. The value 1 means
    that the right goes on to paths below, 0 that it holds on that path alone; on a listed path itself both count.
    """
    parts = [part for part in path.split("/") if part]
    listed = _ALWAYS_LISTED & permissions.keys()
    if listed and parts and f"/{parts[0]}" in _ALWAYS_LISTED - listed:
        return False  # the whole answer leaves out a path only where nothing is held on it
    for length in range(len(parts), -1, -1):
        ancestor = "/" + "/".join(parts[:length])
        if ancestor in permissions:
            found = permissions[ancestor].get(privilege)
            return found is not None and (bool(found) or length == len(parts))
    return False
