"""Restoring a container from a backup: `vzrestore`."""

from __future__ import annotations

from pvesim.guest import Guest
from pvesim.tasks import Task, TaskFailed, Work
from pvesim.works.creating import Plan


def restore(task: Task, guest: Guest, plan: Plan, unprivileged: bool | None, *, over: bool) -> Work:
    """Disks as in the backup, or as given; the backed-up configuration with what was given on top."""
    yield 0.1
    raise TaskFailed(f"unable to restore CT {guest.vmid} - not built yet")
