"""`paddock nodes import`: connect, trust, review, import, follow; the wizard on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from paddock.terminal import asking
from paddock.terminal.certificates import canonical_fingerprint, certificate_facts, pem_file
from paddock.terminal.commands import Commands, Terminal
from paddock.terminal.credentials import PasswordStdin, TokenId, TokenSecretStdin, User, credential
from paddock.terminal.failures import Failed, not_paddock, wrong_use
from paddock.terminal.following import finish, follow
from paddock.terminal.names import SITES, find
from paddock.terminal.output import Column, Item
from paddock.terminal.words import COMPARISONS, Word, cores_of, counted, gib, number, plain, state

PREVIEW_SECONDS = 120.0
"""A preview asks every member, some of which may be dead: it is given more time than other calls."""
MODES = {"system": "system", "cluster": "cluster_ca", "pinned": "pinned", "off": "off"}


@dataclass(frozen=True, slots=True)
class Trust:
    """How Proxmox's certificate is believed, as it goes over the wire. `fingerprint` is SHA-256 or None."""

    mode: str
    fingerprint: str | None = None
    ca_pem: str = ""

    def wire(self) -> dict[str, str | None]:
        own = {"ca_pem": self.ca_pem} if self.ca_pem else {}
        return {"mode": self.mode, "fingerprint": self.fingerprint, **own}


CaFile = Annotated[
    Path | None,
    typer.Option(
        "--ca-file",
        metavar="FILE",
        help="CA certificates (PEM) of your own that signed the nodes' certificates.",
    ),
]


def register(nodes: Commands) -> None:
    nodes.add(
        "import",
        "paddock nodes import --site vienna --url https://192.0.2.11:8006",
        "paddock nodes import --site vienna --url pve1.example.net --token-id audit@pve!paddock",
        "paddock nodes import --site lab --url 192.0.2.21 --password-stdin --fingerprint AA:BB:... --yes < password.txt",
        "paddock nodes import --site lab --url 192.0.2.21 --members pve1,pve3",
        "paddock nodes import --site vienna --url 192.0.2.11 --make-token operator",
    )(import_nodes)


def import_nodes(
    terminal: Terminal,
    site: Annotated[str, typer.Option("--site", metavar="SITE", help="Site in which the nodes stand.")],
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="Any node of the cluster: host, host:port or URL.")
    ],
    user: User = "root@pam",
    password_stdin: PasswordStdin = False,
    token_id: TokenId = None,
    token_secret_stdin: TokenSecretStdin = False,
    fingerprint: Annotated[
        str | None,
        typer.Option(
            "--fingerprint", metavar="AA:BB:..", help="SHA-256 of the node's certificate: trust this cluster."
        ),
    ] = None,
    trust: Annotated[
        str | None,
        typer.Option(
            "--trust",
            metavar="MODE",
            help="system: CAs that Paddock's machine knows and those of --ca-file, and a question where they do not "
            "know it; cluster: the cluster's own CA, after you confirmed it; pinned: only the certificates that the "
            "nodes have now; off: no check, so whoever stands between can read everything.",
        ),
    ] = None,
    ca_file: CaFile = None,
    members: Annotated[
        str | None, typer.Option("--members", metavar="A,B", help="Import these members only.")
    ] = None,
    make_token: Annotated[
        str | None,
        typer.Option(
            "--make-token",
            metavar="LEVEL",
            help="Use the password once to make a token (operator or observer), and keep that instead.",
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Import the unchanged ones again, too.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Import without a question. Never confirms a certificate.")
    ] = False,
) -> None:
    """Import the nodes of a cluster, or a lone host.

    Shows what stands behind the URL before anything is written: the certificate, if the system does not
    trust it, and every member with what would change. Importing again brings in what is new and duplicates
    nothing. Secrets are asked for without echo, read from stdin, or taken from PADDOCK_PVE_PASSWORD and
    PADDOCK_PVE_TOKEN_SECRET; Paddock keeps them sealed.

    Compare the fingerprint on the node itself: pvenode cert info
    """
    wanted = trust_of(trust, fingerprint, ca_file)
    if members and every:
        raise wrong_use("Give --members or --all, not both.")
    if make_token not in {None, "operator", "observer"}:
        raise wrong_use(f"--make-token {make_token} is not known.", hint="Use operator or observer.")
    found = find(terminal.client, SITES, site)
    body = {"site_id": found.get("id"), "url": url}
    body |= credential(user, token_id, password_stdin=password_stdin, token_secret_stdin=token_secret_stdin)
    if wanted.mode == "off":
        terminal.out.warn(
            "Certificates will not be checked: whoever stands between can read password and data."
        )
    preview = _preview(terminal, body, wanted)
    chosen = _chosen(preview, members, every=every)
    if not terminal.options.as_json:
        _review(terminal, preview, chosen)
    if not chosen:
        if terminal.options.as_json:
            terminal.out.data(preview)
        terminal.out.note(
            "Nothing to import: all members are known and unchanged. Add --all to import them again."
        )
        return
    names = [plain(member.get("name")) for member in chosen]
    nodes = counted(len(names), "node")
    undone = "Nothing was imported."
    if not asking.confirm(f"Import {nodes} into {plain(found.get('name'))}?", yes=yes, undone=undone):
        raise Failed(undone, code="declined")
    body = {"preview_id": preview.get("preview_id"), "members": names}
    if make_token:
        body["token"] = make_token
    started = terminal.client.post("/imports", body)
    job_id = started.get("job_id")
    if not isinstance(job_id, str) or not job_id:
        raise not_paddock(terminal.client.server.url + "/api/v1/imports", "no job")
    job = follow(terminal, job_id)
    finish(terminal, job)
    terminal.out.note(f"Imported {nodes}. See them: paddock nodes list --site {plain(found.get('name'))}")


