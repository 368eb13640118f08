"""`paddock clusters remove`."""

from __future__ import annotations

from typing import Annotated

import typer

from paddock.clusters.cli.reading import Which
from paddock.terminal import removal
from paddock.terminal.commands import Commands, Terminal
from paddock.terminal.credentials import PasswordStdin, credential
from paddock.terminal.failures import wrong_use
from paddock.terminal.names import CLUSTERS, find
from paddock.terminal.words import plain


def register(clusters: Commands) -> None:
    clusters.add(
        "remove",
        "paddock clusters remove production",
        "paddock clusters remove lab --reason 'switched off' --yes",
        "paddock clusters remove production --take-away --admin root@pam",
    )(remove)


def remove(
    terminal: Terminal,
    cluster: Which,
    reason: removal.Reason = "",
    take_away: Annotated[
        bool,
        typer.Option(
            "--take-away",
            help="Also take away from Proxmox VE what Paddock made there for its sign-in: token, user, role.",
        ),
    ] = False,
    admin: Annotated[
        str,
        typer.Option("--admin", metavar="USER@REALM", help="Who takes it away; the password is used once."),
    ] = "root@pam",
    password_stdin: PasswordStdin = False,
    yes: removal.Yes = False,
) -> None:
    """Take a cluster with all its nodes out of Paddock. What runs in Proxmox VE goes on running.

    Refused while active containers run on any of its managed nodes; they are listed. Without --take-away the
    commands that remove Paddock's sign-in from Proxmox VE are printed.
    """
    if not take_away and (password_stdin or admin != "root@pam"):
        raise wrong_use("--admin and --password-stdin need --take-away.")
    found = find(terminal.client, CLUSTERS, cluster)
    removal.remove(
        terminal,
        f"/clusters/{found.get('id')}",
        "cluster",
        plain(found.get("name")),
        reason,
        yes=yes,
        administrator=(lambda: credential(admin, password_stdin=password_stdin)) if take_away else None,
    )
