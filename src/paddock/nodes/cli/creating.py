"""`paddock nodes create|add`: one node by hand, and a member that joined."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from paddock.nodes.cli.importing import PREVIEW_SECONDS, CaFile, Trust, confirmed, trust_of
from paddock.terminal import asking
from paddock.terminal.commands import Commands, Terminal
from paddock.terminal.credentials import PasswordStdin, TokenId, TokenSecretStdin, User, credential
from paddock.terminal.failures import Failed, not_paddock, wrong_use
from paddock.terminal.following import finish, follow
from paddock.terminal.names import CLUSTERS, SITES, find, find_id
from paddock.terminal.words import plain


def register(nodes: Commands) -> None:
    nodes.add(
        "create",
        "paddock nodes create pve1 --site vienna --url https://192.0.2.11:8006",
        "paddock nodes create edge1 --site graz --url edge1.example.net:18006 --address 192.0.2.21",
        "paddock nodes create pve1 --site lab --url 192.0.2.11 --fingerprint AA:BB:... --password-stdin < password.txt",
    )(create)
    nodes.add("add", "paddock nodes add pve4 --cluster production")(add)


def create(
    terminal: Terminal,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Exactly what Proxmox VE calls the node.", show_default=False),
    ],
    site: Annotated[str, typer.Option("--site", metavar="SITE", help="Site in which it stands.")],
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="Where its API answers: host, host:port or URL.")
    ],
    address: Annotated[
        str,
        typer.Option("--address", metavar="IP", help="IP address; without it the one that Proxmox reports."),
    ] = "",
    user: User = "root@pam",
    password_stdin: PasswordStdin = False,
    token_id: TokenId = None,
    token_secret_stdin: TokenSecretStdin = False,
    fingerprint: Annotated[
        str | None,
        typer.Option("--fingerprint", metavar="AA:BB:..", help="SHA-256 of the node's certificate."),
    ] = None,
    trust: Annotated[
        str | None,
        typer.Option("--trust", metavar="MODE", help="system, cluster, pinned or off, as in `import`."),
    ] = None,
    ca_file: CaFile = None,
) -> None:
    """Register one node by hand: a lone host, another port, or a single member of a cluster.

    Its name is compared with what Proxmox VE calls it, exactly. Where they differ, the right one is told, and at a
    terminal you are asked whether to take it.
    """
    wanted = trust_of(trust, fingerprint, ca_file)
    body: dict[str, Any] = {"site_id": find_id(terminal.client, SITES, site), "url": url, "name": name}
    body |= {"address": address} | credential(
        user, token_id, password_stdin=password_stdin, token_secret_stdin=token_secret_stdin
    )
    started = _started(terminal, body, wanted)
    _followed(terminal, started)
    terminal.out.note(f"Created. Look at it: paddock nodes show {body['name']}")


def _started(terminal: Terminal, body: dict[str, Any], trust: Trust) -> dict[str, Any]:
    """The answer of POST /nodes, after a person has confirmed the certificate and taken the right name."""
    timeout = max(terminal.options.timeout, PREVIEW_SECONDS)
    for _ in range(3):
        try:
            return terminal.client.post("/nodes", {**body, "trust": trust.wire()}, timeout=timeout)
        except Failed as failed:
            called, certificate = failed.problem.get("called"), failed.problem.get("certificate")
            if isinstance(certificate, dict):
                trust = confirmed(terminal, certificate, trust, failed)
            elif isinstance(called, str) and asking.interactive():
                terminal.out.tell(failed.message)
                if not typer.confirm(f"Take {plain(called)}?", err=True):
                    raise
                body["name"] = called
            else:
                raise
    return terminal.client.post("/nodes", {**body, "trust": trust.wire()}, timeout=timeout)


def add(
    terminal: Terminal,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The member, as the cluster lists it.", show_default=False)
    ],
    cluster: Annotated[str, typer.Option("--cluster", metavar="CLUSTER", help="Name or id of the cluster.")],
    decline: Annotated[
        bool, typer.Option("--decline", help="Do not add it, and do not offer it any more.")
    ] = False,
) -> None:
    """Add a member that joined a managed cluster, with the cluster's own sign-in: no password is asked.

    `paddock clusters members CLUSTER` lists all members.
    """
    found = find(terminal.client, CLUSTERS, cluster)
    if "/" in name:
        raise wrong_use("Give the member's name alone; the cluster has its own option.")
    if decline:
        terminal.client.post(f"/clusters/{found.get('id')}/members/{name}/decline")
        terminal.out.note(f"{name} is not offered any more.")
        return
    _followed(terminal, terminal.client.post(f"/clusters/{found.get('id')}/nodes", {"name": name}))
    terminal.out.note(f"Added. Look at it: paddock nodes show {plain(found.get('name'))}/{name}")


def _followed(terminal: Terminal, started: dict[str, Any]) -> None:
    job_id = started.get("job_id")
    if not isinstance(job_id, str) or not job_id:
        raise not_paddock(terminal.client.server.url + "/api/v1/nodes", "no job")
    finish(terminal, follow(terminal, job_id))
