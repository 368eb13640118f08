"""What all tests share: options, and the material that lies beside the project."""

from __future__ import annotations

import os
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
