"""The reference of the simulator's faults, out of their registry."""

from __future__ import annotations

from itertools import groupby

from markdown_parts import table

from pvesim.control_actions import ACTIONS
from pvesim.faults import FAULTS
from pvesim.faults.registry import SELECTING, Fault


def simulator_faults() -> str:
    parts = [
        "# Faults of pvesim",
        "Cause one with `pvesim fault NAME [--cluster C] [--node N] [parameter=value …]`, see what is in effect "
        "with `pvesim fault`, end one with `pvesim fault clear [NAME]`. In tests: `running.fault(name, …)` and "
        "`running.clear(name)`. [More about pvesim](pvesim.md).",
        "A fault of answers takes, besides its own parameters: `path`, a regular expression on "
        '"METHOD path"; `probability`, from 0 to 1; `count`, after how many it rests (0: never); `after`, how '
        "many it lets through first. A fault of tasks takes the same, with `type`, a regular expression on the "
        "task's type, instead of `path`. What is marked † leaves something behind when it has ended.",
    ]
    for group, members in groupby(FAULTS.values(), key=lambda fault: fault.group):
        rows = [(_name(fault), fault.scope, " ".join(fault.description.split())) for fault in members]
        parts += [f"## {group}", table(("fault and parameters", "strikes a", "what happens"), rows)]
    actions = ", ".join(f"`{method} {path}`" for method, path in ACTIONS)
    parts += [
        "## Control port",
        "`pvesim serve` listens on a loopback port or a Unix socket for `pvesim fault`; whatever speaks HTTP and "
        f"JSON can use it too, parameters by name: {actions}.",
    ]
    return "\n\n".join(parts)


def _name(fault: Fault) -> str:
    chosen = fault.chosen or {}
    shown = {**fault.own_parameters, **chosen}
    narrowed = {"answers": ["narrowed by path"], "tasks": ["narrowed by type"]}.get(fault.selects, [])
    given = [f"`{name}={value}`" for name, value in shown.items() if value != "" or name not in SELECTING]
    return " ".join(
        [f"`{fault.name}`{'' if fault.reversible else ' †'}", *given, *(f"({each})" for each in narrowed)]
    )
