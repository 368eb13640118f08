"""`make bench`: prints tables, writes build/bench.json and docs/reference/performance.md."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from bench import commands, importing, serving
from bench.report import Figure, markdown, table

ROOT = Path(__file__).parent.parent


async def main() -> int:
    figures: list[Figure] = []
    figures += commands.measure()
    figures += await importing.measure()
    figures += await serving.measure()
    print(table(figures))
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    (build / "bench.json").write_text(json.dumps([figure.as_json() for figure in figures], indent=1))
    if "--write-docs" in sys.argv:
        (ROOT / "docs/reference/performance.md").write_text(markdown(figures))
    missed = [figure for figure in figures if figure.missed]
    for figure in missed:
        print(f"MISSED: {figure.name}: {figure.value:.3g} {figure.unit}, goal {figure.goal:g}")
    return 1 if missed else 0


sys.exit(asyncio.run(main()))
