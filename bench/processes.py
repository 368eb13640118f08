"""Simulator and Paddock as processes of their own, as in real life."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paddock.demo import prepare
from paddock.settings import Settings
from pvesim.control import ask

ROOT = Path(__file__).parent.parent


@dataclass
class Simulated:
    """A served estate."""

    clusters: dict[str, Any]
    control: str
    pid: int = 0
    started_in: float = 0.0
    """Seconds from exec until everything can be connected to."""

    def received(self) -> dict[str, Counter[str]]:
        """Requests since the start: by the node that was asked, then by method and path."""
        with urllib.request.urlopen(f"http://{self.control}/requests", timeout=5) as answer:
            return {name: Counter(calls) for name, calls in json.load(answer)["calls"].items()}

    def fault(self, name: str, *, cluster: str, node: str = "", **parameters: object) -> dict[str, object]:
        """Raises ControlError where the simulator refuses."""
        return ask(
            self.control, "POST", "/faults", {"name": name, "cluster": cluster, "node": node, **parameters}
        )

    def clear(self, name: str = "", *, cluster: str = "", node: str = "") -> None:
        ask(self.control, "DELETE", "/faults", {"name": name, "cluster": cluster, "node": node})

    def faults(self) -> list[dict[str, Any]]:
        found: Any = ask(self.control, "GET", "/faults", {})["faults"]
        return list(found)


@contextmanager
def estate(*clusters: str, latency: float = 0, log: Path | None = None) -> Iterator[Simulated]:
    """`clusters` as NAME:NODES:CONTAINERS; `latency` in milliseconds per answer."""
    network, port = f"127.{random.randint(20, 250)}", random.randint(20_000, 32_000)
    control = f"127.0.0.1:{random.randint(20_000, 32_000)}"
    arguments = ["serve", "--network", network, "--port", str(port), "--control", control, "--json"]
    arguments += ["--latency", str(latency)]
    for cluster in clusters:
        arguments += ["--cluster", cluster]
    begin = time.perf_counter()
    with _process("-m", "pvesim", *arguments, stdout=subprocess.PIPE, log=log) as process:
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())
        took = time.perf_counter() - begin
        clusters_by_name = {cluster["name"]: cluster for cluster in found["clusters"]}
        yield Simulated(clusters_by_name, control, process.pid, took)


@dataclass
class Served:
    base: str
    token: str
    password: str
    started_in: float
    """Seconds from exec to the first page."""
    pid: int = 0


@contextmanager
def paddock(data_dir: Path | None = None, log: Path | None = None, **settings: str) -> Iterator[Served]:
    """A served Paddock, on `data_dir` if that is to outlast it; what it logs goes to `log`."""
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as made:
        folder = str(data_dir or made)
        listen = f"127.0.0.1:{random.randint(20_000, 32_000)}"
        environment = {f"PADDOCK_{name.upper()}": value for name, value in settings.items()}
        password, token = _prepare(Path(folder))
        begin = time.perf_counter()
        arguments = ["-m", "paddock", "serve", "--data-dir", folder, "--listen", listen]
        with _process(*arguments, environment=environment, log=log) as process:
            _wait(f"http://{listen}/signin")
            yield Served(f"http://{listen}", token, password, time.perf_counter() - begin, process.pid)


def _prepare(folder: Path) -> tuple[str, str]:
    """An administrator's password and token, made in a thread since we may be inside a running loop."""
    settings = Settings(data_dir=folder)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(prepare(settings))).result()


@contextmanager
def _process(
    *arguments: str,
    environment: dict[str, str] | None = None,
    stdout: int | None = subprocess.DEVNULL,
    log: Path | None = None,
) -> Iterator[subprocess.Popen[str]]:
    ours = {"PADDOCK_LOG_LEVEL": "ERROR", "PYTHONPATH": str(ROOT / "src")}
    with (log or Path(os.devnull)).open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, **ours, **(environment or {})},
            stdout=stdout,
            stderr=errors,
            text=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)  # all live figures are written at the end
        except subprocess.TimeoutExpired:
            process.kill()


def cpu_seconds(pid: int) -> float:
    """What a process has used of processors since its start."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    """Resident memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"process {pid} has ended")


def _wait(url: str) -> None:
    for _ in range(2000):
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.005)
        else:
            return
    raise TimeoutError(url)
