"""The house keeps its rules: module size, names, floors."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for path in (ROOT / "src").rglob("*.py") if "migrations/versions" not in path.as_posix()
)
LIMIT = 400
UNWANTED_NAMES = {"utils", "util", "helpers", "manager", "common", "misc", "service", "services"}


def test_no_module_is_longer_than_the_limit() -> None:
    too_long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in SOURCES
        if (lines := len(path.read_text().splitlines())) > LIMIT
    }
    assert not too_long


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert not [path for path in SOURCES if path.stem in UNWANTED_NAMES or path.parent.name in UNWANTED_NAMES]


def test_the_floors_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT / "src").as_posix())
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path} has no docstring"


def test_no_inline_script_or_style_in_any_template() -> None:
    for path in (ROOT / "src").rglob("templates/**/*.html"):
        text = path.read_text()
        assert "<style" not in text, path
        assert " style=" not in text, path
        assert "javascript:" not in text, path
        for tag in text.split("<script")[1:]:
            assert "src=" in tag.split(">")[0], f"{path} has an inline script"
