"""From a typed name to the thing."""

import pytest

from paddock.terminal.failures import Exit, Failed
from paddock.terminal.names import NODES, SITES, choose
from paddock.terminal.output import Column, aligned, fitting
from paddock.terminal.words import Word

ITEMS = [
    {"id": "1", "name": "pve1", "cluster": "a"},
    {"id": "2", "name": "PVE1", "cluster": "b"},
    {"id": "3", "name": "pve2", "cluster": "b"},
]


@pytest.mark.parametrize(
    ("typed", "found"),
    [("1", "1"), ("pve1", "1"), ("PVE1", "2"), ("B/pve1", "2"), ("Pve2", "3"), ("b/pve2", "3")],
)
def test_the_exact_name_comes_before_the_name_in_another_case(typed: str, found: str) -> None:
    assert choose(NODES, ITEMS, typed)["id"] == found


def test_a_name_in_a_third_case_is_ambiguous() -> None:
    with pytest.raises(Failed) as failed:
        choose(NODES, ITEMS, "Pve1")
    assert failed.value.exit_code is Exit.WRONG_USE
    assert failed.value.objections == ("a/pve1", "b/PVE1")


def test_two_clusters_of_one_name_are_told_apart_by_id() -> None:
    with pytest.raises(Failed) as failed:
        choose(
            NODES, [{"id": "1", "name": "n", "cluster": "c"}, {"id": "2", "name": "n", "cluster": "c"}], "c/n"
        )
    assert failed.value.objections == ("1 (c/n)", "2 (c/n)")


@pytest.mark.parametrize("typed", ["", "/", "a/", "x/pve1"])
def test_what_is_not_there_is_not_found(typed: str) -> None:
    with pytest.raises(Failed) as failed:
        choose(NODES, ITEMS, typed)
    assert failed.value.exit_code is Exit.NOT_FOUND


def test_an_empty_name_never_means_a_nameless_thing() -> None:
    with pytest.raises(Failed):
        choose(SITES, [{"id": "1", "name": ""}], "")


def test_columns_are_aligned_by_their_width_on_screen() -> None:
    assert aligned([["A", "B"], ["界", Word("x", "✓", "red")], ["abc", "10"]], [False, True]) == [
        "A     B",
        "界    x",
        "abc  10",
    ]


def test_the_columns_to_spare_go_first() -> None:
    columns = [
        Column("a", lambda _: "", spare=0),
        Column("b", lambda _: "", spare=2),
        Column("c", lambda _: "", spare=1),
    ]
    rows = [["x" * 10, "y" * 10, "z" * 10]]
    assert fitting(columns, rows, 34, icons=False) == [0, 1, 2]
    assert fitting(columns, rows, 33, icons=False) == [0, 2]
    assert fitting(columns, rows, 5, icons=False) == [0]
