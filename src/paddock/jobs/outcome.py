"""What a job brought about, for people: out of the result that its work has left. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

PATHS = {"site": "/sites/", "node": "/nodes/", "container": "/containers/", "job": "/jobs/"}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing of a result: its name, where its page is, how it went (ok · info · warn · bad), in words."""

    name: str
    path: str
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    kind: str
    path: str
    query: Mapping[str, str]


def lines(result: Mapping[str, Any] | None) -> tuple[Line, ...]:
    """The result per node; empty where the work has none. Results are read leniently: they may be old."""
    rows = (result or {}).get("nodes")
    if not isinstance(rows, list):
        return ()
    return tuple(
        Line(
            str(row.get("name", "")),
            f"/nodes/{row['node_id']}" if row.get("node_id") else "",
            str(row.get("level", "info")),
            str(row.get("text", "")),
        )
        for row in rows
        if isinstance(row, Mapping)
    )


def links(given: Sequence[Mapping[str, str]], result: Mapping[str, Any] | None) -> tuple[Link, ...]:
    """What the job is about, and the cluster that its result names."""
    found = [_link(one["kind"], one["id"], one["label"]) for one in given]
    known = {one["id"] for one in given}
    if result and result.get("cluster_id") and str(result["cluster_id"]) not in known:
        found.append(_link("cluster", str(result["cluster_id"]), str(result.get("cluster", ""))))
    return tuple(found)


def seconds(started: datetime | None, ended: datetime | None, now: datetime) -> float | None:
    """How long it ran, or has been running; None where it has not started."""
    return None if started is None else max(0.0, ((ended or now) - started).total_seconds())


def span(value: float | None) -> str:
    """A duration that may be short: 0.4 s, 12 s, 3 min 40 s, 2 h 5 min."""
    if value is None:
        return "–"
    if value < 10:
        return f"{value:.1f} s"
    whole = int(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def percent(state: str, done: int, total: int) -> int | None:
    """Progress of 100; None while it cannot be said."""
    if state == "done":
        return 100
    if state == "queued":
        return 0
    return min(100, done * 100 // total) if total and done else None


def _link(kind: str, id: str, label: str) -> Link:
    if kind == "cluster":
        return Link(label, kind, "/nodes", {"cluster": id})
    return Link(label, kind, PATHS.get(kind, "") + id if kind in PATHS else "", {})
