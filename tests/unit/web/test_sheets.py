"""Lists as CSV: nothing in them is run by a spreadsheet."""

import csv
import io

import pytest

from paddock.web.sheets import csv_response


@pytest.mark.parametrize(
    "name",
    [
        "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\u200b=1", "\ufeff=1", "\x1b=1",
        "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x", '=HYPERLINK("http://evil.example","x")',
    ],
)  # fmt: skip
def test_what_looks_like_a_formula_is_text(name: str) -> None:
    answer = csv_response("x", ["Name", "Size"], [[name, -5]])
    _, (shown, size) = csv.reader(io.StringIO(bytes(answer.body).decode(), newline=""))
    assert shown == f"'{name}"
    assert size == "-5", "numbers stay numbers"


@pytest.mark.parametrize("name", ["pve1", "a=b", "", "x-1", 'say "hi", again', "Größe"])
def test_what_is_none_stays_as_it_is(name: str) -> None:
    answer = csv_response("x", ["Name"], [[name], ["end"]])
    found = list(csv.reader(io.StringIO(bytes(answer.body).decode(), newline="")))
    assert found[1] == [name]
