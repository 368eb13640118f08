"""Takes a node or a cluster out of Paddock: the name typed, the refusal shown, the way to clean up told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from paddock.terminal.asking import confirm_name, interactive
from paddock.terminal.commands import Terminal
from paddock.terminal.words import plain

ASK_SECONDS = 60.0

Reason = Annotated[
    str, typer.Option("--reason", help="Why, for the audit. Needed where Proxmox VE cannot be asked.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def _tell(terminal: Terminal, found: dict[str, Any]) -> None:
    """What refers to the node besides active containers, which forbid its removal anyway."""
    stopped = [f"{one.get('vmid')} {one.get('name')}" for one in found.get("stopped") or ()]
    vms = [f"{one.get('vmid')} {one.get('name')}" for one in found.get("running_vms") or ()]
    for title, items in (
        ("Stopped containers, known to Paddock no longer afterwards", stopped),
        ("Running VMs, left alone", vms),
        ("Running tasks", found.get("tasks")),
        ("HA refers to it", found.get("ha")),
        ("Replication", found.get("replication")),
        ("Could not be read", found.get("unread")),
    ):
        if items:
            terminal.out.note(f"{title}: {plain(', '.join(items))}")


def remove(
    terminal: Terminal,
    path: str,
    what: str,
    name: str,
    reason: str,
    *,
    yes: bool,
    administrator: Callable[[], dict[str, str]] | None = None,
) -> None:
    """Raises Failed with the active containers as its objections.

    With an `administrator`, who is asked for after the confirmation, what Paddock made on Proxmox VE goes too.
    """
    timeout = max(terminal.options.timeout, ASK_SECONDS)
    if what == "node" and not yes and interactive():
        found = terminal.client.send("GET", f"{path}/dependents", timeout=timeout).data
        _tell(terminal, found if isinstance(found, dict) else {})
    confirm_name(f"the {what} {name} from Paddock", name, yes=yes, verb="remove")
    if administrator is None:
        query = {"confirm": name, "reason": reason or None}
        reply = terminal.client.send("DELETE", path, query=query, timeout=timeout)
    else:
        body = {"confirm": name, "reason": reason, "administrator": administrator()}
        reply = terminal.client.send("POST", f"{path}/remove", body=body, timeout=timeout)
    done = reply.data if isinstance(reply.data, dict) else {}
    if terminal.options.as_json:
        terminal.out.data(done)
    taken = done.get("taken_away") or ()
    left = "Nothing was changed in Proxmox VE." if not taken else ""
    terminal.out.note(f"The {what} {name} is managed no longer. {left}".rstrip())
    for thing in taken:
        terminal.out.note(f"Taken away from Proxmox VE: {plain(thing)}")
    for text in done.get("kept") or ():
        terminal.out.note(f"Kept on Proxmox VE: {plain(text)}")
    if what == "node" and done.get("cluster_removed"):
        terminal.out.note(f"It was the last one of {plain(done.get('cluster'))}, which is gone too.")
    if commands := done.get("clean_up"):
        refused = plain(done.get("refused")) if done.get("refused") else ""
        terminal.out.note(
            f"Proxmox VE refused to take the rest away: {refused} On any of its nodes:"
            if refused
            else "If its sign-in was made for Paddock alone, take it away on any of its nodes:"
        )
        for command in commands:
            terminal.out.note(f"  {plain(command)}")
