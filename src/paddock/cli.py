"""The command line: `paddock NOUN VERB`. Commands are loaded by dotted name when they are used.

This is the one place where an import comes late: `paddock --help` must not wait for what it does not need.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from paddock import __version__
from paddock.base.errors import PaddockError
from paddock.settings import BadSetting
from paddock.terminal.failures import Exit
from paddock.terminal.helptext import exit_codes, flowing


@dataclass(frozen=True, slots=True)
class Mounted:
    """A command or a group: where it is, and what is said of it before it is loaded."""

    where: str
    """module:name of a Typer app, or of a function that Typer can read."""
    summary: str
    panel: str


_ESTATE = "The estate"
_ACCESS = "Access"
_HERE = "On the server itself"

COMMANDS = {
    "sites": Mounted("paddock.sites.cli:app", "Places with their network.", _ESTATE),
    "clusters": Mounted("paddock.clusters.cli:app", "Proxmox VE clusters and lone hosts.", _ESTATE),
    "nodes": Mounted("paddock.nodes.cli:app", "Proxmox VE servers: list, show, import, diagnose.", _ESTATE),
    "containers": Mounted("paddock.containers.cli:app", "LXC containers.", _ESTATE),
    "diagnose": Mounted(
        "paddock.nodes.cli.diagnosing:diagnose", "Where the way to an address stops, and why.", _ESTATE
    ),
    "jobs": Mounted("paddock.jobs.cli:app", "Work in progress and what became of it.", _ESTATE),
    "login": Mounted("paddock.access.cli:login", "Sign in to a Paddock with an API token.", _ACCESS),
    "logout": Mounted("paddock.access.cli:logout", "Forget the stored API token.", _ACCESS),
    "access": Mounted("paddock.access.cli:app", "Users, API tokens, the audit log.", _ACCESS),
    "serve": Mounted("paddock.serve:command", "Run the server.", _HERE),
    "demo": Mounted("paddock.demo:command", "A simulated estate to try Paddock with.", _HERE),
    "admin": Mounted("paddock.admin:app", "Reset passwords and other local work.", _HERE),
    "migrate": Mounted("paddock.admin:migrate", "Bring the database up to date.", _HERE),
}

_EPILOG = "\n".join(
    [
        "Examples:",
        "  paddock login https://paddock.example.com",
        "  paddock nodes list --status offline",
        "  paddock nodes import --site vienna --url https://192.0.2.11:8006",
        "  paddock nodes diagnose pve1",
        "",
        "Environment:",
        "  PADDOCK_URL      address of Paddock; wins over the stored one",
        "  PADDOCK_TOKEN    API token; wins over the stored one",
        "  PADDOCK_PROFILE  which stored sign-in to use",
        "  NO_COLOR         no colours",
        "",
        exit_codes(),
    ]
)


class LateGroup(TyperGroup):
    """Lists its commands without loading them; loads the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, mounted in COMMANDS.items():
            self.add_command(TyperCommand(name, help=mounted.summary, rich_help_panel=mounted.panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else command, rest


def load(name: str) -> Any:
    """The command or group of this name, loaded: what Typer runs, and what the reference is written from."""
    mounted = COMMANDS[name]
    module, _, attribute = mounted.where.partition(":")
    found = getattr(import_module(module), attribute)
    loaded = get_command(found if isinstance(found, typer.Typer) else _alone(name, found))
    loaded.name = name
    return loaded


def walk(names: Iterable[str] = COMMANDS) -> Iterator[tuple[str, Any]]:
    """Every command and group with its full name, for the reference: ("paddock sites list", command)."""
    for name in names:
        yield from _walk(f"paddock {name}", load(name))


def _walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _walk(f"{path} {name}", inner)


def _alone(name: str, function: Callable[..., Any]) -> typer.Typer:
    """A single function as an app; its help and epilog are those of its docstring."""
    app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    app.command(name, help=flowing(function.__doc__), epilog=getattr(function, "epilog", None))(function)
    return app


app = typer.Typer(
    cls=LateGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog=_EPILOG,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"paddock {__version__}")
        raise typer.Exit


@app.callback()
def paddock(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Manage Proxmox VE: sites, clusters, nodes, containers.

    Most commands speak to a running Paddock: sign in once with `paddock login URL`. Each has --json for programs and --help with examples.
    """


def main() -> None:
    """The entry point. What goes wrong ends in a sentence, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal may know few letters
    try:
        app(prog_name="paddock")
    except PaddockError as error:
        sys.exit(_complain(error.message, error.hint))
    except BadSetting as error:
        _complain(str(error), "See the settings: paddock serve --help")
        sys.exit(Exit.WRONG_USE)


def _complain(message: str, hint: str | None) -> int:
    typer.echo(f"Error: {message}", err=True)
    if hint:
        typer.echo(f"  Next: {hint}", err=True)
    return Exit.FAILED
