"""`paddock login`, `paddock logout` and `paddock access`: who one is, users, API tokens, the audit log."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Annotated

import typer

from paddock.terminal import config
from paddock.terminal.asking import confirm_name, secret
from paddock.terminal.commands import Commands, Terminal, command
from paddock.terminal.helptext import epilog
from paddock.terminal.lists import PageNumber, PageSize, Search, Sort, read_list
from paddock.terminal.names import TOKENS, USERS, find
from paddock.terminal.output import Column, Item
from paddock.terminal.words import NOTHING, Cell, Word, age, plain

access = Commands("Who may do what in Paddock: users, API tokens, the audit log.")
users = Commands("People who may sign in. An administrator may do everything, an auditor see everything.")
tokens = Commands(
    "Your API tokens: keys for programs and for this command line.\n\n"
    "They are made in the browser, under Account, API tokens: a token cannot make tokens."
)
access.mount("users", users)
access.mount("tokens", tokens)
app = access.app

User = Annotated[str, typer.Argument(metavar="USER", help="Name or id of the user.", show_default=False)]
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

    Make the token in Paddock under Account, API tokens. It is asked for without echo, or read from stdin
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
    display: Annotated[str, typer.Option("--display", metavar="TEXT", help="Full name.")] = "",
    role: Annotated[str, typer.Option("--role", help="administrator or auditor.")] = "auditor",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read a password from stdin instead of making a link.")
    ] = False,
) -> None:
    """Add a person. Prints a link with which the person chooses a password, once, within 24 hours."""
    body = {"name": name, "display": display, "role": role}
    if password_stdin:
        body["password"] = secret(
            "Password", from_stdin=True, option="--password-stdin", variable="PADDOCK_NEW_PASSWORD"
        )
    made = terminal.client.post("/users", body)
    _print_link(terminal, made, f"{name} may sign in now.")


@users.add("link", "paddock access users link maria")
def new_link(terminal: Terminal, user: User) -> None:
    """Print a link with which a person chooses a new password, once, within 24 hours.

    When it is used, all sessions of the person end and all API tokens are revoked.
    """
    found = find(terminal.client, USERS, user)
    made = terminal.client.post(f"/users/{found.get('id')}/password-link")
    _print_link(terminal, made, "No link was needed.")


@users.add("delete", "paddock access users delete maria")
def delete_user(terminal: Terminal, user: User, yes: Yes = False) -> None:
    """Delete a person, with all sessions and API tokens."""
    found = find(terminal.client, USERS, user)
    name = plain(found.get("name"))
    confirm_name(f"the user {name}", name, yes=yes)
    terminal.client.delete(f"/users/{found.get('id')}")
    if terminal.options.as_json:
        terminal.out.data({"deleted": found.get("id")})
    terminal.out.note(f"The user {name} is gone.")


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
        empty="There is no token. Make one in the browser: Account, API tokens.",
    )


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


def _print_link(terminal: Terminal, made: Item, otherwise: str) -> None:
    if terminal.options.as_json:
        terminal.out.data(made)
    elif made.get("link"):
        terminal.out.note("Pass this link on. It works once, within 24 hours:")
        terminal.out.line(plain(made.get("link")))
    else:
        terminal.out.note(otherwise)


def _user_state(user: Item) -> Cell:
    return Word("Disabled", "⊘", "bright_black") if user.get("disabled") else Word("Active", "✓", "green")


def _outcome(entry: Item) -> Cell:
    outcome = plain(entry.get("outcome"))
    code = plain(entry.get("code"))
    known = _OUTCOMES.get(outcome)
    if known is None:
        return outcome
    return known if code == NOTHING else Word(f"{known.text} ({code})", known.icon, known.style)
