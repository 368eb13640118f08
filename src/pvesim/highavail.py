"""What the HA stack knows: managed guests, rules, groups, and how far it has got with each.

Sources: ha-manager `HA/Config.pm`, `HA/Manager.pm`, `HA/NodeStatus.pm`. What it does is in `works.hastack`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pvesim.agenda import Entry
    from pvesim.tasks import Task

FENCED_AFTER = 60.0  # seconds from a node's death until it is to be fenced
RECOVERED_AFTER = 120.0  # … until its lock has expired and its guests may start elsewhere

Options = dict[str, str | int]
TYPES = {"lxc": "ct", "qemu": "vm"}
KINDS = {"ct": "lxc", "vm": "qemu"}


@dataclass(slots=True)
class Resource:
    """A managed guest: what resources.cfg says, and its service status, once the manager has seen it."""

    sid: str
    vmid: int
    options: Options  # state, max_restart, max_relocate, failback, group, comment
    state: str = ""  # of the manager; empty: queued
    node: str = ""
    running: bool = False
    target: str = ""
    home: str = ""  # the node that it has left for that one's maintenance
    command: tuple[str, str] | None = None  # migrate or relocate, and where to
    timeout: int = 60  # for the next shutdown
    failures: int = 0  # failed starts on this node
    failed_nodes: list[str] = field(default_factory=list)
    work: Task | None = None  # what its node is doing with it

    @property
    def type(self) -> str:
        return self.sid.partition(":")[0]

    @property
    def wanted(self) -> str:
        state = str(self.options.get("state", "started"))
        return "started" if state == "enabled" else state

    def number(self, name: str) -> int:
        """An option that has a default of one."""
        return int(self.options.get(name, 1))

    def shown(self, *, there: bool = True) -> str:
        """The state for people (`get_verbose_service_state`)."""
        if self.wanted == "ignored":
            return "ignored"
        if not there:
            return "not found"
        if not self.state:
            return "queued"
        if self.state == "started" and self.wanted == "started" and not self.running:
            return "starting"
        if self.state == "request_stop":
            return "stopping"
        if self.state == "stopped" and self.wanted == "disabled":
            return "disabled"
        return self.state


class HighAvailability:
    """The HA stack of one cluster."""

    __slots__ = (
        "disarmed", "entry", "groups", "maintenance", "master", "resources", "rules", "seen",
    )  # fmt: skip

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.rules: dict[str, dict[str, str | int]] = {}  # in their order
        self.groups: dict[str, Options] = {}
        self.maintenance: set[str] = set()  # names of nodes
        self.master = ""  # the node that manages; empty until there was something to manage
        self.seen = 0.0  # when it was last at work
        self.disarmed = ""  # freeze or ignore
        self.entry: Entry | None = None  # its next turn

    def of(self, vmid: int) -> Resource | None:
        return self.resources.get(f"ct:{vmid}") or self.resources.get(f"vm:{vmid}")

    def manages(self, vmid: int) -> bool:
        """Ignored guests are as if they were not managed."""
        found = self.of(vmid)
        return found is not None and found.wanted != "ignored"

    def state_of(self, vmid: int) -> str | None:
        """As in /cluster/resources: what the manager has got to, or else what is wanted."""
        found = self.of(vmid)
        if found is None:
            return None
        return found.state or (str(found.options["state"]) if "state" in found.options else None)

    def forget(self, vmid: int) -> bool:
        """Take a guest out, and out of the rules; False where it was not in."""
        found = self.of(vmid)
        if found is None:
            return False
        del self.resources[found.sid]
        for name, rule in list(self.rules.items()):
            left = [sid for sid in str(rule["resources"]).split(",") if sid != found.sid]
            if left:
                rule["resources"] = ",".join(left)
            else:
                del self.rules[name]
        return True
