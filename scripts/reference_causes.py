"""The page of causes that a diagnosis can name, out of their table: what each means, and what to do next."""

from __future__ import annotations

from itertools import groupby

from markdown_parts import fenced

from paddock.clusters.examination.commands import Values
from paddock.clusters.examination.remedies import KNOWN
from paddock.clusters.examination.steps import TITLES, Command

EXAMPLE = Values(
    host="192.0.2.11",
    node="pve1",
    user="paddock@pve",
    token="paddock@pve!watch",  # noqa: S106 - its name, not its secret
    grant_on=("/", "/vms"),
    storage=("local-lvm", "images,rootdir"),
    names=("pve1.example.org", "192.0.2.11"),
    source="192.0.2.5",
    fingerprint="AA:BB:CC:…",
)
WHERE = {"here": "on Paddock's machine", "ssh": "by ssh", "node": "at the node's console"}


def troubleshooting() -> str:
    parts = [
        "# Troubleshooting",
        "Every cause that a [diagnosis](diagnose.md) can name, in the order of its steps: what it means, what to do, "
        "and the commands to run. Here they are filled in with the example node `192.0.2.11`, a token "
        "`paddock@pve!watch` and Paddock at `192.0.2.5`; a diagnosis fills in your own values.",
        "The code in a heading is what REST and `--json` say as `code`.",
    ]
    steps = list(TITLES)
    known = sorted(KNOWN.items(), key=lambda item: steps.index(item[1].key))
    for key, causes in groupby(known, key=lambda item: item[1].key):
        parts.append(f"## {TITLES[key]}")
        for code, remedy in causes:
            parts += [f"### `{code}`", f"{remedy.means} {remedy.next}"]
            if commands := remedy.commands(EXAMPLE):
                parts.append(fenced("\n".join(_shown(command) for command in commands)))
    return "\n\n".join(parts)


def _shown(command: Command) -> str:
    why = f": {command.why}" if command.why else ""
    return f"# {WHERE[command.where]}{why}\n{command.text}"
