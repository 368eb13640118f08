"""A PostgreSQL of the tests' own: on a loopback address, in a temporary directory, gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import addresses
from tests.conftest import needs


def find(program: str) -> str | None:
    """The newest of Debian's versions, or what is on the path."""
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return str(installed[-1]) if installed else shutil.which(program)


@contextmanager
def server() -> Iterator[str]:
    """Yields a SQLAlchemy URL. As root, the server runs as the user `postgres`, since it refuses to run as root."""
    initdb, postgres = find("initdb"), find("postgres")
    needs(bool(initdb and postgres), "PostgreSQL")
    assert initdb is not None
    assert postgres is not None
    as_user = (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    )
    folder = Path(tempfile.mkdtemp(prefix="paddock-pg-"))
    if as_user:
        shutil.chown(folder, "postgres")
    host, port = addresses.address(), 5433
    try:
        subprocess.run(
            [
                *as_user,
                initdb,
                "-D",
                folder / "db",
                "-U",
                "paddock",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
        )
        options = [
            "-c",
            "fsync=off",
            "-c",
            f"listen_addresses={host}",
            "-c",
            f"unix_socket_directories={folder}",
        ]
        process = subprocess.Popen(
            [*as_user, postgres, "-D", folder / "db", "-p", str(port), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(host, port)
            yield f"postgresql+psycopg://paddock@{host}:{port}/postgres"
        finally:
            process.terminate()
            process.wait(timeout=10)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(host: str, port: int) -> None:
    import time

    import psycopg

    for _ in range(200):
        try:
            psycopg.connect(f"host={host} port={port} user=paddock dbname=postgres connect_timeout=1").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("PostgreSQL did not start")
