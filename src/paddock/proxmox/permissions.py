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
    """`privilege` is missing on `path`, and is needed `purpose`."""

    privilege: str
    path: str
    purpose: str


@dataclass(frozen=True, slots=True)
class PermissionsSummary:
    """`missing`: what watching still lacks. `cannot`: what else this credential cannot do, as sentences' ends."""

    can_watch: bool
    sees_guests: bool
    sees_storages: bool
    missing: tuple[Lack, ...]
    cannot: tuple[str, ...]

    @property
    def watches_everything(self) -> bool:
        return not self.missing


WATCHING = (
    Lack("Sys.Audit", "/", "to see the cluster's status, its nodes and their figures"),
    Lack("VM.Audit", "/vms", "to see containers and virtual machines"),
    Lack("Datastore.Audit", "/storage", "to see storages"),
    Lack("SDN.Audit", "/sdn", "to see bridges and networks"),
    Lack("Pool.Audit", "/pool", "to see pools"),
)
MANAGING = (
    (("VM.Allocate", "/vms"), "create and delete containers"),
    (("VM.PowerMgmt", "/vms"), "start and stop containers"),
    (("VM.Migrate", "/vms"), "move containers to another node"),
    (("VM.Config.Options", "/vms"), "change the configuration of containers"),
    (("VM.Backup", "/vms"), "back up containers"),
    (("Datastore.AllocateSpace", "/storage"), "use space on storages"),
    (("SDN.Use", "/sdn"), "connect containers to bridges"),
)


def permissions_summary(permissions: Permissions) -> PermissionsSummary:
    """`permissions` is the whole answer of GET /access/permissions of the credential itself."""
    missing = tuple(lack for lack in WATCHING if not holds(permissions, lack.privilege, lack.path))
    lacks = {lack.privilege for lack in missing}
    cannot = tuple(what for (privilege, path), what in MANAGING if not holds(permissions, privilege, path))
    return PermissionsSummary(
        can_watch="Sys.Audit" not in lacks,
        sees_guests="VM.Audit" not in lacks,
        sees_storages="Datastore.Audit" not in lacks,
        missing=missing,
        cannot=cannot,
    )


_ALWAYS_LISTED = frozenset({"/access", "/nodes", "/pool", "/sdn", "/storage", "/vms"})
"""Paths that the answer names whenever anything is held on them (pve-access-control, `get_effective_permissions`)."""


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
