"""What the replay of recordings calls a difference, so that the figures mean something."""

from __future__ import annotations

import json

import pytest

from tests.pvesim.recorded import Exchange
from tests.pvesim.replay import Answer, compare


def differ(recorded: object, ours: object, *, reasons: tuple[str, str] = ("OK", "OK")) -> str:
    headers = {"content-type": "application/json;charset=UTF-8"}
    data = {"status": 200, "reason": reasons[0], "path": "/api2/json/x", "body": json.dumps(recorded)}
    return compare(Exchange("x", 1, data), Answer(200, reasons[1], headers, json.dumps(ours).encode()))


def test_figures_ids_and_order_may_differ() -> None:
    assert differ({"data": [{"a": 1}, {"a": 2}]}, {"data": [{"a": 7}]}) == ""


@pytest.mark.parametrize(
    ("recorded", "ours"),
    [
        ({"data": [{"a": 1}]}, {"data": []}),
        ({"data": []}, {"data": [{"a": 1}]}),
        ({"data": {"a": 1}}, {"data": {"a": "1"}}),
        ({"data": {"a": 1}}, {"data": {"a": 1, "b": 1}}),
        ({"data": {"a": [1]}}, {"data": {"a": []}}),
        ({"data": {"exitstatus": "OK"}}, {"data": {"exitstatus": "job errors"}}),
        ({"data": None, "errors": {"a": "x"}}, {"data": None, "errors": {"a": "y"}}),
    ],
)
def test_rows_types_keys_texts_and_ends_may_not(recorded: object, ours: object) -> None:
    assert differ(recorded, ours) != ""


def test_a_checksum_in_how_a_task_ends_may_differ() -> None:
    ends = [{"data": {"exitstatus": f"got '{digit * 64}'"}} for digit in "ab"]
    assert differ(*ends) == ""
    assert differ({"data": 1}, {"data": 1}, reasons=("OK", "Fine")) != ""
