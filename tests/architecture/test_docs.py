"""The docs say what the program does: generated pages are fresh, links lead somewhere, shown commands exist."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import reference  # noqa: E402 - these stand beside the package, in scripts
from markdown_parts import anchor  # noqa: E402

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]
PROGRAM = re.compile(r"^(?:sudo -u \w+ )?(?:\S*/)?(?P<program>paddock|pvesim) (?P<rest>.+)")
ENDS = {"|", "||", "&&", ";", "<", ">", ">>", "2>"}
LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
MACHINE = re.compile(r"/work/|/root/|/home/[a-z]|/tmp/")
FOREIGN = re.compile(r"\bcdn\b|jsdelivr|unpkg|cdnjs|googleapis|fonts\.g", re.IGNORECASE)

pages = pytest.mark.parametrize("page", PAGES, ids=IDS)


@pytest.mark.parametrize("name", sorted(reference.pages()))
def test_a_generated_page_is_what_the_program_says(name: str) -> None:
    written = reference.REFERENCE / name
    assert written.exists(), "make docs"
    assert written.read_text() == reference.pages()[name], f"{name} is old; write it again: make docs"


@pages
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for target in (match["target"] for match in LINK.finditer(_prose(page.read_text()))):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, heading = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.exists() or (heading and heading not in _anchors(found)):
            lost.append(target)
    assert not lost


def test_every_page_can_be_reached_from_the_first_one() -> None:
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.exists():
            continue
        seen.add(page)
        for match in LINK.finditer(_prose(page.read_text())):
            path = match["target"].partition("#")[0]
            if path and "://" not in path:
                waiting.append((page.parent / path).resolve())
    assert [page.relative_to(ROOT).as_posix() for page in PAGES if page not in seen] == []


@pages
def test_no_page_names_a_path_of_one_machine_or_a_foreign_server(page: Path) -> None:
    text = page.read_text()
    assert not MACHINE.findall(text)
    if page.parent.name != "decisions":
        assert not FOREIGN.findall(text)


@pages
def test_every_shown_command_would_be_understood(page: Path) -> None:
    known = reference.commands()
    for line in _shown_lines(page.read_text()):
        if match := PROGRAM.match(line):
            _understood(line, [match["program"], *_words(match["rest"])], known)
        if line.startswith("make "):
            assert re.search(rf"^{line.split()[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), line


@pages
def test_every_command_named_in_a_sentence_exists(page: Path) -> None:
    known = reference.commands()
    for named in re.findall(r"`((?:paddock|pvesim) [a-z][^`]*)`", _prose(page.read_text())):
        path, _ = _resolve(_words(named), known)
        assert path, f"{named}: no such command"


@pages
def test_every_environment_variable_exists(page: Path) -> None:
    sources = "".join(path.read_text() for path in _sources())
    named = set(re.findall(r"\bPADDOCK_[A-Z_]+\b", page.read_text()))
    settings = {reference.PREFIX + name.upper() for name in reference.Settings.__dataclass_fields__}
    assert [name for name in named - settings if f'"{name}"' not in sources] == []


def _understood(line: str, words: list[str], known: dict[str, Any]) -> None:
    path, arguments = _resolve(words, known)
    assert path, f"{line}: no such command"
    if hasattr(known[path], "commands"):
        assert arguments in ([], ["--help"]), line
        return
    try:
        known[path].make_context(path, list(arguments))
    except Exception as error:  # noqa: BLE001 - Typer's own kinds of error are not public
        pytest.fail(f"{line}: {getattr(error, 'message', error)}")


def _resolve(words: list[str], known: dict[str, Any]) -> tuple[str, list[str]]:
    """The longest beginning that is a command, and what is left."""
    for length in range(len(words), 1, -1):
        if (path := " ".join(words[:length])) in known:
            return path, words[length:]
    return "", words


def _words(text: str) -> list[str]:
    words: list[str] = []
    for word in shlex.split(text, comments=True):
        if word in ENDS:
            break
        words.append(word)
    return words


def _shown_lines(text: str) -> Iterator[str]:
    """Lines of code blocks, those with a backslash at the end joined with the next."""
    for block in re.findall(r"^ *```[a-z]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield line.strip().removeprefix("$ ")


def _prose(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _prose(page.read_text()), re.MULTILINE)
    return {anchor(heading) for heading in headings}


def _sources() -> Iterator[Path]:
    for folder in ("src", "tests"):
        for where, _, names in os.walk(ROOT / folder):
            yield from (Path(where, name) for name in names if name.endswith(".py"))
