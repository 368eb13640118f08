"""What Paddock wants to be allowed on a cluster, for what, and the roles that hold no more than that. Pure.

Measured on 9.2: each privilege was taken away alone, and what then failed was written down. All of them exist on 8.x
too. One role on `/` serves: an entry on a path below would replace what is inherited, not add to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from paddock.proxmox.permissions import Lack, Permissions, has_own_entry, holds


class Level(StrEnum):
    """How much Paddock may do: see everything, or also work with containers."""

    OBSERVER = "observer"
    OPERATOR = "operator"


ROLE_NAMES = {Level.OBSERVER: "PaddockObserver", Level.OPERATOR: "PaddockOperator"}

_OBSERVER = (
    Lack("Sys.Audit", "/", "see the cluster's status, its nodes and their figures"),
    Lack("VM.Audit", "/vms", "see containers and virtual machines"),
    Lack("Datastore.Audit", "/storage", "see storages"),
    Lack("SDN.Audit", "/sdn", "see bridges and networks"),
    Lack("Pool.Audit", "/pool", "see pools"),
)
_OPERATOR = (
    Lack("VM.Allocate", "/vms", "create and delete containers"),
    Lack("VM.PowerMgmt", "/vms", "start and stop containers"),
    Lack("VM.Migrate", "/vms", "move containers to another node"),
    Lack("VM.Clone", "/vms", "copy containers"),
    Lack("VM.Config.CPU", "/vms", "change the cores of containers"),
    Lack("VM.Config.Memory", "/vms", "change the memory of containers"),
    Lack("VM.Config.Disk", "/vms", "change the disks of containers"),
    Lack("VM.Config.Network", "/vms", "change name and network of containers"),
    Lack("VM.Config.Options", "/vms", "change notes, tags and options of containers"),
    Lack("VM.Snapshot", "/vms", "take snapshots of containers"),
    Lack("VM.Snapshot.Rollback", "/vms", "take containers back to a snapshot"),
    Lack("VM.Backup", "/vms", "back up containers, and see their backups"),
    Lack("Datastore.AllocateSpace", "/storage", "use space on storages"),
    Lack("Datastore.AllocateTemplate", "/storage", "download templates"),
    Lack("SDN.Use", "/sdn", "connect containers to bridges"),
)


@dataclass(frozen=True, slots=True)
class PermissionsSummary:
    """`missing`: what watching still lacks. `cannot`: what else this credential cannot do, as sentences' ends."""

    can_watch: bool
    sees_guests: bool
    missing: tuple[Lack, ...]
    cannot: tuple[str, ...]

    @property
    def watches_everything(self) -> bool:
        return not self.missing


def permissions_summary(permissions: Permissions) -> PermissionsSummary:
    """`permissions` is the whole answer of GET /access/permissions of the credential itself."""
    missing = lacking(permissions, _OBSERVER)
    lacks = {lack.privilege for lack in missing}
    return PermissionsSummary(
        can_watch="Sys.Audit" not in lacks,
        sees_guests="VM.Audit" not in lacks,
        missing=missing,
        cannot=tuple(lack.purpose for lack in lacking(permissions, _OPERATOR)),
    )


@dataclass(frozen=True, slots=True)
class Want:
    """One privilege on one path, what it is for, from which level on it is wanted, and whether it is there."""

    privilege: str
    path: str
    purpose: str
    level: Level
    present: bool


def wanted(level: Level) -> tuple[Lack, ...]:
    return _OBSERVER if level is Level.OBSERVER else _OBSERVER + _OPERATOR


def privileges(level: Level) -> tuple[str, ...]:
    """What the role of this level holds, sorted."""
    return tuple(sorted(lack.privilege for lack in wanted(level)))


def table(permissions: Permissions) -> tuple[Want, ...]:
    """`permissions` is the whole answer of GET /access/permissions of the credential itself."""
    return tuple(
        Want(one.privilege, one.path, one.purpose, level, holds(permissions, one.privilege, one.path))
        for level, wants in ((Level.OBSERVER, _OBSERVER), (Level.OPERATOR, _OPERATOR))
        for one in wants
    )


def grant_on(permissions: Permissions) -> tuple[str, ...]:
    """The paths on which an entry would give what watching lacks: / unless one below replaces what comes from it."""
    missing = lacking(permissions, _OBSERVER)
    return tuple(dict.fromkeys(one.path if has_own_entry(permissions, one.path) else "/" for one in missing))


def lacking(permissions: Permissions, wants: Iterable[Lack]) -> tuple[Lack, ...]:
    return tuple(one for one in wants if not holds(permissions, one.privilege, one.path))


def level_of(permissions: Permissions) -> Level | None:
    """The highest level whose every want is met; None where even watching is not complete."""
    if lacking(permissions, _OBSERVER):
        return None
    return Level.OBSERVER if lacking(permissions, _OPERATOR) else Level.OPERATOR


def listed(lacks: Iterable[Lack]) -> str:
    """VM.Audit and VM.Backup on /vms, Sys.Audit on /"""
    by_path: dict[str, list[str]] = {}
    for one in lacks:
        by_path.setdefault(one.path, []).append(one.privilege)
    return ", ".join(f"{' and '.join(names)} on {path}" for path, names in by_path.items())
