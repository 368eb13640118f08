"""Which backups a retention keeps, and how many may be protected.

Source: pve-storage `Storage.pm` (`prune_mark_backup_group`, `get_max_protected_backups`), `Storage/Plugin.pm`
(`prune_backups`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from pvesim import volnames
from pvesim.api import Call
from pvesim.errors import failed
from pvesim.model import Node
from pvesim.scene import StorageScene
from pvesim.volumes import Volume

_PROTECTED_BY_USERS = 5
_KEPT: tuple[tuple[str, Callable[[datetime], object]], ...] = (
    ("keep-last", lambda when: when.timestamp()),
    ("keep-hourly", lambda when: (when.year, when.month, when.day, when.hour)),
    ("keep-daily", lambda when: (when.year, when.month, when.day)),
    ("keep-weekly", lambda when: when.isocalendar()[:2]),
    ("keep-monthly", lambda when: (when.year, when.month)),
    ("keep-yearly", lambda when: when.year),
)


@dataclass(slots=True)
class Entry:
    """A backup and what becomes of it: keep, remove, protected, renamed."""

    volume: Volume
    ctime: int
    kind: str
    vmid: int | None
    mark: str = ""

    def row(self) -> dict[str, object]:
        row: dict[str, object] = {
            "volid": self.volume.volid,
            "ctime": self.ctime,
            "type": self.kind,
            "mark": self.mark,
        }
        return row | {"vmid": self.vmid} if self.vmid is not None else row


def retention(text: str) -> dict[str, int]:
    """ "keep-last=3,keep-daily=7" as numbers."""
    found = {}
    for part in text.split(","):
        key, _, value = part.partition("=")
        if key.strip():
            found[key.strip()] = int(value) if value.isdigit() else int(value in ("true", "yes", "on"))
    return found


def told(keep: Mapping[str, int]) -> str:
    """As vzdump's log has it."""
    return ", ".join(f"{key}={keep[key]}" for key in sorted(keep))


def marked(
    node: Node, storage: StorageScene, keep: Mapping[str, int], vmid: int | None = None, kind: str = ""
) -> list[Entry]:
    """All backups with what would become of them; those of each guest are counted for themselves."""
    groups: dict[tuple[str, int | None], list[Entry]] = {}
    found = []
    for volume in backups(node, storage, vmid):
        known = volnames.dump(volume.name)
        entry = Entry(
            volume,
            known.ctime if known else volume.ctime,
            known.kind if known else "unknown",
            known.vmid if known else volume.vmid,
            "" if known else "renamed",
        )
        if kind and kind != entry.kind:
            continue
        if volume.protected:
            entry.mark = "protected"
        if known:
            groups.setdefault((entry.kind, entry.vmid), []).append(entry)
        found.append(entry)
    for group in groups.values():
        mark(group, keep)
    return found


def backups(node: Node, storage: StorageScene, vmid: int | None = None) -> list[Volume]:
    found = (each for each in node.cluster.volumes.on(node.name, storage.name) if each.content == "backup")
    return sorted(
        (each for each in found if vmid is None or each.vmid == vmid), key=lambda each: each.volid.lower()
    )


def mark(group: Iterable[Entry], keep: Mapping[str, int]) -> None:
    """Decide for the backups of one guest; the newest come first."""
    entries = sorted(group, key=lambda entry: -entry.ctime)
    if keep.get("keep-all") or not any(count > 0 for key, count in keep.items() if key != "keep-all"):
        for entry in entries:
            entry.mark = entry.mark or "keep"
        return
    for key, period in _KEPT:
        _mark(entries, keep.get(key, 0), period)
    for entry in entries:
        entry.mark = entry.mark or "remove"


def _mark(entries: list[Entry], count: int, period: Callable[[datetime], object]) -> None:
    if not count:
        return
    periods = [(entry, period(datetime.fromtimestamp(entry.ctime, UTC))) for entry in entries]
    included = {of for entry, of in periods if entry.mark == "keep"}
    new: set[object] = set()
    for entry, of in periods:
        if entry.mark or of in included:
            continue
        if of in new:
            entry.mark = "remove"
        elif len(new) >= count:
            break
        else:
            new.add(of)
            entry.mark = "keep"


def most_protected(call: Call, storage: StorageScene) -> int:
    """How many backups of a guest may be protected; -1 without limit."""
    known = storage.options.get("max-protected-backups")
    if known is not None:
        return int(known)
    return -1 if call.can(f"/storage/{storage.name}", "Datastore.Allocate") else _PROTECTED_BY_USERS


def limit_text(most: int, storage: StorageScene) -> str:
    return f"The number of protected backups per guest is limited to {most} on storage '{storage.name}'"


def protected_limit(call: Call, storage: StorageScene, volume: Volume) -> None:
    """Raises 500 where no further backup of the guest may be protected."""
    most = most_protected(call, storage)
    if volume.vmid is None or most < 0:
        return
    if sum(each.protected for each in backups(call.node, storage, volume.vmid)) >= most:
        raise failed(limit_text(most, storage))
