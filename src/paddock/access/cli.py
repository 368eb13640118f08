"""`paddock login`, `paddock logout` and `paddock access`: who one is, users, API tokens, the audit log."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from paddock.terminal import config
from paddock.terminal.asking import confirm_name, secret
from paddock.terminal.commands import Commands, Terminal, command
from paddock.terminal.failures import wrong_use
from paddock.terminal.helptext import epilog
from paddock.terminal.lists import PageNumber, PageSize, Search, Sort, read_list
from paddock.terminal.names import TOKENS, find
from paddock.terminal.output import Column, Item
from paddock.terminal.words import NOTHING, Cell, Word, age, plain

access = Commands("Who may do what in Paddock: users, API tokens, the audit log.")
users = Commands("People who may sign in. An administrator may do everything, an auditor see everything.")
tokens = Commands("Your API tokens: keys for programs and for this command line.")
access.mount("users", users)
access.mount("tokens", tokens)
app = access.app

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_OUTCOMES = {
    "ok": Word("ok", "✓", "green"),
    "refused": Word("refused", "✗", "dark_orange"),
    "failed": Word("failed", "✗", "red"),
}


@command
def login(
    terminal: Terminal,
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Address of Paddock, as in the browser.", show_default=False)
    ],
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the API token from stdin instead of asking.")
    ] = False,
) -> None:
    """Sign in to a Paddock with an API token, and remember it.

    Make the token in Paddock under Access, API tokens. It is asked for without echo, or read from stdin
    or from PADDOCK_TOKEN; it is tried, then kept in ~/.config/paddock/cli.toml, readable by you alone.
    With --profile NAME several sign-ins stand side by side.
    """
    name = config.profile_name(terminal.options.profile, os.environ)
    profiles = config.read(terminal.config_file)
    address = config.canonical_url(url)
    token = config.checked_token(
        secret("API token", from_stdin=token_stdin, option="--token-stdin", variable="PADDOCK_TOKEN")
    )
    ca = os.path.abspath(terminal.options.ca) if terminal.options.ca else ""
    server = config.Server(address, token, ca=ca, insecure=terminal.options.insecure)
    me = terminal.client_for(server).get("/me")
    config.write(terminal.config_file, {**profiles, name: server})
    if terminal.options.as_json:
        terminal.out.data(me)
    terminal.out.note(f"Signed in to {address} as {plain(me.get('name'))} ({plain(me.get('role'))}).")


login.epilog = epilog(  # type: ignore[attr-defined]
    "paddock login https://paddock.example.com",
    "paddock login https://lab.example.com --profile lab --ca lab-ca.pem",
    "paddock login http://127.0.0.1:8080 --token-stdin < token.txt",
)


@command
def logout(terminal: Terminal) -> None:
    """Forget the stored API token of this profile.

    The token itself stays valid: end it with `paddock access tokens delete` before.
    """
    name = config.profile_name(terminal.options.profile, os.environ)
    profiles = config.read(terminal.config_file)
    gone = profiles.pop(name, None)
    if gone is not None:
        config.write(terminal.config_file, profiles)
    if terminal.options.as_json:
        terminal.out.data({"profile": name, "url": gone.url if gone else None})
    terminal.out.note(f"Signed out of {gone.url}." if gone else "You were not signed in.")


logout.epilog = epilog("paddock logout", "paddock logout --profile lab")  # type: ignore[attr-defined]


@access.add("me", "paddock access me")
def me(terminal: Terminal) -> None:
    """Show who one is here, and what one may do."""
    found = terminal.client.get("/me")
    if terminal.options.as_json:
        terminal.out.data(found)
        return
    terminal.out.facts(
        [
            ("Name", plain(found.get("name"))),
            ("Role", plain(found.get("role"))),
            ("By", plain(found.get("via"))),
            ("Paddock", terminal.client.server.url),
        ]
    )


@users.add("list", "paddock access users list")
def list_users(
    terminal: Terminal,
    search: Search = None,
    sort: Sort = None,
    page: PageNumber = None,
    size: PageSize = None,
) -> None:
    """List the people who may sign in."""
    now = datetime.now(UTC)
    answer = read_list(terminal, "/users", {"q": search}, sort=sort, page=page, size=size)
    columns = (
        Column("Name", lambda u: plain(u.get("name"))),
        Column("Full name", lambda u: plain(u.get("display")), spare=1),
        Column("Role", lambda u: plain(u.get("role"))),
        Column("State", _user_state),
        Column("Signed in", lambda u: age(u.get("signed_in_at"), now), spare=2),
    )
    terminal.show_list(
        answer, columns, label=lambda u: plain(u.get("name")), one="user", empty="No user fits."
    )


@users.add(
    "create",
    "paddock access users create maria --role auditor",
    "paddock access users create build --role administrator --password-stdin < password.txt",
)
def create_user(
    terminal: Terminal,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What one signs in with.", show_default=False)],
    role: Annotated[str, typer.Option("--role", help="administrator or auditor.")] = "auditor",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from stdin instead of asking.")
    ] = False,
) -> None:
    """Add a person. The password is asked for without echo, or read from stdin or PADDOCK_NEW_PASSWORD."""
    password = secret(
        "Password", from_stdin=password_stdin, option="--password-stdin", variable="PADDOCK_NEW_PASSWORD"
    )
    made = terminal.client.post("/users", {"name": name, "role": role, "password": password})
    if terminal.options.as_json:
        terminal.out.data(made)
    terminal.out.note(f"{name} may sign in now.")


@tokens.add("list", "paddock access tokens list")
def list_tokens(terminal: Terminal, page: PageNumber = None, size: PageSize = None) -> None:
    """List the API tokens: what they may do, when they end, when they were last used."""
    now = datetime.now(UTC)
    answer = read_list(terminal, "/tokens", {}, page=page, size=size)
    columns = (
        Column("Name", lambda t: plain(t.get("name"))),
        Column("Begins with", lambda t: plain(t.get("prefix")), spare=2),
        Column("Role", lambda t: plain(t.get("role")), spare=1),
        Column("Made", lambda t: age(t.get("created_at"), now), spare=3),
        Column("Ends", lambda t: age(t.get("expires_at"), now) if t.get("expires_at") else "never"),
        Column("Used", lambda t: age(t.get("used_at"), now) if t.get("used_at") else "never"),
    )
    terminal.show_list(
        answer,
        columns,
        label=lambda t: plain(t.get("name")),
        one="token",
        empty="There is no token yet. Make one: paddock access tokens create NAME",
    )


@tokens.add(
    "create",
    "paddock access tokens create backup-job",
    "paddock access tokens create monitoring --expires 2027-01-01 --quiet > token.txt",
)
def create_token(
    terminal: Terminal,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the token is for.", show_default=False)],
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="DATE", help="When it ends, as 2027-01-01; never without it."),
    ] = None,
) -> None:
    """Make an API token. It is shown once, on stdout, and never again."""
    body = {"name": name} | ({"expires_at": _end(expires)} if expires else {})
    made = terminal.client.post("/tokens", body)
    if terminal.options.as_json:
        terminal.out.data(made)
        return
    terminal.out.note("The token, shown this once:")
    terminal.out.line(plain(made.get("token")))


@tokens.add("delete", "paddock access tokens delete backup-job")
def delete_token(
    terminal: Terminal,
    token: Annotated[
        str, typer.Argument(metavar="TOKEN", help="Name or id of the token.", show_default=False)
    ],
    yes: Yes = False,
) -> None:
    """End an API token. Whoever uses it is locked out at once."""
    found = find(terminal.client, TOKENS, token)
    name = plain(found.get("name"))
    confirm_name(f"the API token {name}", name, yes=yes)
    terminal.client.delete(f"/tokens/{found.get('id')}")
    if terminal.options.as_json:
        terminal.out.data({"deleted": found.get("id")})
    terminal.out.note(f"The token {name} is gone.")


@access.add("audit", "paddock access audit", "paddock access audit --search signin --size 200")
def audit(terminal: Terminal, search: Search = None, page: PageNumber = None, size: PageSize = None) -> None:
    """Show who did what, the newest first; refusals and sign-ins too."""
    now = datetime.now(UTC)
    answer = read_list(terminal, "/audit", {"q": search}, page=page or 1, size=size)
    columns = (
        Column("When", lambda a: age(a.get("at"), now)),
        Column("Who", lambda a: plain(a.get("actor"))),
        Column("From", lambda a: plain(a.get("remote")), spare=3),
        Column("By", lambda a: plain(a.get("via")), spare=2),
        Column("Action", lambda a: plain(a.get("action"))),
        Column("Target", lambda a: plain(a.get("target")), spare=1),
        Column("Outcome", _outcome),
    )
    terminal.show_list(
        answer, columns, label=lambda a: plain(a.get("action")), one="entry", empty="Nothing was found."
    )


def _user_state(user: Item) -> Cell:
    return Word("Disabled", "⊘", "bright_black") if user.get("disabled") else Word("Active", "✓", "green")


def _outcome(entry: Item) -> Cell:
    outcome = plain(entry.get("outcome"))
    code = plain(entry.get("code"))
    known = _OUTCOMES.get(outcome)
    if known is None:
        return outcome
    return known if code == NOTHING else Word(f"{known.text} ({code})", known.icon, known.style)


def _end(text: str) -> str:
    """A day or a time as the API takes it; a day ends when it begins, in UTC unless a zone is given."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise wrong_use(
            f"{text!r} is no date.", hint="Write it as 2027-01-01 or 2027-01-01T12:00:00Z."
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
