"""Lists of containers out of shelves are what filtering and sorting all of them at once would give."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.containers.figures import ContainerFigures
from paddock.containers.shelf import LIVE_SORTS, MOST_REMEMBERED, SORTS, Line, Question, Shelf, merged

AT = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("web", "db", "mail")
TAGS = ("", "blue", "blue;web", "red")


def line(number: int, cluster: str, status: str, name: str, tags: str, memory: int) -> Line:
    node = f"{cluster}-n{number % 2}"
    return Line(
        f"{cluster}{number:03}", "s", cluster, node, 100 + number, name, node, status, tags, memory, 1.0, f"{name}\n{tags}"
    )  # fmt: skip


@st.composite
def shelves(draw: st.DrawFn) -> dict[str, Shelf]:
    found = {}
    for cluster in "abc"[: draw(st.integers(0, 3))]:
        rows = draw(
            st.lists(
                st.tuples(
                    st.sampled_from(("running", "stopped")),
                    st.sampled_from(NAMES),
                    st.sampled_from(TAGS),
                    st.integers(1, 3),
                ),
                max_size=8,
            )
        )
        lines = [line(number, cluster, *row) for number, row in enumerate(rows)]
        found[cluster] = Shelf(lines, facts=0, details=0, at=0.0)
    return found


questions = st.builds(
    Question,
    node=st.sampled_from(("", "a-n0")),
    tag=st.sampled_from(("", "blue", "we")),
    q=st.sampled_from(("", "WEB", "10", "103")),
    status=st.sampled_from(("", "running")),
    sort=st.sampled_from((*SORTS, *LIVE_SORTS)),
    descending=st.booleans(),
)


def plainly(lines: list[Line], question: Question, figures: dict[str, ContainerFigures]) -> list[Line]:
    """The same in the shortest way."""

    def matches(one: Line) -> bool:
        return (
            (not question.node or one.node_id == question.node)
            and (not question.tag or question.tag in one.tags.split(";"))
            and (question.q.casefold() in one.found or question.q == str(one.vmid))
            and (not question.status or one.status == question.status)
        )

    def key(one: Line) -> Any:
        if question.sort in LIVE_SORTS:
            return LIVE_SORTS[question.sort](figures[one.id]) if one.id in figures else -1.0
        return SORTS[question.sort](one)

    return sorted(filter(matches, lines), key=key, reverse=question.descending)


@given(shelves(), questions, st.data())
def test_shelves_together_answer_as_one_list_would(
    found: dict[str, Shelf], question: Question, data: st.DataObject
) -> None:
    lines = [one for shelf in found.values() for one in shelf.lines]
    cpu = {
        one.id: ContainerFigures(AT, data.draw(st.sampled_from((0.0, 0.5))), one.vmid)
        for one in lines
        if one.vmid % 3
    }
    wanted = plainly(lines, question, cpu)
    for _ in ("as it is found", "as it is remembered"):
        orders = [shelf.order(question, cpu, 1) for shelf in found.values()]
        assert list(merged(orders, descending=question.descending).lines) == wanted
        by_status = sum((shelf.select(question).by_status for shelf in found.values()), Counter[str]())
        everything = plainly(lines, Question(question.node, question.tag, question.q), cpu)
        assert by_status == Counter(one.status for one in everything)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(
        [line(number, "a", "running", NAMES[number % 3], "", 1) for number in range(6)],
        facts=1, details=1, at=1.0,
    )  # fmt: skip


def test_an_order_by_live_figures_follows_newer_figures_and_only_those(shelf: Shelf) -> None:
    question = Question(sort="cpu", descending=True)
    figures = {one.id: ContainerFigures(AT, cpu) for cpu, one in enumerate(shelf.lines)}
    first = shelf.order(question, figures, 1)
    assert first.lines[0].id == "a005"
    figures["a000"] = ContainerFigures(AT, 99.0)
    assert shelf.order(question, figures, 1) is first
    assert shelf.order(question, figures, 2).lines[0].id == "a000"


def test_the_same_containers_read_again_keep_what_is_remembered(shelf: Shelf) -> None:
    kept = shelf.order(Question(sort="vmid"), {}, 0)
    assert shelf.take_over(Shelf(list(shelf.lines), facts=2, details=3, at=4.0))
    assert (shelf.facts, shelf.details, shelf.at) == (2, 3, 4.0)
    assert shelf.order(Question(sort="vmid"), {}, 0) is kept
    assert not shelf.take_over(Shelf(shelf.lines[1:], facts=5, details=5, at=5.0))
    assert shelf.facts == 2


def test_what_was_asked_long_ago_is_forgotten(shelf: Shelf) -> None:
    first = shelf.select(Question(q="web"))
    for number in range(MOST_REMEMBERED - 1):
        shelf.select(Question(q=f"other{number}"))
    assert shelf.select(Question(q="web")) is first
    shelf.select(Question(q="one too many"))
    assert shelf.select(Question(q="web")) is not first
    assert shelf.select(Question(q="web")) == first
