"""`paddock nodes diagnose|bundle` and `paddock diagnose URL`: where the way to a node stops, and what to do next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from paddock.nodes.cli.reading import NodeName
from paddock.terminal.certificates import canonical_fingerprint
from paddock.terminal.commands import Commands, Terminal, command
from paddock.terminal.credentials import PasswordStdin, TokenId, TokenSecretStdin, credential
from paddock.terminal.failures import Failed, wrong_use
from paddock.terminal.helptext import epilog
from paddock.terminal.names import NODES, find
from paddock.terminal.output import Item
from paddock.terminal.words import Word, plain

SECONDS = 60.0
"""A silent node takes seconds, and Paddock bounds how many are looked at together."""
_WHERE = {"here": "on Paddock's machine", "ssh": "by ssh", "node": "at the node's console"}
_OUTCOMES = {
    "passed": Word("passed", "✓", "green"),
    "warned": Word("to look at", "!", "dark_orange"),
    "failed": Word("failed", "✗", "red"),
    "skipped": Word("skipped", "–", "bright_black"),
}


def register(nodes: Commands) -> None:
    nodes.add(
        "diagnose",
        "paddock nodes diagnose pve1",
        "paddock nodes diagnose production/pve1 --json",
        "paddock nodes diagnose pve1 --last",
    )(diagnose_node)
    nodes.add("bundle", "paddock nodes bundle pve1", "paddock nodes bundle pve1 --output -")(bundle)


def diagnose_node(
    terminal: Terminal,
    node: NodeName,
    last: Annotated[
        bool, typer.Option("--last", help="Show the newest diagnosis that was made, without a new look.")
    ] = False,
) -> None:
    """Look at a node step by step, as every request goes, and say where it stops and what to do next.

    URL, name resolution, TCP, certificate, product, sign-in, version, privileges, name, membership and quorum,
    clock, storages, and the other members' view. Ends with exit code 1 where a step failed.
    """
    client = terminal.client
    node_id = find(client, NODES, node).get("id")
    if last:
        found = client.get(f"/nodes/{node_id}/diagnosis")
    else:
        timeout = max(terminal.options.timeout, SECONDS)
        found = client.post(f"/nodes/{node_id}/diagnose", {}, timeout=timeout)
    _show(terminal, found)


def bundle(
    terminal: Terminal,
    node: NodeName,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write it; - for stdout.", dir_okay=False
        ),
    ] = None,
) -> None:
    """Write a node's support bundle: diagnosis, state, members and events as JSON, without any secret."""
    client = terminal.client
    found = find(client, NODES, node)
    document = client.get(f"/nodes/{found.get('id')}/support-bundle")
    if terminal.options.as_json or str(output) == "-":
        terminal.out.data(document)
        return
    name = "".join(sign for sign in str(found.get("name")) if sign.isalnum() or sign == "-")
    path = output or Path(f"paddock-{name or 'node'}.json")
    try:
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}.", code="not_written") from None
    terminal.out.line(str(path))


@command
def diagnose(
    terminal: Terminal,
    url: Annotated[str, typer.Argument(metavar="URL", help="host, host:port or URL.", show_default=False)],
    user: Annotated[
        str | None, typer.Option("--user", metavar="USER@REALM", help="Try this sign-in too.")
    ] = None,
    password_stdin: PasswordStdin = False,
    token_id: TokenId = None,
    token_secret_stdin: TokenSecretStdin = False,
    fingerprint: Annotated[
        str | None,
        typer.Option(
            "--fingerprint", metavar="AA:BB:..", help="SHA-256 of the node's certificate: believe it."
        ),
    ] = None,
    insecure_node: Annotated[
        bool,
        typer.Option(
            "--trust-anybody", help="Do not check the node's certificate; others can read the secret."
        ),
    ] = False,
) -> None:
    """Look at an address step by step before anything is registered.

    Paddock's server looks, not this machine. Without --user or --token-id the way up to the sign-in is looked at.
    A certificate that is not trusted is described and gets no credential; compare its fingerprint on the node
    (pvenode cert info) and give it with --fingerprint. Nothing is kept. Secrets are asked for without echo, read
    from stdin, or taken from PADDOCK_PVE_PASSWORD and PADDOCK_PVE_TOKEN_SECRET. Ends with exit code 1 where a step
    failed.
    """
    if fingerprint and insecure_node:
        raise wrong_use("--fingerprint does not go with --trust-anybody.")
    body: dict[str, Any] = {
        "url": url,
        **_credential(user, token_id, password_stdin=password_stdin, token_secret_stdin=token_secret_stdin),
    }
    if fingerprint:
        body["trust"] = {"fingerprint": canonical_fingerprint(fingerprint)}
    elif insecure_node:
        body["trust"] = {"mode": "off"}
        terminal.out.warn("The certificate will not be checked: whoever stands between can read the secret.")
    timeout = max(terminal.options.timeout, SECONDS)
    _show(terminal, terminal.client.post("/diagnose", body, timeout=timeout))