def trust_of(mode: str | None, fingerprint: str | None, ca_file: Path | None = None) -> Trust:
    if mode is not None and mode not in MODES:
        raise wrong_use(f"--trust {mode} is not known.", hint="Use system, cluster, pinned or off.")
    if ca_file is not None and mode not in {None, "system"}:
        raise wrong_use(f"--ca-file does not go with --trust {mode}.")
    if fingerprint is None:
        return Trust(MODES[mode or "system"], ca_pem=pem_file(ca_file))
    if mode in {"system", "off"} or ca_file is not None:
        raise wrong_use(f"--fingerprint does not go with {f'--trust {mode}' if mode else '--ca-file'}.")
    return Trust(MODES[mode or "cluster"], canonical_fingerprint(fingerprint))


def _preview(terminal: Terminal, body: dict[str, Any], trust: Trust) -> dict[str, Any]:
    """The preview; where the certificate is not trusted, after a person has confirmed it."""
    timeout = max(terminal.options.timeout, PREVIEW_SECONDS)

    def ask(how: Trust) -> dict[str, Any]:
        terminal.out.note(f"Reading {body['url']} ...")
        return terminal.client.post("/imports/preview", {**body, "trust": how.wire()}, timeout=timeout)

    try:
        return ask(trust)
    except Failed as failed:
        certificate = failed.problem.get("certificate")
        if not isinstance(certificate, dict):
            raise
        return ask(confirmed(terminal, certificate, trust, failed))


def confirmed(terminal: Terminal, certificate: Item, trust: Trust, failed: Failed) -> Trust:
    """The trust that a person gives to the shown certificate. Raises Failed where nobody does.

    What keeps it from being trusted is in the code of `failed`: unconfirmed, unknown_authority, ...
    """
    seen = str(certificate.get("sha256") or "")
    if trust.fingerprint is not None and seen.upper() == trust.fingerprint:
        raise failed  # the right one, and yet not to be trusted: expired, for example
    if trust.fingerprint is not None:
        raise Failed(
            f"The node shows another certificate: {seen}",
            code=failed.code,
            hint="Compare on the node with `pvenode cert info`. If that differs too, somebody stands between.",
            problem={**failed.problem, "detail": f"The node shows another certificate: {seen}"},
        )
    if not asking.interactive():
        hint = f"Compare with `pvenode cert info` on the node; if it is the same, add: --fingerprint {seen}"
        raise Failed(failed.message, code=failed.code, hint=hint, problem={**failed.problem, "hint": hint})
    out = terminal.out
    out.tell("The certificate is not trusted yet. It is this one:")
    out.facts(certificate_facts(certificate), stderr=True)
    out.tell("Compare the fingerprint on the node itself, with: pvenode cert info")
    if not typer.confirm("Is it the same, and may this cluster be trusted?", err=True):
        raise Failed("Nothing was imported: the certificate was not confirmed.", code="declined")
    return Trust("pinned" if trust.mode == "pinned" else "cluster_ca", seen)


