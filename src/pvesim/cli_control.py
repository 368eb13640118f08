"""Commands that speak to a served estate over its control port."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, NoReturn

import msgspec
import typer

from pvesim.control import DEFAULT, ControlError, ask
from pvesim.faults import FAULTS

app = typer.Typer()
Control = Annotated[
    str, typer.Option(envvar="PVESIM_CONTROL", help="Control port: HOST:PORT on loopback, or a path.")
]
Cluster = Annotated[str, typer.Option(help="Which cluster; needless where there is only one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Parameters = Annotated[list[str] | None, typer.Argument(help="name=value …", metavar="[name=value]...")]


class Deed(StrEnum):
    """What can be done to a guest."""

    create = "create"
    destroy = "destroy"
    start = "start"
    stop = "stop"
    move = "move"
    rename = "rename"
    lock = "lock"
    unlock = "unlock"


@app.command("fault")
def fault_command(
    name: Annotated[str, typer.Argument(help="A fault, or clear.")] = "",
    parameters: Annotated[
        list[str] | None, typer.Argument(help="name=value …; after clear: a fault.")
    ] = None,
    cluster: Cluster = "",
    node: Annotated[str, typer.Option(help="Which node of it.")] = "",
    listing: Annotated[bool, typer.Option("--list", help="Describe every fault.")] = False,
    control: Control = DEFAULT,
) -> None:
    """Cause trouble in a served estate, or end it; without a name, show what is in effect."""
    if listing:
        typer.echo(fault_reference())
    elif not name:
        _print(_ask(control, "GET", "/faults"))
    elif name == "clear":
        named: dict[str, object] = {"name": "".join(parameters or []), "cluster": cluster, "node": node}
        done = _ask(control, "DELETE", "/faults", named)
        typer.echo(f"ended: {done['cleared']}")
    else:
        given = _pairs(parameters or [], "name")
        _ask(control, "POST", "/faults", {"cluster": cluster, "node": node, **given, "name": name})
        typer.echo(f"{name} is in effect; end it with: pvesim fault clear {name}")


@app.command("status")
def status_command(json: AsJson = False, control: Control = DEFAULT) -> None:
    """Show a served estate: clusters, nodes, guests, calls received, faults in effect."""
    found: Any = _ask(control, "GET", "/status")
    if json:
        _print(found)
        return
    for cluster in found["clusters"]:
        quorum = "" if cluster["quorate"] else ", no quorum"
        typer.echo(
            f"{cluster['name']}  Proxmox VE {cluster['version']}{quorum}, "
            f"{cluster['running']} of {cluster['guests']} guests running"
        )
        for node in cluster["nodes"]:
            typer.echo(
                f"  {node['name']:<10} {node['url']:<28} {'up' if node['online'] else 'down':<5}"
                f"{node['guests']:>5} guests {node['tasks']:>3} tasks {node['requests']:>8} calls"
            )
    ahead = f", {found['ahead']:.0f} s ahead" if found["ahead"] else ""
    typer.echo(f"{found['requests']} calls received, {found['faults']} faults in effect{ahead}")


@app.command("advance")
def advance_command(
    seconds: Annotated[float, typer.Argument(help="How many seconds pass.", min=0, max=3e9)],
    control: Control = DEFAULT,
) -> None:
    """Let time pass at once for tasks, tickets, dead nodes, uptimes."""
    _ask(control, "POST", "/advance", {"seconds": seconds})
    typer.echo(f"{seconds:g} s have passed")


@app.command("guests")
def guests_command(cluster: Cluster = "", json: AsJson = False, control: Control = DEFAULT) -> None:
    """List the guests of a served estate."""
    found: Any = _ask(control, "GET", "/guests", {"cluster": cluster})["guests"]
    if json:
        _print(found)
        return
    for guest in found:
        lock = f"  locked: {guest['lock']}" if guest["lock"] else ""
        typer.echo(
            f"{guest['cluster']:<10} {guest['vmid']:>9}  {guest['kind']:<5} {guest['status']:<8} "
            f"{guest['node']:<10} {guest['name']}{lock}"
        )


@app.command("guest")
def guest_command(
    deed: Deed,
    vmid: Annotated[int, typer.Argument(help="Of the guest.", min=100)],
    parameters: Parameters = None,
    cluster: Cluster = "",
    control: Control = DEFAULT,
) -> None:
    """Do something to a guest, as somebody does who goes round every client.

    move takes node=…, rename takes name=…, lock takes lock=backup|migrate|…; create takes what a scene says
    of a guest, for example node=pve2 name=web kind=lxc memory=1024.
    """
    given = {"cluster": cluster, **_pairs(parameters or [], "vmid"), "vmid": vmid}
    done: Any
    match deed:
        case Deed.create:
            done = _ask(control, "POST", "/guests", given)
        case Deed.destroy:
            _ask(control, "DELETE", "/guests", given)
            typer.echo(f"guest {vmid} is destroyed")
            return
        case Deed.start | Deed.stop:
            status = "running" if deed is Deed.start else "stopped"
            done = _ask(control, "POST", "/guests/status", {**given, "status": status})
        case Deed.unlock:
            done = _ask(control, "POST", "/guests/lock", {**given, "lock": ""})
        case _:
            done = _ask(control, "POST", f"/guests/{deed}", given)
    guest = done["guest"]
    lock = f", locked ({guest['lock']})" if guest["lock"] else ""
    typer.echo(f"guest {vmid} ({guest['name']}) on {guest['node']}: {guest['status']}{lock}")


def fault_reference() -> str:
    """What every fault does, from the registry itself."""
    parts = []
    for fault in FAULTS.values():
        takes = "".join(f" [{name}={default}]" for name, default in fault.parameters.items())
        text = "\n    ".join(fault.description.splitlines())
        parts.append(f"{fault.name}{takes}   ({fault.scope})\n    {text}")
    return "\n".join(parts)


def _ask(control: str, method: str, path: str, given: dict[str, object] | None = None) -> dict[str, object]:
    try:
        return ask(control, method, path, given or {})
    except ControlError as error:
        _fail(str(error))


def _print(found: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))


def _pairs(parameters: Sequence[str], taken: str) -> dict[str, object]:
    """`name=value` each; one of these names is an argument of its own already."""
    pairs: dict[str, object] = {}
    for each in parameters:
        key, equals, value = each.partition("=")
        if not equals:
            _fail(f"{each!r} is no parameter: write name=value, for example seconds=5.")
        if key == taken:
            _fail(f"{each!r}: {key} is given before.")
        pairs[key] = value
    return pairs


def _fail(message: str) -> NoReturn:
    typer.echo(f"pvesim: {message}", err=True)
    raise typer.Exit(2)
