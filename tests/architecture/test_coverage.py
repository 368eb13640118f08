"""`docs/reference/coverage.md`: every statement once, and every named proof is there."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "reference" / "coverage.md"
STATEMENTS = 159
ROW = re.compile(r"^\| *(?P<number>\d+) *\| *(?P<proofs>.+?) *\|$", re.MULTILINE)
TEST = re.compile(r"(?P<path>tests/[\w/]+\.py)::(?P<name>test_\w+)")
DOCUMENT = re.compile(r'(?P<path>[\w/.-]+\.md)#(?P<heading>[\w-]+) "(?P<phrase>[^"]+)"')
WHERE_ONE_CHOOSES = {32, 39, 41, 66, 68, 69, 72, 76, 77, 89, 90, 92, 93, 97, 98, 99, 100}
"""Words that have to stand where a person chooses: only a browser test that sees them there proves them."""


def rows() -> list[tuple[int, str]]:
    return [(int(match["number"]), match["proofs"]) for match in ROW.finditer(TABLE.read_text())]


def test_every_statement_has_exactly_one_row() -> None:
    counted = Counter(number for number, _ in rows())
    assert [number for number in range(1, STATEMENTS + 1) if counted[number] != 1] == []
    assert set(counted) <= set(range(1, STATEMENTS + 1))


@pytest.mark.parametrize(("number", "proofs"), rows())
def test_every_proof_is_there(number: int, proofs: str) -> None:
    if proofs == "open":
        return
    for proof in re.split(r"; ", proofs):
        if test := TEST.fullmatch(proof):
            assert test["name"] in _tests_in(test["path"]), f"row {number}: there is no {proof}"
        elif document := DOCUMENT.fullmatch(proof):
            section = _section(document["path"], document["heading"])
            assert section, f"row {number}: {document['path']} has no heading #{document['heading']}"
            assert document["phrase"] in section, f"row {number}: not there: {document['phrase']}"
        else:
            pytest.fail(
                f"row {number}: neither a test, nor a heading with a phrase, nor the word open: {proof}"
            )


def test_words_that_guide_a_choice_are_seen_by_a_browser_test() -> None:
    unseen = [
        number
        for number, proofs in rows()
        if number in WHERE_ONE_CHOOSES and proofs != "open" and "tests/browser/" not in proofs
    ]
    assert unseen == []


@cache
def _tests_in(path: str) -> frozenset[str]:
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    found = ast.walk(ast.parse(file.read_text()))
    return frozenset(node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def _section(path: str, heading: str) -> str:
    """The text below the heading, up to the next one of the same or a higher level, in one line."""
    file = ROOT / path
    if not file.is_file():
        return ""
    lines, level, found = file.read_text().splitlines(), 0, []
    for line in lines:
        head = re.match(r"(#+) (.+)", line)
        if head and level and len(head[1]) <= level:
            break
        if level:
            found.append(line)
        elif head and _anchor(head[2]) == heading:
            level = len(head[1])
    return " ".join(" ".join(found).split())


def _anchor(heading: str) -> str:
    kept = "".join(letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return kept.strip().replace(" ", "-")
