"""What a person reviews before anything is written."""

from __future__ import annotations

import pytest

from paddock.clusters.membership import Comparison
from paddock.watch.review import MemberReview, elsewhere, notes


def member(comparison: Comparison, *, online: bool = True, **more: object) -> MemberReview:
    return MemberReview("pve1", "192.0.2.11", online, comparison, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("comparison", "selectable", "preselected"),
    [
        (Comparison.NEW, True, True),
        (Comparison.CHANGED, True, True),
        (Comparison.KNOWN, True, False),
        (Comparison.VANISHED, False, False),
        (Comparison.ELSEWHERE, False, False),
    ],
)
def test_what_can_be_ticked_and_what_is(comparison: Comparison, selectable: bool, preselected: bool) -> None:
    found = member(comparison, changes=("Port 1 → 2",))
    assert (found.selectable, found.preselected) == (selectable, preselected)
    assert found.writes


def test_what_would_be_written_is_said_in_numbers() -> None:
    assert member(Comparison.NEW, containers=1, vms=2).writes == "Node, 1 container, 2 VMs"
    assert "marked Offline" in member(Comparison.NEW, online=False).writes
    assert member(Comparison.CHANGED, changes=("Port 1 → 2", "x")).writes == "Port 1 → 2; x"


def test_a_cluster_of_another_site_names_that_site() -> None:
    (found,) = elsewhere((member(Comparison.NEW),), "Graz")
    assert not found.selectable
    assert "Graz" in found.writes


def test_notes_are_said_only_where_there_is_something_to_say() -> None:
    assert notes(quorate=True, unreadable=0, offline=0, guests_hidden=False) == ()
    assert notes(quorate=None, unreadable=0, offline=0, guests_hidden=False) == ()
    found = notes(quorate=False, unreadable=1, offline=1, guests_hidden=True)
    assert len(found) == 4
    assert any("no quorum" in note for note in found)
    assert any(note.startswith("One member is offline") for note in found)
    assert any(note.startswith("One entry") for note in found)
    many = notes(quorate=True, unreadable=2, offline=3, guests_hidden=False)
    assert any(note.startswith("3 members are") for note in many)
    assert any(note.startswith("2 entries") for note in many)
    assert all(note.endswith(".") for note in (*found, *many))
