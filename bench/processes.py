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

ROOT = Path(__file__).parent.parent


@dataclass
class Simulated:
    """A served estate."""

    clusters: dict[str, Any]
    control: str

    def received(self) -> dict[str, Counter[str]]:
        """Requests since the start: by the node that was asked, then by method and path."""
        with urllib.request.urlopen(f"http://{self.control}/requests", timeout=5) as answer:
            return {name: Counter(calls) for name, calls in json.load(answer)["calls"].items()}


@contextmanager
def estate(*clusters: str, latency: float = 0) -> Iterator[Simulated]:
    """`clusters` as NAME:NODES:CONTAINERS; `latency` in milliseconds per answer."""
    network, port = f"127.{random.randint(20, 250)}", random.randint(20_000, 32_000)
    control = f"127.0.0.1:{random.randint(20_000, 32_000)}"
    arguments = ["serve", "--network", network, "--port", str(port), "--control", control, "--json"]
    arguments += ["--latency", str(latency)]
    for cluster in clusters:
        arguments += ["--cluster", cluster]
    with _process("-m", "pvesim", *arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        found = json.loads(process.stdout.readline())
        yield Simulated({cluster["name"]: cluster for cluster in found["clusters"]}, control)


@dataclass
class Served:
    base: str
    token: str
    password: str
    started_in: float
    """Seconds from exec to the first page."""


@contextmanager
def paddock(**settings: str) -> Iterator[Served]:
    with tempfile.TemporaryDirectory(prefix="paddock-bench-") as folder:
        listen = f"127.0.0.1:{random.randint(20_000, 32_000)}"
        environment = {f"PADDOCK_{name.upper()}": value for name, value in settings.items()}
        password, token = _prepare(Path(folder))
        begin = time.perf_counter()
        arguments = ["-m", "paddock", "serve", "--data-dir", folder, "--listen", listen]
        with _process(*arguments, environment=environment):
            _wait(f"http://{listen}/signin")
            yield Served(f"http://{listen}", token, password, time.perf_counter() - begin)


def _prepare(folder: Path) -> tuple[str, str]:
    """An administrator's password and token, made in a thread since we may be inside a running loop."""
    settings = Settings(data_dir=folder)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(prepare(settings))).result()


@contextmanager
def _process(
    *arguments: str, environment: dict[str, str] | None = None, stdout: int | None = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PADDOCK_LOG_LEVEL": "ERROR", **(environment or {})},
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(url: str) -> None:
    for _ in range(2000):
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.005)
        else:
            return
    raise TimeoutError(url)
