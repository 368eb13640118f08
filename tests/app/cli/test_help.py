"""--help: quick, complete, and without loading what it does not need."""

import subprocess
import sys

import pytest

from paddock import __version__
from paddock.cli import COMMANDS, walk
from paddock.terminal.failures import MEANINGS
from tests.app.cli.fake import Run

HEAVY = (
    "aiohttp",
    "fastapi",
    "sqlalchemy",
    "dbos",
    "uvicorn",
    "alembic",
    "jinja2",
    "cryptography",
    "argon2",
)
PROBE = """
import sys
from paddock.cli import main
sys.argv = ["paddock", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    print(sorted(set(sys.modules) & set({heavy!r})), file=sys.stderr)
    sys.exit(end.code)
"""


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--version"],
        *([noun] for noun in ("sites", "clusters", "nodes", "containers", "jobs", "access")),
        ["login"],
    ],
    ids=" ".join,
)
def test_help_loads_nothing_of_the_server(words: list[str]) -> None:
    arguments = words if words == ["--version"] else [*words, "--help"]
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(heavy=HEAVY), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout
    assert done.stderr.splitlines()[-1] == "[]"


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version").out == f"paddock {__version__}\n"


def test_every_command_is_listed_with_a_sentence(run: Run) -> None:
    shown = run("--help").out
    for name, mounted in COMMANDS.items():
        assert name in shown
        assert mounted.summary in shown


def test_exit_codes_are_in_the_help(run: Run) -> None:
    for words in (["--help"], ["nodes", "list", "--help"], ["login", "--help"]):
        shown = run(*words).out
        assert all(meaning in shown for meaning in MEANINGS.values()), words


OVER_REST = [name for name, mounted in COMMANDS.items() if mounted.where.split(":")[0].endswith(".cli")]


def test_every_command_over_rest_has_help_examples_and_the_common_options() -> None:
    leaves = [(path, command) for path, command in walk(OVER_REST) if not getattr(command, "commands", None)]
    assert len(leaves) >= 25
    for path, command in leaves:
        assert command.help.endswith((".", "info")), path
        assert f"  {path}" in command.epilog, path
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--json", "--quiet", "--profile", "--ca", "--insecure", "--timeout"} <= options, path
        assert not {"--password", "--token", "--token-secret"} & options, (
            f"{path} takes a secret as an argument"
        )


def test_examples_are_commands_that_exist() -> None:
    """Each example parses: its command and every option in it are known."""
    known = dict(walk(OVER_REST))
    for path, command in known.items():
        for example in (command.epilog or "").splitlines():
            if not example.startswith("  paddock"):
                continue
            words = example.split("|")[0].split("<")[0].split(">")[0].split()
            name = max((p for p in known if words[: len(p.split())] == p.split()), key=len)
            options = {option for parameter in known[name].params for option in parameter.opts}
            assert {w for w in words if w.startswith("--")} <= options, f"{path}: {example}"