diagnose.epilog = epilog(  # type: ignore[attr-defined]
    "paddock diagnose 192.0.2.11",
    "paddock diagnose https://pve1.example.net:8006 --user root@pam --fingerprint AA:BB:...",
    "paddock diagnose pve1.example.net --token-id audit@pve!paddock --token-secret-stdin < secret.txt",
)


def _credential(
    user: str | None, token_id: str | None, *, password_stdin: bool, token_secret_stdin: bool
) -> dict[str, str]:
    """Nothing where nobody is named: then the way up to the sign-in is looked at."""
    if user is not None and token_id is not None:
        raise wrong_use("Give --user or --token-id, not both.")
    if user is None and token_id is None:
        if password_stdin or token_secret_stdin:
            raise wrong_use("A secret alone is of no use: add --user or --token-id.")
        return {}
    return credential(
        user or "", token_id, password_stdin=password_stdin, token_secret_stdin=token_secret_stdin
    )


def _show(terminal: Terminal, found: Item) -> None:
    """The steps, then cause, proof and commands of the first that failed. Exits with 1 where one did."""
    failed = [step for step in _dicts(found, "steps") if step.get("outcome") == "failed"]
    if terminal.options.as_json:
        terminal.out.data(found)
    elif terminal.options.quiet:
        terminal.out.line(plain(found.get("code")))
    else:
        _tell(terminal, found, failed)
    if failed:
        raise typer.Exit(1)


def _tell(terminal: Terminal, found: Item, failed: list[Item]) -> None:
    out = terminal.out
    steps = _dicts(found, "steps")
    width = max((len(plain(step.get("title"))) for step in steps), default=0)
    for step in steps:
        word = _OUTCOMES.get(str(step.get("outcome")), Word(plain(step.get("outcome")), "?", "bright_black"))
        padded = Word(word.text.ljust(10), word.icon, word.style)
        out.line(padded, plain(step.get("title")).ljust(width), plain(step.get("text")))
    out.line("")
    out.line(plain(found.get("headline")))
    for step in failed[:1] or [one for one in steps if one.get("outcome") == "warned"]:
        _remedy(terminal, step)


def _remedy(terminal: Terminal, step: Item) -> None:
    out = terminal.out
    out.line("")
    out.line(f"{plain(step.get('title'))}: {plain(step.get('text'))}")
    for line in _dicts(step, "proof"):
        out.line(f"{plain(line.get('label'))}: {plain(line.get('text'))}")
    for need in _dicts(step, "needs"):
        if need.get("present") is False and need.get("required") is True:
            out.line(
                f"Missing: {plain(need.get('privilege'))} on {plain(need.get('path'))}, to {plain(need.get('purpose'))}"
            )
    if step.get("next"):
        out.line(f"Next: {plain(step.get('next'))}")
    for each in _dicts(step, "commands"):
        where = _WHERE.get(str(each.get("where")), "")
        why = f", {plain(each.get('why'))}" if each.get("why") else ""
        out.line(f"# {where}{why}")
        out.line(plain(each.get("text")))


def _dicts(document: Item, name: str) -> list[Item]:
    found = document.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
