from datetime import UTC, datetime, timedelta

import pytest

from paddock.jobs import outcome

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0.42, "0.4 s"), (12.9, "12 s"), (220, "3 min 40 s"), (7500, "2 h 5 min")],
)
def test_a_duration_is_told_as_exactly_as_is_useful(seconds: float | None, text: str) -> None:
    assert outcome.span(seconds) == text


def test_a_running_job_is_counted_until_now() -> None:
    assert outcome.seconds(NOW - timedelta(seconds=5), None, NOW) == 5
    assert outcome.seconds(NOW - timedelta(seconds=5), NOW - timedelta(seconds=3), NOW) == 2
    assert outcome.seconds(None, None, NOW) is None


@pytest.mark.parametrize(
    ("state", "done", "total", "percent"),
    [
        ("queued", 0, 5, 0),
        ("running", 0, 5, None),
        ("running", 2, 5, 40),
        ("running", 9, 5, 100),
        ("done", 0, 0, 100),
    ],
)
def test_progress_is_not_made_up(state: str, done: int, total: int, percent: int | None) -> None:
    assert outcome.percent(state, done, total) == percent


def test_results_are_read_leniently() -> None:
    rows = [{"name": "pve1", "node_id": "n1", "level": "ok", "text": "Reachable directly"}, "odd", {}]
    first, second = outcome.lines({"nodes": rows})
    assert (first.name, first.path, first.level) == ("pve1", "/nodes/n1", "ok")
    assert (second.path, second.level) == ("", "info")
    assert outcome.lines(None) == outcome.lines({"nodes": 3}) == ()


def test_links_lead_to_pages_and_the_result_adds_the_cluster() -> None:
    given = [{"kind": "site", "id": "s1", "label": "Vienna"}, {"kind": "comet", "id": "c", "label": "X"}]
    found = outcome.links(given, {"cluster_id": "c1", "cluster": "prod"})
    assert [(link.label, link.path) for link in found] == [
        ("Vienna", "/sites/s1"),
        ("X", ""),
        ("prod", "/nodes"),
    ]
    assert found[2].query == {"cluster": "c1"}
