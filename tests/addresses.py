"""Loopback addresses for the tests' own servers.

Drawn at random, since others may be testing on the same machine; and each worker of a parallel run draws
from a part of its own, so that one never listens where another does, or expects nobody.
"""

from __future__ import annotations

import os
import random

_chance = random.SystemRandom()


def network() -> str:
    """The first three numbers of an address, for servers that count up the last or the third themselves."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return f"127.{_chance.choice(range(16 + worker, 251, workers))}.{_chance.randint(0, 200)}"


def address() -> str:
    return f"{network()}.{_chance.randint(1, 250)}"


def port() -> int:
    """Below those that the system gives to outgoing connections."""
    return _chance.randint(20_000, 32_000)
