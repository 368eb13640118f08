"""`paddock serve`: one server process on one data directory."""

from __future__ import annotations

import errno
import fcntl
import gc
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from paddock.base.errors import PaddockError
from paddock.settings import BadSetting, Settings, load


def command(
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", help="Directory of the database and the key. Made if it is missing."),
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="ADDR:PORT", help="Where to listen. (default: 127.0.0.1:8080)"),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", help="Certificate chain (PEM); with --tls-key serves HTTPS.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="Private key (PEM).")] = None,
    behind_proxy: Annotated[
        bool | None,
        typer.Option(
            "--behind-proxy",
            help="A reverse proxy ends TLS in front; its X-Forwarded-* headers are believed.",
        ),
    ] = None,
    root_path: Annotated[
        str | None,
        typer.Option("--root-path", help="Path below which the proxy serves Paddock, e.g. /paddock."),
    ] = None,
) -> None:
    """Run the server.

    Any address but loopback needs TLS or --behind-proxy. While there is no user yet, a one-time link is
    printed that creates the first administrator. The database is SQLite in the data directory, or
    PostgreSQL where PADDOCK_DATABASE_URL names one. Further settings: PADDOCK_* in the environment or
    paddock.toml in the data directory.

    Example: paddock serve --data-dir /var/lib/paddock --listen 0.0.0.0:8443 --tls-cert chain.pem --tls-key key.pem
    """
    try:
        settings = load(
            {
                "data_dir": data_dir,
                "listen": listen,
                "tls_cert": tls_cert,
                "tls_key": tls_key,
                "behind_proxy": behind_proxy,
                "root_path": root_path,
            }
        )
        run(settings)
    except (BadSetting, PaddockError, OSError) as error:
        typer.secho(f"paddock serve: {error}", err=True, fg="red")
        if hint := getattr(error, "hint", None):
            typer.echo(hint, err=True)
        raise typer.Exit(2 if isinstance(error, BadSetting) else 1) from None


def run(settings: Settings) -> None:
    """Serves until interrupted. Raises OSError where the directory or the port is taken."""
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    keep_private(settings.data_dir)
    from paddock.access.setup import base_url

    with only_process(settings.data_dir, base_url(settings)), _bound(settings) as listening:
        import uvicorn

        from paddock.app import create_app
        from paddock.installation import database_url
        from paddock.migrations.upgrade import upgrade
        from paddock.web.live import Live

        upgrade(database_url(settings))
        app = create_app(settings)
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=False,  # web.security reads them, and only behind a proxy
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
            timeout_graceful_shutdown=3,
        )
        gc.collect()
        gc.freeze()  # what is loaded now stays; collecting it again and again would stall answers
        # A long list makes tens of thousands of objects that are no garbage yet.
        gc.set_threshold(20_000, 20, 50)
        server = uvicorn.Server(config)
        end_streams = app.state.services.parts[Live].end

        def stopping(number: int, frame: FrameType | None) -> None:
            end_streams()  # open pages would hold the end back for as long as uvicorn waits
            uvicorn.Server.handle_exit(server, number, frame)

        server.handle_exit = stopping  # type: ignore[method-assign, assignment]
        server.run(sockets=[listening])


@contextmanager
def _bound(settings: Settings) -> Iterator[socket.socket]:
    """The listening socket, before anything else is begun: a taken port is a sentence, not a half-started server."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the protocol is named
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((settings.host, settings.port))
        except OSError as error:
            why = (
                "is taken by another program"
                if error.errno == errno.EADDRINUSE
                else f"cannot be used: {error.strerror}"
            )
            raise OSError(
                f"{settings.listen} {why}; choose another address with --listen ADDR:PORT"
            ) from None
        yield listening


def keep_private(data_dir: Path) -> None:
    """Makes the directory; what is in it and what comes into it is for its owner only, whatever its own mode is."""
    os.umask(0o077)
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for pattern in ("*.sqlite*", "secret.key*", "lock", "demo.json"):
        for path in data_dir.glob(pattern):
            if path.stat().st_mode & 0o077:
                path.chmod(0o600)


@contextmanager
def only_process(data_dir: Path, address: str) -> Iterator[None]:
    """Holds the directory's lock: two processes on one SQLite and one DBOS file would both resume its jobs.

    The lock says which process it is and under which address it serves.
    """
    with locked(data_dir) as handle:
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n{address}\n".encode())
        yield


@contextmanager
def locked(data_dir: Path) -> Iterator[int]:
    """Holds the directory's lock, whose file handle it gives. Raises OSError where a server holds it."""
    path = data_dir / "lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(handle, 32).decode(errors="replace").partition("\n")[0] or "unknown"
            raise OSError(f"another Paddock (process {owner}) uses {data_dir}; stop it first") from None
        yield handle
    finally:
        os.close(handle)


def served_at(data_dir: Path) -> str | None:
    """The address under which the last server on this directory served, for links that local commands print."""
    try:
        return (data_dir / "lock").read_text().splitlines()[1]
    except (OSError, IndexError):
        return None
