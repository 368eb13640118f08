"""`paddock demo`: a simulated estate and a Paddock to try it with. Ctrl-C ends both and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from paddock.settings import Settings

CONTROL_PORT = 8005
NETWORKS = range(18, 60)
USER = "demo"


def command(
    port: Annotated[
        int, typer.Option("--port", help="Port of Paddock on 127.0.0.1; the next free one if taken.")
    ] = 8080,
    network: Annotated[
        str,
        typer.Option(
            "--network",
            help="First numbers of the simulated nodes' loopback addresses; 127.18 or the next free.",
        ),
    ] = "",
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Keep the data in this directory, for the next demo.")
    ] = None,
) -> None:
    """Start a simulated estate and a Paddock to try it with.

    Two clusters and a lone host with about 120 containers, on loopback addresses of this machine, and a
    Paddock that knows nothing of them yet. Prints the address, the sign-in and three things to try.
    Ctrl-C ends all of it.
    """
    from paddock.serve import keep_private

    try:
        with ExitStack() as stack:
            data_dir = keep or Path(stack.enter_context(_temporary()))
            keep_private(data_dir)
            estate = stack.enter_context(_estate(network or _free_network(), data_dir))
            settings = Settings(
                data_dir=data_dir, listen=f"127.0.0.1:{_free_port(port)}", log_level="WARNING"
            )
            password, token = asyncio.run(prepare(settings))
            typer.echo(_welcome(settings, password, token, estate))
            _serve(settings)
    except (OSError, TimeoutError) as error:
        typer.secho(f"paddock demo: {error}", err=True, fg="red")
        raise typer.Exit(1) from None


@contextmanager
def _temporary() -> Iterator[str]:
    path = tempfile.mkdtemp(prefix="paddock-demo-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _estate(network: str, data_dir: Path) -> Iterator[dict[str, Any]]:
    """The simulator as a process of its own, as a real cluster would be. Yields what it says of itself."""
    control = f"127.0.0.1:{_free_port(CONTROL_PORT)}"
    arguments = [
        "serve",
        "--scene",
        "demo",
        "--network",
        network,
        "--control",
        control,
        "--json",
        "--until-eof",
    ]
    process = subprocess.Popen(  # noqa: S603 - our own module, no input of others
        [sys.executable, "-m", "pvesim", *arguments, "--state-dir", str(data_dir / "estate")],
        stdin=subprocess.PIPE,  # closed when this process ends, however it ends
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches Paddock first
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        if not line:
            said = process.stderr.read().strip()[-500:]
            raise OSError(f"the simulated estate did not start. It says: {said}")
        yield json.loads(line) | {"control": control}
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()


async def prepare(settings: Settings) -> tuple[str, str]:
    """A fresh database with one administrator; returns the password and an API token."""
    from paddock.access.setup import create_administrator, issue_token
    from paddock.installation import database_url, open_services
    from paddock.migrations.upgrade import upgrade

    database = settings.data_dir / "paddock.sqlite"
    remembered = settings.data_dir / "demo.json"
    if database.exists() and remembered.exists():
        kept = json.loads(remembered.read_text())
        return kept["password"], kept["token"]
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    await asyncio.to_thread(upgrade, database_url(settings))
    services = open_services(settings)
    password = "-".join(secrets.choice(_WORDS) for _ in range(4))
    try:
        await create_administrator(services, USER, password)
        token = await issue_token(services, USER, "demo")
    finally:
        await services.db.close()
    remembered.touch(mode=0o600)
    remembered.write_text(json.dumps({"password": password, "token": token}))
    return password, token


def _serve(settings: Settings) -> None:
    from paddock.serve import run

    run(settings)


def _welcome(settings: Settings, password: str, token: str, estate: dict[str, Any]) -> str:
    address = f"http://{settings.listen}"
    clusters = {cluster["name"]: cluster for cluster in estate["clusters"]}
    prod = clusters["prod"]
    first, second = prod["nodes"][0], prod["nodes"][1]
    auditor = clusters["edge"]["tokens"]["auditor"]
    edge = clusters["edge"]["nodes"][0]
    control = f" --control {estate['control']}"
    others = "\n".join(
        f"     {name:<8}{cluster['nodes'][0]['url']:<28}root@pam   {cluster['root_password']}"
        for name, cluster in clusters.items()
        if name != "prod"
    )
    return f"""
  Paddock     {address}
  Sign in     {USER}
  Password    {password}

  A simulated estate runs on this machine: clusters prod (5 nodes, pve3 is offline) and edge (3 nodes),
  and the lone host bench1. Paddock knows nothing of them yet. Three things to try:

  1. Import a cluster. Sites › Create Site, then Nodes › Import Nodes:
       API URL       {first["url"]}
       Username      root@pam
       Password      {prod["root_password"]}
     Paddock shows a certificate. This is what `pvenode cert info` would print on pve1:
       {first["fingerprint"]}
     The others, in the same way:
{others}

  2. Break something and watch Nodes. In another terminal, in this folder:
       .venv/bin/pvesim fault node-down --cluster prod --node {second["name"]}{control}
       .venv/bin/pvesim fault clear{control}

  3. The same by REST and on the command line, with an auditor's token that may only read Proxmox:
       export PADDOCK_URL={address} PADDOCK_TOKEN={token}
       .venv/bin/paddock sites create Graz
       echo {auditor["secret"]} | .venv/bin/paddock nodes import --site Graz --url {edge["url"]} \\
         --token-id '{auditor["id"]}' --token-secret-stdin --fingerprint {edge["fingerprint"]} --all --yes
       curl -s -H "Authorization: Bearer $PADDOCK_TOKEN" {address}/api/v1/nodes

  Ctrl-C ends all of it.
"""


def _free_network() -> str:
    """The first 127.N whose first node's address is free: another demo may be running."""
    for number in NETWORKS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((f"127.{number}.0.11", 8006))
            except OSError:
                continue
            return f"127.{number}"
    raise OSError("port 8006 is taken on all loopback addresses that were tried; end another demo first")


def _free_port(wanted: int) -> int:
    for port in range(wanted, wanted + 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {wanted} and {wanted + 49}")


_WORDS = [
    "meadow",
    "fence",
    "gate",
    "hoof",
    "saddle",
    "stable",
    "pasture",
    "clover",
    "barn",
    "trough",
    "hay",
    "rein",
    "bridle",
    "foal",
    "mare",
    "canter",
    "trot",
    "gallop",
    "thicket",
    "brook",
    "lane",
    "hedge",
    "orchard",
    "willow",
    "oat",
    "barley",
    "linden",
    "alder",
    "birch",
    "heath",
    "moor",
    "ridge",
]
