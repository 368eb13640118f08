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


@app.command("rotate-key")
def rotate_key(
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="FILE",
            help="File of the new key; made if it is missing. Default: in place of the old one.",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Seal all stored secrets with a new key.

    Stop the server first. The old key stays in its place until everything is sealed with the new one; a run that
    was cut off is finished by the next. Backups of the database from before need the old key: keep a copy of it
    with them. Where the key comes from the environment (PADDOCK_KEY) or is not to be replaced in place, --to names
    the file of the new one, which the server is then started with.

    Example: paddock admin rotate-key --data-dir /var/lib/paddock
    """
    from paddock.base import vault
    from paddock.installation import key_path

    settings = _settings(data_dir)
    if settings.key and to is None:
        typer.secho(
            "paddock: the key comes from PADDOCK_KEY, so it cannot be replaced in place", err=True, fg="red"
        )
        typer.echo("Give --to FILE for the new one, then start Paddock with PADDOCK_KEY_FILE=FILE.", err=True)
        raise typer.Exit(2)
    path = key_path(settings)
    try:
        old = vault.decode_key(settings.key) if settings.key else vault.load_key(path)
        new = vault.create_key(to or vault.next_path(path))
    except (PaddockError, OSError) as error:
        raise _failure(error) from None
    count = _run(data_dir, lambda services: _resealed(services, old, new))
    if to is None:
        vault.promote(path)
    typer.echo(f"{count} secrets are sealed with the new key.")
    if to is not None:
        typer.echo(f"Start Paddock with PADDOCK_KEY_FILE={to} from now on.")
    typer.echo("Backups of the database from before need the old key.")


async def _resealed(services: Services, old: bytes, new: bytes) -> int:
    """Under the lock, so that no server seals with the old key meanwhile."""
    from paddock.base.resealing import reseal
    from paddock.base.vault import ring_of
    from paddock.installation import SEALED
    from paddock.serve import locked

    with locked(services.settings.data_dir):
        async with services.db.write() as session:
            count = await reseal(session, SEALED, ring_of(old, also=new), ring_of(new))
        await services.db.forget_deleted()
    return count


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
    from paddock.installation import open_services
    from paddock.serve import keep_private

    async def inside() -> T:
        services = open_services(settings)
        try:
            return await work(services)
        finally:
            await services.db.close()

    settings = _settings(data_dir)
    try:
        keep_private(settings.data_dir)
        _bring_up_to_date(settings)
        return asyncio.run(inside())
    except (BadSetting, PaddockError, OSError) as error:
        raise _failure(error) from None


def _settings(data_dir: Path | None) -> Settings:
    """Those of a Paddock that is there."""
    try:
        settings = load({"data_dir": data_dir})
        if not settings.database_url and not (settings.data_dir / "paddock.sqlite").exists():
            raise FileNotFoundError(
                f"there is no Paddock in {settings.data_dir}; give its directory with --data-dir"
            )
    except (BadSetting, OSError) as error:
        raise _failure(error) from None
    return settings


def _bring_up_to_date(settings: Settings) -> bool:
    """Migrates, but never under a server that runs: it would go on with tables that it does not know."""
    from sqlalchemy import create_engine

    from paddock.installation import database_url
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
