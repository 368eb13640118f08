"""`paddock clusters sign-in` and `paddock clusters deeds`: how Paddock signs in, and what it has made for that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from paddock.terminal.commands import Commands, Terminal
from paddock.terminal.credentials import PasswordStdin, TokenId, TokenSecretStdin, credential
from paddock.terminal.failures import Failed, wrong_use
from paddock.terminal.following import finish, follow
from paddock.terminal.lists import PageNumber, PageSize, read_list
from paddock.terminal.names import CLUSTERS, find
from paddock.terminal.output import Column, Item
from paddock.terminal.words import Cell, Word, age, plain

TRIAL_SECONDS = 120.0
"""A refusal takes Proxmox VE some seconds at each member: a trial is given more time than other calls."""

sign_in = Commands(
    "How Paddock signs in to a cluster: show it, change it, make a token of Paddock's own, replace that.\n\n"
    "Secrets are asked for without echo, read from stdin, or taken from PADDOCK_PVE_PASSWORD and "
    "PADDOCK_PVE_TOKEN_SECRET."
)

Name = Annotated[
    str, typer.Argument(metavar="CLUSTER", help="Name or id of the cluster.", show_default=False)
]
Member = Annotated[
    str | None, typer.Option("--member", metavar="NODE", help="For this one member only, not for all.")
]
Admin = Annotated[
    str,
    typer.Option(
        "--admin", metavar="USER@REALM", help="Who makes it on Proxmox VE; the password is used once."
    ),
]
OUTCOMES = {
    "accepted": Word("Accepted", "✓", "green"),
    "refused": Word("Refused", "✗", "red"),
    "unreached": Word("Not asked", "?", "bright_black"),
    "spared": Word("Spared", "-", "bright_black"),
}


def register(clusters: Commands) -> None:
    clusters.mount("sign-in", sign_in)
    clusters.add("deeds", "paddock clusters deeds production")(deeds)


@sign_in.add("show", "paddock clusters sign-in show production")
def show(terminal: Terminal, cluster: Name) -> None:
    """Show how Paddock signs in, and what Paddock wants to be allowed, for what, and whether it is."""
    path = _path(terminal, cluster)
    found = terminal.client.get(path)
    try:
        rights = terminal.client.get(f"{path}/rights")
    except Failed as failed:
        rights = {"level": None, "wants": [], "problem": failed.problem}
    if terminal.options.as_json:
        terminal.out.data({**found, "rights": rights})
        return
    now = datetime.now(UTC)
    own = ", ".join(f"{plain(one.get('member'))}: {plain(one.get('name'))}" for one in found.get("own") or ())
    by_token = found.get("kind") == "token"
    made = ", made by Paddock" if found.get("made_by_paddock") else ""
    terminal.out.facts(
        [
            ("Signed in as", plain(found.get("name"))),
            ("Way", f"API token{made}" if by_token else "username and password, the less secure way"),
            ("Since", age(found.get("since"), now)),
            ("State", _state(found)),
            ("Of their own", own or "none"),
            ("Enough for", plain(rights.get("level") or "nothing that Paddock needs")),
        ]
    )
    if found.get("guess"):
        terminal.out.tell(plain(found.get("guess")))
    terminal.out.table(
        (
            Column("To", lambda w: plain(w.get("purpose"))),
            Column("Privilege", lambda w: plain(w.get("privilege"))),
            Column("Path", lambda w: plain(w.get("path"))),
            Column("From", lambda w: plain(w.get("level")), spare=1),
            Column("There", _present),
        ),
        rights.get("wants") or [],
    )


@sign_in.add(
    "change",
    "paddock clusters sign-in change production --user root@pam",
    "paddock clusters sign-in change production --token-id paddock@pve!paddock",
    "paddock clusters sign-in change production --member pve2 --user root@pam",
)
def change(
    terminal: Terminal,
    cluster: Name,
    user: Annotated[
        str | None, typer.Option("--user", metavar="USER@REALM", help="Sign in with this user's password.")
    ] = None,
    token_id: TokenId = None,
    password_stdin: PasswordStdin = False,
    token_secret_stdin: TokenSecretStdin = False,
    member: Member = None,
    reason: Annotated[
        str,
        typer.Option(
            "--reason", metavar="TEXT", help="Save it even where the trial fails; goes into the audit."
        ),
    ] = "",
) -> None:
    """Change the sign-in of a cluster, or of one member.

    The new one is tried at every member that will use it. Where one refuses it, nothing is saved.
    """
    if (user is None) == (token_id is None):
        raise wrong_use("Give --user or --token-id.")
    path = _path(terminal, cluster) + (f"/members/{member}" if member else "")
    body = {
        "reason": reason,
        **credential(
            user or "", token_id, password_stdin=password_stdin, token_secret_stdin=token_secret_stdin
        ),
    }
    try:
        changed = terminal.client.put(path, body, timeout=_patience(terminal))
    except Failed as failed:
        if not terminal.options.as_json:
            _tested(terminal, failed.problem.get("tested") or [])
        raise
    if terminal.options.as_json:
        terminal.out.data(changed)
        return
    _tested(terminal, changed.get("tested") or [])
    terminal.out.note("Saved.")


@sign_in.add("reset-member", "paddock clusters sign-in reset-member production pve2")
def reset_member(
    terminal: Terminal,
    cluster: Name,
    member: Annotated[str, typer.Argument(metavar="NODE", help="The member.", show_default=False)],
) -> None:
    """Let a member with a sign-in of its own use that of the cluster again."""
    terminal.client.delete(f"{_path(terminal, cluster)}/members/{member}")
    terminal.out.note(f"{member} signs in as the whole cluster does.")


@sign_in.add(
    "make-token",
    "paddock clusters sign-in make-token production",
    "paddock clusters sign-in make-token production --level observer --admin admin@pve",
)
def make_token(
    terminal: Terminal,
    cluster: Name,
    level: Annotated[
        str,
        typer.Option(
            "--level", metavar="LEVEL", help="operator: works with containers; observer: only sees."
        ),
    ] = "operator",
    admin: Admin = "root@pam",
    password_stdin: PasswordStdin = False,
) -> None:
    """Use a password once to make a role, a user and a token on Proxmox VE, and sign in with that token.

    The role holds only what Paddock needs. What was made is shown; the password is kept nowhere.
    """
    if level not in {"operator", "observer"}:
        raise wrong_use(f"--level {level} is not known.", hint="Use operator or observer.")
    path = _path(terminal, cluster)
    started = terminal.client.post(
        f"{path}/token", {"level": level, **credential(admin, password_stdin=password_stdin)}
    )
    finish(terminal, follow(terminal, str(started.get("job_id"))))


@sign_in.add(
    "rotate",
    "paddock clusters sign-in rotate production",
    "paddock clusters sign-in rotate north south --admin root@pam --password-stdin < password.txt",
)
def rotate(
    terminal: Terminal,
    clusters: Annotated[
        list[str], typer.Argument(metavar="CLUSTER...", help="Names or ids of clusters.", show_default=False)
    ],
    admin: Admin = "root@pam",
    password_stdin: PasswordStdin = False,
    keep_old: Annotated[bool, typer.Option("--keep-old", help="Leave the old token on Proxmox VE.")] = False,
) -> None:
    """Replace the token of one or many clusters.

    A new token with the same rights is made and tried at every member; only then the old one is removed.
    """
    ids = [str(find(terminal.client, CLUSTERS, name).get("id")) for name in clusters]
    body = {"clusters": ids, "remove_old": not keep_old, **credential(admin, password_stdin=password_stdin)}
    started = terminal.client.post("/sign-ins/rotate", body)
    jobs = [follow(terminal, str(job)) for job in started.get("job_ids") or ()]
    if terminal.options.as_json and len(jobs) > 1:
        terminal.out.data(jobs)
    for job in jobs:
        if len(jobs) == 1 or job.get("state") != "done":
            finish(terminal, job)


@sign_in.add("explain", "paddock clusters sign-in explain production --admin root@pam")
def explain(
    terminal: Terminal, cluster: Name, admin: Admin = "root@pam", password_stdin: PasswordStdin = False
) -> None:
    """Find out why Proxmox VE refuses the sign-in: it gives no reason, so an administrator of it looks."""
    path = _path(terminal, cluster)
    cause = terminal.client.post(
        f"{path}/explain", credential(admin, password_stdin=password_stdin), timeout=_patience(terminal)
    )
    if terminal.options.as_json:
        terminal.out.data(cause)
        return
    terminal.out.line(plain(cause.get("text")))
    terminal.out.tell(plain(cause.get("hint")))


@sign_in.add("commands", "paddock clusters sign-in commands production --level observer")
def commands(
    terminal: Terminal,
    cluster: Name,
    level: Annotated[
        str | None, typer.Option("--level", metavar="LEVEL", help="operator or observer; default: as now.")
    ] = None,
) -> None:
    """Print what to run on a node instead of giving Paddock a password.

    Afterwards: paddock clusters sign-in change CLUSTER --token-id ID, with the secret that was printed.
    """
    found = terminal.client.get(f"{_path(terminal, cluster)}/commands", {"level": level} if level else None)
    if terminal.options.as_json:
        terminal.out.data(found)
        return
    for command in found.get("commands") or ():
        terminal.out.line(plain(command))
    terminal.out.tell(
        f"Then: paddock clusters sign-in change {cluster} --token-id '{plain(found.get('token_id'))}'"
    )
    for command in found.get("afterwards") or ():
        terminal.out.tell(f"And last, on a node: {plain(command)}")


def deeds(terminal: Terminal, cluster: Name, page: PageNumber = None, size: PageSize = None) -> None:
    """List what Paddock has made or changed on a cluster: roles, users, tokens, permissions."""
    now = datetime.now(UTC)
    found = find(terminal.client, CLUSTERS, cluster)
    answer = read_list(terminal, f"/clusters/{found.get('id')}/deeds", {}, sort=None, page=page, size=size)
    columns = (
        Column("What", lambda d: f"{plain(d.get('kind'))} {plain(d.get('verb'))}"),
        Column("Name", lambda d: plain(d.get("name"))),
        Column("When", lambda d: age(d.get("at"), now)),
        Column("Who", lambda d: plain(d.get("actor"))),
        Column("As", lambda d: plain(d.get("administrator")), spare=2),
        Column(
            "Now", lambda d: f"removed {age(d.get('removed_at'), now)}" if d.get("removed_at") else "there"
        ),
        Column("Detail", lambda d: plain(d.get("detail")), spare=1),
    )
    terminal.show_list(
        answer,
        columns,
        label=lambda d: plain(d.get("name")),
        one="entry",
        empty="Paddock has made nothing on this cluster.",
    )


def _path(terminal: Terminal, cluster: str) -> str:
    return f"/clusters/{find(terminal.client, CLUSTERS, cluster).get('id')}/sign-in"


def _patience(terminal: Terminal) -> float:
    return max(terminal.options.timeout, TRIAL_SECONDS)


def _tested(terminal: Terminal, rows: list[Any]) -> None:
    terminal.out.table(
        (
            Column("Member", lambda t: plain(t.get("member"))),
            Column("Tried", lambda t: OUTCOMES.get(str(t.get("outcome")), plain(t.get("outcome")))),
            Column("What it said", lambda t: plain(t.get("text"))),
        ),
        [row for row in rows if isinstance(row, dict)],
        stderr=True,
    )


def _state(found: Item) -> Cell:
    if found.get("refused"):
        return Word("Refused", "!", "dark_orange")
    return Word("Not read", "!", "dark_orange") if found.get("trouble") else Word("Works", "✓", "green")


def _present(want: Item) -> Cell:
    return Word("yes", "✓", "green") if want.get("present") else Word("no", "✗", "bright_black")
