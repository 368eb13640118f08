"""The command line: `pvesim serve`, `pvesim fault`, `pvesim scene`."""

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

from pvesim.control import DEFAULT, ControlError, ask, control
from pvesim.demo import demo_scene
from pvesim.faults import FAULTS
from pvesim.model import Estate
from pvesim.running import DEFAULT_PORT, Running, serve
from pvesim.scene import ClusterScene, SceneError, read_scene, write_scene
from pvesim.settings import Settings
from pvesim.versions import UnknownVersion

app = typer.Typer(
    help="A simulator of Proxmox VE clusters.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Control = Annotated[
    str, typer.Option(envvar="PVESIM_CONTROL", help="Control port: HOST:PORT on loopback, or a path.")
]


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
        list[str] | None, typer.Option(help="NAME:NODES:CONTAINERS; may be given several times.")
    ] = None,
    network: Annotated[str, typer.Option(help="First numbers of the nodes' loopback addresses.")] = "127.18",
    port: Annotated[int, typer.Option(help="Port of every node.", min=0, max=65535)] = DEFAULT_PORT,
    same_address: Annotated[
        bool, typer.Option("--same-address", help="All nodes on 127.0.0.1, each with its own port.")
    ] = False,
    latency: Annotated[float, typer.Option(help="Milliseconds added to every answer.", min=0)] = 0,
    seed: Annotated[int, typer.Option(help="Same seed, same names, passwords and figures.")] = 1,
    control_address: Annotated[
        str, typer.Option("--control", envvar="PVESIM_CONTROL", help="Control port; empty for none.")
    ] = DEFAULT,
    state_dir: Annotated[
        Path | None, typer.Option(help="Keep keys and certificates here, for the next start.")
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
        scenes = _scenes(scene or scene_name, cluster or [], seed)
        estate = Estate(scenes, seed=seed, settings=Settings(latency=latency / 1000))
    except (SceneError, UnknownVersion) as error:
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
    except OSError as error:
        _fail(
            f"cannot listen: {error.strerror or error}. Choose another --network, --port or --control;"
            " where only 127.0.0.1 exists, add --same-address."
        )


@app.command("fault")
def fault_command(
    name: Annotated[str, typer.Argument(help="A fault, or clear.")] = "",
    parameters: Annotated[
        list[str] | None, typer.Argument(help="name=value …; after clear: a fault.")
    ] = None,
    cluster: Annotated[str, typer.Option(help="Which cluster.")] = "",
    node: Annotated[str, typer.Option(help="Which node of it.")] = "",
    listing: Annotated[bool, typer.Option("--list", help="Describe every fault.")] = False,
    control: Control = DEFAULT,
) -> None:
    """Cause trouble in a served estate, or end it; without a name, show what is in effect."""
    if listing:
        typer.echo(fault_reference())
        return
    try:
        if not name:
            typer.echo(msgspec.json.format(msgspec.json.encode(ask(control, "GET", "/faults", {})), indent=2))
        elif name == "clear":
            given: dict[str, object] = {"name": "".join(parameters or []), "cluster": cluster, "node": node}
            typer.echo(f"ended: {ask(control, 'DELETE', '/faults', given)['cleared']}")
        else:
            given = {"name": name, "cluster": cluster, "node": node, **_pairs(parameters or [])}
            ask(control, "POST", "/faults", given)
            typer.echo(f"{name} is in effect; end it with: pvesim fault clear {name}")
    except ControlError as error:
        _fail(str(error))


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


def fault_reference() -> str:
    """What every fault does, from the registry itself."""
    parts = []
    for fault in FAULTS.values():
        takes = "".join(f" [{name}={default}]" for name, default in fault.parameters.items())
        text = "\n    ".join(fault.description.splitlines())
        parts.append(f"{fault.name}{takes}   ({fault.scope})\n    {text}")
    return "\n".join(parts)


def _pairs(parameters: Sequence[str]) -> dict[str, object]:
    pairs: dict[str, object] = {}
    for each in parameters:
        key, equals, value = each.partition("=")
        if not equals:
            _fail(f"{each!r} is no parameter: write name=value, for example seconds=5.")
        pairs[key] = value
    return pairs


def _scenes(name: str, clusters: Sequence[str], seed: int) -> list[ClusterScene]:
    scenes = [_cluster(text, seed) for text in clusters]
    if name and name != "demo":
        return [*read_scene(Path(name)), *scenes]
    return scenes if scenes and not name else [*demo_scene(seed), *scenes]


def _cluster(text: str, seed: int) -> ClusterScene:
    name, *counts = text.split(":")
    if not name or not counts or len(counts) > 2 or not all(count.isdigit() for count in counts):
        raise SceneError(f"cluster {text!r} must be NAME:NODES:CONTAINERS, for example prod:5:80.")
    nodes, containers = int(counts[0]), int(counts[1]) if len(counts) > 1 else 0
    if not 1 <= nodes <= 240:
        raise SceneError(f"cluster {text!r} must have 1 to 240 nodes.")
    return ClusterScene.simple(name, nodes=nodes, containers=containers, seed=seed)


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
