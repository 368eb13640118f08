"""Takes a node or a cluster out of Paddock: the name typed, the refusal shown, the way to clean up told."""

from __future__ import annotations

from typing import Annotated

import typer

from paddock.terminal.asking import confirm_name
from paddock.terminal.commands import Terminal
from paddock.terminal.words import plain

ASK_SECONDS = 60.0

Reason = Annotated[
    str, typer.Option("--reason", help="Why, for the audit. Needed where Proxmox VE cannot be asked.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def remove(terminal: Terminal, path: str, what: str, name: str, reason: str, *, yes: bool) -> None:
    """Raises Failed with the active containers as its objections."""
    confirm_name(f"the {what} {name} from Paddock", name, yes=yes)
    query = {"confirm": name, "reason": reason or None}
    reply = terminal.client.send(
        "DELETE", path, query=query, timeout=max(terminal.options.timeout, ASK_SECONDS)
    )
    done = reply.data if isinstance(reply.data, dict) else {}
    if terminal.options.as_json:
        terminal.out.data(done)
    terminal.out.note(f"The {what} {name} is managed no longer. Nothing was changed in Proxmox VE.")
    if what == "node" and done.get("cluster_removed"):
        terminal.out.note(f"It was the last one of {plain(done.get('cluster'))}, which is gone too.")
    if commands := done.get("clean_up"):
        terminal.out.note("If its sign-in was made for Paddock alone, take it away on any of its nodes:")
        for command in commands:
            terminal.out.note(f"  {plain(command)}")
