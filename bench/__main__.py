"""`make bench`: prints tables, writes build/bench.json and docs/reference/performance.md.

Names of modules measure these alone: `python -m bench estate serving`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import commands, diagnosing, estate, importing, serving
from bench.report import Figure, markdown, table

ROOT = Path(__file__).parent.parent


async def _commands() -> list[Figure]:
    return commands.measure()


PARTS: dict[str, Callable[[], Awaitable[list[Figure]]]] = {
    "commands": _commands,
    "importing": importing.measure,
    "diagnosing": diagnosing.measure,
    "serving": serving.measure,
    "estate": estate.measure,
}


async def main(arguments: list[str]) -> int:
    named = [one for one in arguments if not one.startswith("-")]
    write = "--write-docs" in arguments
    if unknown := [*set(named) - PARTS.keys(), *({*arguments} - {*named, "--write-docs"})]:
        print(f"unknown: {', '.join(unknown)}. Known: {', '.join(PARTS)}, --write-docs")
        return 2
    if write and named:
        print("--write-docs writes the whole page: name no parts")
        return 2
    warnings.filterwarnings("ignore", message="Unverified HTTPS request")  # proxmoxer's, on loopback
    figures: list[Figure] = []
    for name in named or PARTS:
        print(f"measuring: {name} ...", file=sys.stderr, flush=True)
        figures += await PARTS[name]()
    print(table(figures))
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    (build / "bench.json").write_text(json.dumps([figure.as_json() for figure in figures], indent=1))
    if write:
        (ROOT / "docs/reference/performance.md").write_text(markdown(figures))
    missed = [figure for figure in figures if figure.missed]
    for figure in missed:
        print(f"MISSED: {figure.name}: {figure.value:.3g} {figure.unit}, goal {figure.goal:g}")
    return 1 if missed else 0


sys.exit(asyncio.run(main(sys.argv[1:])))
