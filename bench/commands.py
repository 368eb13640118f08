"""The command line, and how soon the server answers."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bench.processes import paddock
from bench.report import Figure, median


def measure() -> list[Figure]:
    program = str(Path(sys.executable).with_name("paddock"))
    group = "Start"
    helps = [_seconds([program, "--help"]) for _ in range(7)]
    bare = [_seconds([sys.executable, "-c", "pass"]) for _ in range(7)]
    starts = []
    for _ in range(3):
        with paddock() as served:
            starts.append(served.started_in)
    return [
        Figure(group, "floor: Python that does nothing", median(bare), "s"),
        Figure(group, "paddock --help", median(helps), "s", 0.4),
        Figure(group, "first page, from exec", median(starts), "s", 3),
    ]


def _seconds(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin
