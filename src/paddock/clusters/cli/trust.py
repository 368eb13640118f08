"""`paddock clusters trust`, `set-trust`, `trust-node`: whom Paddock believes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from paddock.clusters.cli.reading import TRUST, Which, trust
from paddock.terminal import asking
from paddock.terminal.certificates import canonical_fingerprint, certificate_facts, pem_file
from paddock.terminal.commands import Commands, Terminal
from paddock.terminal.failures import Failed, wrong_use
from paddock.terminal.names import CLUSTERS, find
from paddock.terminal.output import Column, Item
from paddock.terminal.words import Cell, Word, plain

MODES = {"system": "system", "cluster": "cluster_ca", "pinned": "pinned", "off": "off"}
TEST_SECONDS = 120.0
"""A change of trust is tried on every member, some of which may be dead."""


def register(clusters: Commands) -> None:
    clusters.add("trust", "paddock clusters trust production")(show_trust)
    clusters.add(
        "set-trust",
        "paddock clusters set-trust production cluster",
        "paddock clusters set-trust production system --ca-file company-ca.pem",
        "paddock clusters set-trust lab pinned --test",
    )(set_trust)
    clusters.add("trust-node", "paddock clusters trust-node production pve2 --fingerprint AA:BB:...")(
        trust_node
    )


def show_trust(terminal: Terminal, cluster: Which) -> None:
    """Show whom Paddock believes: the trust of a cluster and the certificate of every member."""
    found = terminal.client.get(f"/clusters/{_id(terminal, cluster)}/trust")
    if terminal.options.as_json:
        terminal.out.data(found)
        return
    terminal.out.facts([("Trust", trust(found))])
    for authority in found.get("authorities") or ():
        terminal.out.facts(
            [("CA", plain(authority.get("subject"))), ("SHA-256", plain(authority.get("sha256")))]
        )
    terminal.out.table(
        (
            Column("Member", lambda m: plain(m.get("name"))),
            Column("Address", lambda m: plain(m.get("address")), spare=3),
            Column("Certificate", _believed),
            Column(
                "Valid until", lambda m: plain((m.get("certificate") or {}).get("not_after"))[:10], spare=1
            ),
            Column("Checked as", lambda m: plain(m.get("server_name")), spare=2),
            Column("SHA-256", lambda m: plain((m.get("certificate") or {}).get("sha256")), spare=4),
        ),
        found.get("members") or [],
    )
    for one in found.get("members") or ():
        if one.get("refused"):
            terminal.out.tell(
                f"{plain(one.get('name'))} shows another certificate, and no credential is sent to it:"
            )
            terminal.out.facts(certificate_facts(one["refused"]), stderr=True)


def set_trust(
    terminal: Terminal,
    cluster: Which,
    mode: Annotated[str, typer.Argument(metavar="MODE", help="cluster, system, pinned or off.")],
    fingerprint: Annotated[
        str | None,
        typer.Option(
            "--fingerprint",
            metavar="AA:BB:..",
            help="SHA-256 of the certificate of any member, compared with pvenode cert info on it.",
        ),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", metavar="FILE", help="system: CA certificates (PEM) of your own."),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            metavar="MEMBER=NAME",
            help="system: the name that a member's certificate is for. Repeatable.",
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Save it although the test fails; it is audited.")
    ] = "",
    test: Annotated[bool, typer.Option("--test", help="Try it on the members and save nothing.")] = False,
) -> None:
    """Change whom Paddock believes. The change is tried on every member before it is saved.

    cluster: the cluster's own CA; system: CAs that Paddock's machine knows, and those of --ca-file; pinned: only
    the certificates that the nodes have now; off: no check, so whoever stands between can read everything.
    """
    if mode not in MODES:
        raise wrong_use(f"There is no trust {mode}.", hint="Use cluster, system, pinned or off.")
    if ca_file is not None and mode != "system":
        raise wrong_use(f"--ca-file does not go with {mode}.")
    wish: dict[str, Any] = {
        "mode": MODES[mode],
        "ca_pem": pem_file(ca_file),
        "names": _names(name),
        "reason": reason,
    }
    if fingerprint is not None:
        wish["fingerprint"] = canonical_fingerprint(fingerprint)
    if mode == "off":
        terminal.out.warn(
            "Certificates will not be checked: whoever stands between can read sign-in and data."
        )
    path = f"/clusters/{_id(terminal, cluster)}/trust"
    try:
        found = _sent(terminal, path, wish, test=test)
    except Failed as failed:
        shown = failed.problem.get("certificate")
        if not isinstance(shown, dict) or fingerprint is not None or mode not in {"cluster", "pinned"}:
            raise
        wish["fingerprint"] = _compared(terminal, shown, failed)
        found = _sent(terminal, path, wish, test=test)
    if terminal.options.as_json:
        terminal.out.data(found)
    elif test:
        terminal.out.table(
            (
                Column("Member", lambda m: plain(m.get("name"))),
                Column("Outcome", lambda m: _OUTCOMES.get(str(m.get("outcome")), plain(m.get("outcome")))),
                Column("Why", lambda m: plain(m.get("text"))),
            ),
            found.get("members") or [],
        )
        terminal.out.note("Nothing was saved.")
    else:
        terminal.out.note(f"Saved: {TRUST[MODES[mode]]}.")


def trust_node(
    terminal: Terminal,
    cluster: Which,
    node: Annotated[str, typer.Argument(metavar="NODE", help="Name of the member, with case.")],
    fingerprint: Annotated[
        str | None,
        typer.Option(
            "--fingerprint",
            metavar="AA:BB:..",
            help="SHA-256 of the certificate that it shows now, compared with pvenode cert info on it.",
        ),
    ] = None,
) -> None:
    """Trust the new certificate of a node whose certificate has changed, after you have compared it."""
    where = f"/clusters/{_id(terminal, cluster)}"
    if fingerprint is not None:
        wanted = canonical_fingerprint(fingerprint)
    else:
        members = terminal.client.get(f"{where}/trust").get("members") or []
        shown = next((one.get("refused") for one in members if one.get("name") == node), None)
        if not isinstance(shown, dict):
            terminal.out.note(f"{node} shows no other certificate than the one that is believed.")
            return
        wanted = _compared(terminal, shown, Failed(f"{node} shows a certificate that is not trusted."))
    found = terminal.client.post(f"{where}/members/{node}/trust", {"fingerprint": wanted})
    if terminal.options.as_json:
        terminal.out.data(found)
    terminal.out.note(f"{node} is believed with this certificate from now on.")


_OUTCOMES = {
    "trusted": Word("believed", "✓", "green"),
    "untrusted": Word("not believed", "✗", "red"),
    "unreachable": Word("not reached", "?", "bright_black"),
}


def _id(terminal: Terminal, cluster: str) -> str:
    return str(find(terminal.client, CLUSTERS, cluster).get("id"))


def _believed(member: Item) -> Cell:
    if member.get("refused"):
        return Word("changed, not believed", "✗", "red")
    return Word("believed", "✓", "green") if member.get("certificate") else "not seen yet"


def _sent(terminal: Terminal, path: str, wish: dict[str, Any], *, test: bool) -> dict[str, Any]:
    timeout = max(terminal.options.timeout, TEST_SECONDS)
    if test:
        return terminal.client.post(f"{path}/test", wish, timeout=timeout)
    return terminal.client.put(path, wish, timeout=timeout)


def _names(given: list[str] | None) -> dict[str, str]:
    pairs = [text.partition("=") for text in given or ()]
    if wrong := [member for member, _, name in pairs if not name]:
        raise wrong_use(f"--name {wrong[0]}: give MEMBER=NAME, for example pve1=pve1.example.org.")
    return {member.strip(): name.strip() for member, _, name in pairs}


def _compared(terminal: Terminal, shown: dict[str, Any], failed: Failed) -> str:
    """The fingerprint of a certificate that a person has compared. Raises Failed where nobody does."""
    seen = plain(shown.get("sha256"))
    if not asking.interactive():
        hint = f"Compare with `pvenode cert info` on the node; if it is the same, add: --fingerprint {seen}"
        raise Failed(failed.message, code=failed.code, hint=hint, problem={**failed.problem, "hint": hint})
    terminal.out.tell("It shows this certificate:")
    terminal.out.facts(certificate_facts(shown), stderr=True)
    terminal.out.tell("Compare the fingerprint on the node itself, with: pvenode cert info")
    if not typer.confirm("Is it the same?", err=True):
        raise Failed("Nothing was changed: the certificate was not confirmed.", code="declined")
    return seen
