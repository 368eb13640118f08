"""A group of commands: Typer, plus the options that every command has, and one way to fail."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from paddock.terminal import config
from paddock.terminal.client import Client
from paddock.terminal.failures import Failed
from paddock.terminal.helptext import epilog, exit_codes, flowing
from paddock.terminal.output import Column, Item, Output

P = ParamSpec("P")
_PANEL = "Output and connection"


@dataclass(frozen=True, slots=True)
class Options:
    """What every command understands."""

    as_json: bool = False
    quiet: bool = False
    profile: str | None = None
    ca: str | None = None
    insecure: bool = False
    timeout: float = 30.0


class Terminal:
    """What a command gets: where to print, and the Paddock to talk to, found when first used."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.out = Output(as_json=options.as_json, quiet=options.quiet)

    @cached_property
    def config_file(self) -> Path:
        return config.path(os.environ)

    @cached_property
    def client(self) -> Client:
        server = config.find_server(config.read(self.config_file), os.environ, self.options.profile)
        return self.client_for(server)

    def client_for(self, server: config.Server) -> Client:
        """A client for any server, with the TLS options of the command line on top."""
        if self.options.ca:
            server = replace(server, ca=self.options.ca)
        if self.options.insecure:
            server = replace(server, insecure=True)
        return Client(server, timeout=self.options.timeout)

    def show_list(
        self,
        page: dict[str, Any],
        columns: Sequence[Column],
        *,
        label: Callable[[Item], str],
        one: str,
        empty: str,
    ) -> None:
        """A list in the form that was asked for. `label` is what --quiet prints, and other commands accept."""
        items = page["items"]
        if self.options.as_json:
            self.out.data(page)
        elif self.options.quiet:
            for item in items:
                self.out.line(label(item))
        elif not items:
            self.out.note(empty)
        else:
            self.out.table(columns, items)
            self.out.count(page, len(items), one)


def _shared(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the API's JSON, unchanged.", rich_help_panel=_PANEL)
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print names only, no remarks.", rich_help_panel=_PANEL)
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="Which stored sign-in to use (or PADDOCK_PROFILE).",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    ca: Annotated[
        str | None,
        typer.Option(
            "--ca",
            metavar="FILE",
            help="CA certificate (PEM) that signed Paddock's own certificate.",
            rich_help_panel=_PANEL,
        ),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            help="Do not check Paddock's certificate. Whoever stands between can read the token.",
            rich_help_panel=_PANEL,
        ),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            min=0.1,
            help="Longest wait for an answer.",
            rich_help_panel=_PANEL,
        ),
    ] = 30.0,
) -> None:
    """Never called: its parameters are the ones that every command has."""


_SHARED = list(inspect.signature(_shared, eval_str=True).parameters.values())


def run(options: Options, body: Callable[[Terminal], None]) -> None:
    """Runs a command and turns its failure into words and an exit code."""
    terminal = Terminal(options)
    try:
        body(terminal)
    except Failed as failed:
        terminal.out.failure(failed)
        raise typer.Exit(failed.exit_code) from None


def command(function: Callable[Concatenate[Terminal, P], None]) -> Callable[..., None]:
    """Gives a function of (terminal, ...) the shared options, as Typer reads them from a signature."""
    own = inspect.signature(function, eval_str=True)
    parameters = [*list(own.parameters.values())[1:], *_SHARED]

    @functools.wraps(function)
    def called(**given: Any) -> None:
        options = Options(**{shared.name: given.pop(shared.name) for shared in _SHARED})
        run(options, lambda terminal: function(terminal, **given))  # type: ignore[call-arg]

    del called.__wrapped__  # Typer must see the signature below
    keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    called.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in keyword_only}
    return called


class Commands:
    """The commands of one noun. `app` is what the command line mounts."""

    def __init__(self, help_text: str) -> None:
        self.app = typer.Typer(
            help=help_text,
            epilog=exit_codes(),
            no_args_is_help=True,
            add_completion=False,
            rich_markup_mode="rich",
            pretty_exceptions_enable=False,
        )

        @self.app.callback()
        def group() -> None:
            """Keeps a group a group, even with one command."""

    def add(
        self, name: str, *examples: str
    ) -> Callable[[Callable[Concatenate[Terminal, P], None]], Callable[Concatenate[Terminal, P], None]]:
        """Registers a function of (terminal, ...) as a command; its docstring is the help."""

        def register(
            function: Callable[Concatenate[Terminal, P], None],
        ) -> Callable[Concatenate[Terminal, P], None]:
            self.app.command(name, help=flowing(function.__doc__), epilog=epilog(*examples))(
                command(function)
            )
            return function

        return register

    def mount(self, name: str, inner: Commands) -> None:
        self.app.add_typer(inner.app, name=name)