def _members(preview: Item) -> list[dict[str, Any]]:
    return [member for member in preview.get("members") or () if isinstance(member, dict)]


def _chosen(preview: Item, wanted: str | None, *, every: bool) -> list[dict[str, Any]]:
    """The members to import: named, all, or by default the new and the changed ones.

    Raises Failed for a name that is none, or that cannot be imported.
    """
    there = {plain(member.get("name")): member for member in _members(preview)}
    possible = {name: member for name, member in there.items() if member.get("selectable") is not False}
    if wanted is None:
        if not possible:
            raise Failed(
                "Nothing behind this URL can be imported.", code="nothing_to_import", hint=_notes(preview)
            )
        return [member for member in possible.values() if every or member.get("preselected") is not False]
    names = list(dict.fromkeys(name.strip() for name in wanted.split(",") if name.strip()))
    if unknown := [name for name in names if name not in there]:
        raise wrong_use(f"The cluster has no member {', '.join(unknown)}.", candidates=sorted(there))
    if refused := [name for name in names if name not in possible]:
        why = ", ".join(
            f"{name}: {state(COMPARISONS, there[name].get('comparison')).text}" for name in refused
        )
        raise Failed(f"Cannot be imported: {why}.", code="not_selectable")
    if not names:
        raise wrong_use("--members names nobody.", candidates=sorted(possible))
    return [possible[name] for name in names]


def _notes(preview: Item) -> str | None:
    return " ".join(plain(note) for note in preview.get("notes") or ()) or None


def _review(terminal: Terminal, preview: Item, chosen: Sequence[Item]) -> None:
    """What would be written, on stderr: stdout belongs to the result."""
    out = terminal.out
    cluster, credential = _part(preview, "cluster"), _part(preview, "credential")
    kind = "Lone host" if cluster.get("kind") == "standalone" else "Cluster"
    facts: list[tuple[str, str | Word]] = [(kind, plain(cluster.get("name")))]
    facts.append(("Signs in as", plain(credential.get("name"))))
    for title, part in (("Cannot", "cannot"), ("Lacks", "missing")):
        if credential.get(part):
            facts.append((title, plain(credential.get(part))))
    out.facts(facts, stderr=True)
    names = {member.get("name") for member in chosen}
    out.table(
        (
            Column("Import", lambda m: Word("yes", "✓", "green") if m.get("name") in names else "no"),
            Column("Name", lambda m: plain(m.get("name"))),
            Column("Address", lambda m: plain(m.get("address"))),
            Column("Online", lambda m: _ONLINE[m.get("online") is True]),
            Column("Is", lambda m: state(COMPARISONS, m.get("comparison"))),
            Column("PVE", lambda m: plain(m.get("version")), spare=3),
            Column("CPU", lambda m: cores_of(None, m.get("cores")), right=True, spare=4),
            Column("Memory", lambda m: gib(m.get("memory")), right=True, spare=5),
            Column("Storage", lambda m: _storage(m.get("storage")), right=True, spare=6),
            Column("CTs", lambda m: plain(m.get("containers")), right=True, spare=1),
            Column("VMs", lambda m: plain(m.get("vms")), right=True, spare=7),
            Column("Certificate", lambda m: plain(m.get("certificate")), spare=8),
            Column("Changes", lambda m: plain(m.get("changes")), spare=2),
            Column("Problem", lambda m: plain(m.get("problem"))),
        ),
        _members(preview),
        stderr=True,
    )
    for note in preview.get("notes") or ():
        out.tell(plain(note))


_ONLINE = {True: Word("Online", "✓", "green"), False: Word("Offline", "✗", "red")}


def _storage(value: Any) -> str:
    """Bytes, or the names of storages."""
    return gib(value) if number(value) is not None else plain(value)


def _part(document: Item, name: str) -> Item:
    part = document.get(name)
    return part if isinstance(part, dict) else {}
