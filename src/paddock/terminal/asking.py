"""Questions to the person at the terminal, and secrets that never stand on the command line."""

from __future__ import annotations

import os
import sys

import typer

from paddock.terminal.failures import wrong_use


def interactive() -> bool:
    """Whether somebody can answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def secret(what: str, *, from_stdin: bool, option: str, variable: str) -> str:
    """A password or token: from stdin (its first line), else the environment, else typed without echo.

    Raises Failed (wrong use) where there is none and nobody to ask.
    """
    if from_stdin:
        text = sys.stdin.readline().rstrip("\r\n")
    elif variable in os.environ:
        text = os.environ[variable]
    elif interactive():
        text = str(typer.prompt(what, hide_input=True, err=True, default="", show_default=False))
    else:
        raise wrong_use(
            f"There is nobody to ask for the {what.lower()}.",
            hint=f"Pipe it in with {option}, or set {variable}.",
        )
    if not text:
        raise wrong_use(f"The {what.lower()} is empty.")
    return text


def confirm(question: str, *, yes: bool, undone: str) -> bool:
    """Yes or no; `--yes` answers yes. Raises Failed where nobody can answer; `undone` says what did not happen."""
    if yes:
        return True
    if not interactive():
        raise wrong_use(f"{undone} There is nobody to ask.", hint="Add --yes to go on without a question.")
    return typer.confirm(question, err=True)


def confirm_name(what: str, name: str, *, yes: bool, verb: str = "delete") -> None:
    """For what cannot be undone: the name must be typed. Raises Failed when it is not."""
    undone = f"Nothing was {verb}d"
    if yes:
        return
    if not interactive():
        raise wrong_use(f"{undone}. There is nobody to ask.", hint="Add --yes to go on without a question.")
    typed = str(
        typer.prompt(f"This {verb}s {what}. Type its name to go on", err=True, default="", show_default=False)
    )
    if typed.strip() != name:
        raise wrong_use(f"{undone}: the name is {name}.")
