"""`paddock clusters remove`."""

from __future__ import annotations

from paddock.clusters.cli.reading import Which
from paddock.terminal import removal
from paddock.terminal.commands import Commands, Terminal
from paddock.terminal.names import CLUSTERS, find
from paddock.terminal.words import plain


def register(clusters: Commands) -> None:
    clusters.add(
        "remove",
        "paddock clusters remove production",
        "paddock clusters remove lab --reason 'switched off' --yes",
    )(remove)


def remove(terminal: Terminal, cluster: Which, reason: removal.Reason = "", yes: removal.Yes = False) -> None:
    """Take a cluster with all its nodes out of Paddock. Nothing changes in Proxmox VE.

    Refused while active containers run on any of its managed nodes; they are listed.
    """
    found = find(terminal.client, CLUSTERS, cluster)
    name = plain(found.get("name"))
    removal.remove(terminal, f"/clusters/{found.get('id')}", "cluster", name, reason, yes=yes)
