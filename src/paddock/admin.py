"""`paddock admin` and `paddock migrate`: local work on the data directory, without signing in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from paddock.base.errors import PaddockError, WrongState
from paddock.settings import BadSetting, load

if TYPE_CHECKING:
    from paddock.base.context import Services
    from paddock.settings import Settings

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    help="Local work for whoever owns the machine: needs access to the data directory, not a sign-in.",
)

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Directory of the database and the key. (or PADDOCK_DATA_DIR)"),
]


@app.command("reset-password")
def reset_password(
    name: Annotated[str, typer.Argument(help="Name of the user.")], data_dir: DataDir = None
) -> None:
    """Print a one-time link with which a user chooses a new password.

    Works while the server runs. A disabled user is enabled again. When the link is used, all sessions and API
    tokens of the user end.

    Example: paddock admin reset-password m.huber --data-dir /var/lib/paddock
    """
    from paddock.access.setup import reset_password_link

    typer.echo(_run(data_dir, lambda services: _reachable(services, reset_password_link(services, name))))


@app.command("setup-link")
def setup_link(data_dir: DataDir = None) -> None:
    """Print a new link that creates the first administrator, while there is no user yet."""
    from paddock.access.setup import ensure_setup_link

    link = _run(data_dir, lambda services: _reachable(services, ensure_setup_link(services)))
    if link is None:
        typer.echo("There are users already. For a new password: paddock admin reset-password NAME", err=True)
        raise typer.Exit(1)
    typer.echo(link)


@app.command("issue-token")
def issue_token(
    user: Annotated[str, typer.Argument(help="Name of the user that the token belongs to.")],
    name: Annotated[str, typer.Option("--name", help="What the token is for.")] = "console",
    data_dir: DataDir = None,
) -> None:
    """Make an API token of a user and print it once."""
    from paddock.access.setup import issue_token as issue

    typer.echo(_run(data_dir, lambda services: issue(services, user, name)))


def migrate(data_dir: DataDir = None) -> None:
    """Bring the database up to date. `paddock serve` does so by itself.

    Of a SQLite database a copy is kept beside it first. Example: paddock migrate --data-dir /var/lib/paddock
    """
    from paddock.serve import keep_private

    try:
        settings = load({"data_dir": data_dir})
        keep_private(settings.data_dir)
        done = _bring_up_to_date(settings)
    except (BadSetting, PaddockError, OSError) as error:
        raise _failure(error) from None
    typer.echo("The database is up to date now." if done else "The database was up to date.")


async def _reachable(services: Services, making: Awaitable[str | None]) -> str | None:
    """A link with the address under which the server really serves, where that is known."""
    from paddock.access.setup import base_url
    from paddock.serve import served_at

    link = await making
    address = served_at(services.settings.data_dir)
    return link.replace(base_url(services.settings), address, 1) if link and address else link


def _run(data_dir: Path | None, work: Callable[[Services], Awaitable[T]]) -> T:
    from paddock.app import build_services
    from paddock.serve import keep_private

    async def inside() -> T:
        services = build_services(settings)
        try:
            return await work(services)
        finally:
            await services.db.close()

    try:
        settings = load({"data_dir": data_dir})
        if not settings.database_url and not (settings.data_dir / "paddock.sqlite").exists():
            raise FileNotFoundError(
                f"there is no Paddock in {settings.data_dir}; give its directory with --data-dir"
            )
        keep_private(settings.data_dir)
        _bring_up_to_date(settings)
        return asyncio.run(inside())
    except (BadSetting, PaddockError, OSError) as error:
        raise _failure(error) from None


def _bring_up_to_date(settings: Settings) -> bool:
    """Migrates, but never under a server that runs: it would go on with tables that it does not know."""
    from sqlalchemy import create_engine

    from paddock.app import database_url
    from paddock.migrations.upgrade import HEAD, current, upgrade
    from paddock.serve import locked

    url = database_url(settings)
    engine = create_engine(url.replace("+aiosqlite", ""))
    found = current(engine)
    engine.dispose()
    if found == HEAD:
        return False
    try:
        with locked(settings.data_dir):
            return upgrade(url)
    except OSError as error:
        raise WrongState(
            f"The database has revision {found or 'none'}, this Paddock needs {HEAD}, and {error}.",
            hint="Restart the server with this version of Paddock, which migrates the database, then repeat this.",
        ) from None


def _failure(error: Exception) -> typer.Exit:
    typer.secho(f"paddock: {error}", err=True, fg="red")
    if hint := getattr(error, "hint", None):
        typer.echo(hint, err=True)
    return typer.Exit(1)
