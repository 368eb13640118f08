"""`paddock nodes update|remove`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from paddock.nodes.cli.reading import NodeName
from paddock.terminal import removal
from paddock.terminal.commands import Commands, Terminal
from paddock.terminal.failures import Failed, wrong_use
from paddock.terminal.names import NODES, SITES, find, find_id
from paddock.terminal.output import Item
from paddock.terminal.words import plain

TEST_SECONDS = 60.0


def register(nodes: Commands) -> None:
    nodes.add(
        "update",
        "paddock nodes update pve1 --address 192.0.2.12",
        "paddock nodes update pve1 --url pve1.example.net:18006",
        "paddock nodes update pve1 --name alpha",
        "paddock nodes update pve1 --address 192.0.2.12 --save-anyway 'moves tonight'",
    )(update)
    nodes.add(
        "remove",
        "paddock nodes remove pve1",
        "paddock nodes remove production/pve3 --reason 'burnt down' --yes",
    )(remove)


def update(
    terminal: Terminal,
    node: NodeName,
    name: Annotated[
        str | None, typer.Option("--name", help="Only ever exactly what Proxmox VE calls it now.")
    ] = None,
    address: Annotated[
        str | None, typer.Option("--address", metavar="IP", help="Another IP address.")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="Where its API answers; made of the address, it follows the address."),
    ] = None,
    site: Annotated[
        str | None, typer.Option("--site", metavar="SITE", help="Another site, for its whole cluster.")
    ] = None,
    save_anyway: Annotated[
        str,
        typer.Option("--save-anyway", metavar="REASON", help="Save although the test fails; for the audit."),
    ] = "",
) -> None:
    """Change how a node is reached, its name, or its site. The connection is tested before anything is saved.

    What is not given stays. If somebody else changes the node meanwhile, nothing is written. Without any option
    the connection is tested as it is.
    """
    client = terminal.client
    body: dict[str, Any] = {"name": name, "address": address, "url": url}
    body["site_id"] = find_id(client, SITES, site)
    given = {key: value for key, value in body.items() if value is not None}
    if save_anyway and not given:
        raise wrong_use("Nothing to change.", hint="See what can be changed: paddock nodes update --help")
    path = f"/nodes/{find(client, NODES, node).get('id')}"
    etag = client.send("GET", path).etag
    timeout = max(terminal.options.timeout, TEST_SECONDS)
    try:
        changed = client.send(
            "PATCH", path, body={**given, "save_anyway": save_anyway}, if_match=etag, timeout=timeout
        ).data
    except Failed as failed:
        _steps(terminal, failed)
        raise
    _print(terminal, changed if isinstance(changed, dict) else client.get(path))


def remove(
    terminal: Terminal,
    node: NodeName,
    reason: removal.Reason = "",
    yes: removal.Yes = False,
) -> None:
    """Take a node out of Paddock. Nothing changes in Proxmox VE.

    Proxmox VE is asked what runs there at that moment: while active containers do, the removal is refused and they
    are listed. With the last node of a cluster the cluster goes. A node that cannot be asked needs a --reason.
    """
    found = find(terminal.client, NODES, node)
    removal.remove(terminal, f"/nodes/{found.get('id')}", "node", plain(found.get("name")), reason, yes=yes)


def _steps(terminal: Terminal, failed: Failed) -> None:
    """How far the test came, on stderr."""
    steps = failed.problem.get("steps")
    if terminal.options.as_json or not isinstance(steps, list):
        return
    for step in steps:
        if isinstance(step, dict):
            terminal.out.tell(f"{plain(step.get('step'))}: {plain(step.get('state'))}")


def _print(terminal: Terminal, node: Item) -> None:
    if terminal.options.as_json:
        terminal.out.data(node)
        return
    terminal.out.facts(
        [
            ("Node", f"{plain(node.get('cluster'))}/{plain(node.get('name'))}"),
            ("Site", plain(node.get("site"))),
            ("Address", plain(node.get("address"))),
            ("URL", plain(node.get("url"))),
            ("Id", plain(node.get("id"))),
        ]
    )
