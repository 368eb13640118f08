"""What all tests share: options, and the material that lies beside the project."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest_plugins = ["tests.application"]

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "pve"


def in_ci() -> bool:
    return os.environ.get("CI") == "true"


def needs(found: bool, what: str) -> None:
    """Skips visibly where something is missing; with CI=true its absence is a failure."""
    if found:
        return
    if in_ci():
        pytest.fail(f"{what} is missing, and with CI=true nothing may be skipped")
    pytest.skip(f"{what} is missing")


class Faults(logging.Handler):
    """What the simulator logs as errors: faults of its own, which it answers with a plain 500."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@pytest.fixture(autouse=True)
def own_faults() -> Iterator[list[str]]:
    """Faults of the simulator itself, with their tracebacks; a test that expects a refusal must not pass on one."""
    faults, log = Faults(), logging.getLogger("pvesim")
    log.addHandler(faults)
    yield faults.texts
    log.removeHandler(faults)
    assert not faults.texts, "\n".join(faults.texts)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="Which database the tests of the application run on.",
    )


@pytest.fixture(scope="session")
def shared() -> Path:
    """The recorded exchanges and the official schema, beside the project."""
    needs(SHARED.is_dir(), "the recorded material (../shared/pve)")
    return SHARED
