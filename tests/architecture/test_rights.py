"""Rights stand at the verb, and every list looks at the scope."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import paddock
from paddock.access.rights import PERMISSIONS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "paddock"

NO_RIGHT_NEEDED = {
    # before anybody is known, or what only the holder of a link or cookie can do
    "access/actions/sign_in.py": {"sign_in", "sign_out"},
    "access/actions/links.py": {"make_link", "find_link", "set_up", "choose_password"},
}

Function = ast.AsyncFunctionDef


def action_files() -> list[Path]:
    return sorted(
        path for path in SOURCE.rglob("*.py") if path.name == "actions.py" or path.parent.name == "actions"
    )


def actions() -> Iterator[tuple[str, Function]]:
    for path in action_files():
        where = path.relative_to(SOURCE).as_posix()
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_"):
                names = [argument.arg for argument in node.args.args]
                if "ctx" in names and node.name not in NO_RIGHT_NEEDED.get(where, set()):
                    yield where, node


def required(node: Function) -> tuple[int, str] | None:
    """Where among the statements the right is demanded, and which one it is."""
    statements = [one for one in node.body if not _is_docstring(one)]
    for position, statement in enumerate(statements):
        for inner in ast.walk(statement):
            if (
                isinstance(inner, ast.Await)
                and isinstance(inner.value, ast.Call)
                and ast.unparse(inner.value.func) == "guard.require"
            ):
                permission = inner.value.args[1]
                assert isinstance(permission, ast.Constant), f"{node.name}: not a plain permission"
                return position, str(permission.value)
    return None


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


@pytest.mark.parametrize(("where", "node"), [pytest.param(w, n, id=f"{w}:{n.name}") for w, n in actions()])
def test_every_action_demands_its_right_before_it_looks_at_anything(where: str, node: Function) -> None:
    found = required(node)
    assert found is not None, f"{where}: {node.name} demands no right"
    position, permission = found
    assert permission in PERMISSIONS
    before = [one for one in node.body if not _is_docstring(one)][:position]
    for statement in before:
        assert isinstance(statement, ast.Assign | ast.AnnAssign), ast.unparse(statement)
        assert not any(isinstance(inner, ast.Await) for inner in ast.walk(statement)), (
            f"{where}: {node.name} waits for something before the right is demanded"
        )


def test_the_exceptions_are_still_there() -> None:
    for where, names in NO_RIGHT_NEEDED.items():
        found = {
            node.name
            for node in ast.parse((SOURCE / where).read_text()).body
            if isinstance(node, ast.AsyncFunctionDef)
        }
        assert names <= found


def query_modules() -> list[ModuleType]:
    names = [f"paddock.{module.name}.queries" for module in pkgutil.iter_modules(paddock.__path__)]
    return [
        import_module(name)
        for name in names
        if (SOURCE.parent / Path(*name.split("."))).with_suffix(".py").exists()
    ]


def test_every_query_takes_the_context_first() -> None:
    for module in query_modules():
        for name, function in inspect.getmembers(module, inspect.iscoroutinefunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                first = next(iter(inspect.signature(function).parameters))
                assert first == "ctx", f"{module.__name__}.{name}"
