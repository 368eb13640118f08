"""The command line: `pvesim serve` and `pvesim scene`; what speaks to a served estate is in `cli_control`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer

from pvesim.cli_control import app as estate_app
from pvesim.control import DEFAULT, ControlError, control
from pvesim.demo import demo_scene
from pvesim.estate import Estate
from pvesim.running import DEFAULT_PORT, Running, serve
from pvesim.scene import ClusterScene, SceneError, check_names, read_scene, unlike, write_scene
from pvesim.settings import Settings
from pvesim.statedir import StateDirError, kept_scenes

app = typer.Typer(
    help="A simulator of Proxmox VE clusters.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(estate_app)


def main() -> None:
    app()


def _fail(message: str) -> NoReturn:
    typer.echo(f"pvesim: {message}", err=True)
    raise typer.Exit(2)


@app.command("serve")
def serve_command(
    scene: Annotated[str, typer.Argument(help="A scene file, or demo.")] = "",
    scene_name: Annotated[str, typer.Option("--scene", help="A built-in scene: demo.")] = "",
    cluster: Annotated[
        list[str] | None, typer.Option(help="NAME:NODES:CONTAINERS[@VERSION]; may be given several times.")
    ] = None,
    network: Annotated[str, typer.Option(help="First numbers of the nodes' loopback addresses.")] = "127.18",
    port: Annotated[int, typer.Option(help="Port of every node.", min=0, max=65535)] = DEFAULT_PORT,
    same_address: Annotated[
        bool, typer.Option("--same-address", help="All nodes on 127.0.0.1, each with its own port.")
    ] = False,
    latency: Annotated[float, typer.Option(help="Milliseconds added to every answer.", min=0)] = 0,
    speed: Annotated[
        float, typer.Option(help="Of tasks: 10 does in a second what takes ten.", min=0.01, max=10_000)
    ] = 1,
    seed: Annotated[int, typer.Option(help="Same seed, same names, passwords and figures.")] = 1,
    control_address: Annotated[
        str, typer.Option("--control", envvar="PVESIM_CONTROL", help="Control port; empty for none.")
    ] = DEFAULT,
    state_dir: Annotated[
        Path | None, typer.Option(help="Keep the estate here for the next start, which plays it on.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the estate as one line of JSON.")] = False,
    until_eof: Annotated[
        bool,
        typer.Option(
            "--until-eof", help="End when standard input is closed: with the program that started it."
        ),
    ] = False,
) -> None:
    """Serve an estate until Ctrl-C."""
    try:
        kept = kept_scenes(state_dir) if state_dir is not None else None
        if kept is None or scene or scene_name or cluster:
            wanted = _scenes(scene or scene_name, cluster or [], seed)
            kept = kept_scenes(state_dir, wanted) if state_dir is not None and kept else wanted
        scenes = kept or []
        estate = Estate(scenes, seed=seed, settings=Settings(latency=latency / 1000, speed=speed))
    except ValueError as error:  # SceneError and UnknownVersion among them
        _fail(str(error))

    async def session() -> None:
        async with (
            serve(
                estate, network=network, port=port, same_address=same_address, state_dir=state_dir
            ) as running,
            contextlib.AsyncExitStack() as stack,
        ):
            if control_address:
                await stack.enter_async_context(control(running, control_address))
            typer.echo(msgspec.json.encode(running.summary()).decode() if json else _described(running))
            await _until_stopped(until_eof)

    try:
        _run(session)
    except ValueError as error:
        _fail(str(error))
    except ControlError as error:
        _fail(str(error))
    except StateDirError as error:
        _fail(str(error))
    except OSError as error:
        _fail(
            f"cannot listen: {error.strerror or error}. Choose another --network, --port or --control;"
            " where only 127.0.0.1 exists, add --same-address."
        )


@app.command("scene")
def scene_command(
    name: Annotated[str, typer.Argument(help="demo, or a scene file to check.")] = "demo",
    seed: Annotated[int, typer.Option(help="Seed of the demo scene.")] = 1,
) -> None:
    """Print a scene as TOML, to start your own from."""
    try:
        typer.echo(write_scene(_scenes(name, [], seed)), nl=False)
    except SceneError as error:
        _fail(str(error))


def _scenes(name: str, clusters: Sequence[str], seed: int) -> list[ClusterScene]:
    scenes = [_cluster(text, seed) for text in clusters]
    unlike(scenes)
    if name and name != "demo":
        return [*read_scene(Path(name)), *scenes]
    return scenes if scenes and not name else [*demo_scene(seed), *scenes]


def _cluster(text: str, seed: int) -> ClusterScene:
    described, _, version = text.partition("@")
    name, *counts = described.split(":")
    if not name or not counts or len(counts) > 2 or not all(count.isdigit() for count in counts):
        raise SceneError(
            f"cluster {text!r} must be NAME:NODES:CONTAINERS, for example prod:5:80, or old:3:20@8.4.14."
        )
    nodes, containers = int(counts[0]), int(counts[1]) if len(counts) > 1 else 0
    if not 1 <= nodes <= 240:
        raise SceneError(f"cluster {text!r} must have 1 to 240 nodes.")
    made = ClusterScene.simple(name, nodes=nodes, containers=containers, seed=seed)
    check_names(made)
    return msgspec.structs.replace(made, version=version) if version else made


def _described(running: Running) -> str:
    lines = []
    for cluster in running.summary()["clusters"]:
        lines += [f"{cluster['name']}  (Proxmox VE {cluster['version']})"]
        lines += [f"  {n['name']:<10} {n['url']}{'' if n['online'] else '   down'}" for n in cluster["nodes"]]
        lines += [f"  CA         {cluster['ca_fingerprint']}"]
        lines += [f"  root@pam   {cluster['root_password']}"]
        lines += [
            f"  {label:<10} {token['id']} = {token['secret']}" for label, token in cluster["tokens"].items()
        ]
        lines += [""]
    return "\n".join([*lines, "Ctrl-C stops it."])


async def _until_stopped(until_eof: bool) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            stopped.set()

    if until_eof:
        loop.add_reader(sys.stdin.fileno(), read)
    await stopped.wait()


def _run(session: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        import uvloop
    except ImportError:  # there is none for this system
        asyncio.run(session())
    else:
        uvloop.run(session())
