"""What stands in the way of a node that is to be removed, in words. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from paddock.base.errors import InUse
from paddock.proxmox.shapes import StatusRow


@dataclass(frozen=True, slots=True)
class Resident:
    """A container or VM on the node, as Proxmox VE says at that moment. `known`: whether Paddock knows it."""

    vmid: int
    name: str
    status: str
    known: bool = True

    @property
    def active(self) -> bool:
        """All but stopped: what Paddock cannot read as stopped may run."""
        return self.status != "stopped"

    @property
    def label(self) -> str:
        more = [] if self.status == "running" else [self.status]
        more += [] if self.known else ["not known to Paddock so far"]
        return f"{self.vmid} {self.name}".strip() + (f" ({', '.join(more)})" if more else "")


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found about one node. `unasked` says why Proxmox VE could not be asked; empty where it was."""

    node: str
    at: datetime
    unasked: str = ""
    called: str = ""
    """What Proxmox VE calls it now, where it was asked."""
    movable: bool = True
    """Whether its containers could go to another node that stays managed."""
    left: bool = False
    """Whether the cluster no longer lists it: then nothing of it can be asked, nor needs to be."""
    containers: tuple[Resident, ...] = ()
    vms: tuple[Resident, ...] = ()
    tasks: tuple[str, ...] = ()
    ha: tuple[str, ...] = ()
    replication: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    """What could not be read besides, each with why."""

    @property
    def active(self) -> tuple[Resident, ...]:
        return tuple(one for one in self.containers if one.active)

    @property
    def stopped(self) -> tuple[Resident, ...]:
        return tuple(one for one in self.containers if not one.active)

    @property
    def running_vms(self) -> tuple[Resident, ...]:
        return tuple(one for one in self.vms if one.active)

    @property
    def refused(self) -> bool:
        return not self.unasked and bool(self.active)

    @property
    def ways_out(self) -> tuple[str, ...]:
        """Commands for the first active container, as examples that work when pasted; the gentlest first."""
        vmid = self.active[0].vmid
        delete = f"pct shutdown {vmid} && pct destroy {vmid}"
        move = (f"pct migrate {vmid} OTHER-NODE --restart",) if self.movable else ()
        return (*move, f"pct shutdown {vmid}", delete)

    def wire(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "node": self.node,
            "at": self.at.isoformat(),
            "asked": not self.unasked,
            "unasked": self.unasked,
            "called": self.called,
            "left": self.left,
            "active": [_guest(one) for one in self.active],
            "stopped": [_guest(one) for one in self.stopped],
            "running_vms": [_guest(one) for one in self.running_vms],
            "tasks": list(self.tasks),
            "ha": list(self.ha),
            "replication": list(self.replication),
            "unread": list(self.unread),
        }


class ContainersActive(InUse):
    """Active containers run there; `findings` has everything that was found."""

    default_code = "containers_active"

    def __init__(self, findings: Sequence[Findings]) -> None:
        self.findings = tuple(findings)
        held = [one for one in self.findings if one.refused]
        names = [resident.label for one in held for resident in one.active]
        where = listed([one.node for one in held])
        are = "is 1 active container" if len(names) == 1 else f"are {len(names)} active containers"
        super().__init__(
            f"{where} cannot be removed: there {are}: {listed(names)}.",
            objections=names,
            hint=("Migrate them to another node, shut them down" if held[0].movable else "Shut them down")
            + f", or delete them, and remove the node then. On the node: {held[0].ways_out[0]}",
        )

    def extra(self) -> dict[str, Any]:
        return {**super().extra(), "nodes": [one.wire() for one in self.findings]}


def called(
    name: str, address: str, members: Iterable[StatusRow], managed: Collection[str], *, lone: bool
) -> str | None:
    """What Proxmox VE calls a node now; None where it has left its cluster.

    A lone host cannot leave. A member that is there under another name, which is not that of a managed node, has
    been renamed: it is known by its address.
    """
    present = list(members)
    if any(row.name == name for row in present):
        return name
    if lone:
        return present[0].name if present else name
    renamed = [row.name for row in present if row.ip == address and row.name not in managed]
    return renamed[0] if renamed else None


def listed(names: Iterable[str], most: int = 8) -> str:
    found = list(names)
    shown = found if len(found) <= most else [*found[: most - 1], f"{len(found) - most + 1} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def _guest(one: Resident) -> dict[str, Any]:
    return {"vmid": one.vmid, "name": one.name, "status": one.status, "known": one.known}
