"""Answers that are lost, cut off, late by the byte, or rubbish.

All take `path` (a regular expression on "METHOD path"), `probability` and `count` (0: without end).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pvesim.faults.registry import BadTarget, Target, Undo, fault
from pvesim.spoiling import Spoiler
from pvesim.wire import HTML, JSON, Answer

_MARKUP = b"<img src=x onerror=alert(1)>\\\"'{{7*7}}\\u202e"
_NAME = re.compile(rb'"(name|hostname|node|comment|description)":"[^"]*"')


def _spoil(
    target: Target, path: str, probability: float, count: int, spoil: Callable[[Answer], None]
) -> Undo:
    try:
        pattern = re.compile(path)
    except re.error as error:
        raise BadTarget(f"path must be a regular expression: {error}.") from error
    made = [
        (node, Spoiler(spoil, pattern, probability, count or -1, target.cluster.chance))
        for node in target.nodes
    ]
    for node, spoiler in made:
        node.spoilers.append(spoiler)

    def undo() -> None:
        for node, spoiler in made:
            if spoiler in node.spoilers:
                node.spoilers.remove(spoiler)

    return undo


@fault("answer-lost", scope="node or cluster")
def _lost(
    target: Target, path: str = "^(POST|PUT|DELETE) ", probability: float = 1.0, count: int = 1
) -> Undo:
    """The request is carried out, and the connection closed without an answer: whether it was done can only
    be found out by looking."""

    def spoil(answer: Answer) -> None:
        answer.wreck = "lost"

    return _spoil(target, path, probability, count, spoil)


@fault("answer-cut", scope="node or cluster")
def _cut(target: Target, path: str = "", probability: float = 1.0, count: int = 1) -> Undo:
    """The connection is reset in the middle of the answer."""

    def spoil(answer: Answer) -> None:
        answer.wreck = "cut"

    return _spoil(target, path, probability, count, spoil)


@fault("drip", scope="node or cluster")
def _drip(
    target: Target, path: str = "", probability: float = 1.0, count: int = 0, seconds: float = 0.5
) -> Undo:
    """Answers come sixteen bytes at a time, with so many seconds between."""

    def spoil(answer: Answer) -> None:
        answer.wreck, answer.pace = "drip", seconds

    return _spoil(target, path, probability, count, spoil)


@fault("overloaded", scope="node or cluster")
def _overloaded(target: Target, path: str = "", probability: float = 1.0, count: int = 0) -> Undo:
    """A gateway in front answers 503 instead."""

    def spoil(answer: Answer) -> None:
        answer.status, answer.reason, answer.type = 503, "Service Unavailable", HTML
        answer.body, answer.delay = b"<html><body>503 Service Unavailable</body></html>", 0.0

    return _spoil(target, path, probability, count, spoil)


@fault("rubbish", scope="node or cluster")
def _rubbish(
    target: Target, how: str = "invalid-json", path: str = "", probability: float = 1.0, count: int = 0
) -> Undo:
    """Answers are not what they should be. how=invalid-json, not-json (a web page), empty, wrong-type (data is
    a number), huge (10 MB), endless (chunks without end), header (a reason phrase of 9 kB), markup (names
    that would be markup or a template somewhere)."""
    kinds: dict[str, Callable[[Answer], None]] = {
        "invalid-json": lambda answer: _replace(answer, b'{"data":[{"name":"x",'),
        "not-json": lambda answer: _replace(answer, b"<html><body>It works.</body></html>", HTML),
        "empty": lambda answer: _replace(answer, b""),
        "wrong-type": lambda answer: _replace(answer, b'{"data":42}'),
        "huge": lambda answer: _replace(answer, b'{"data":"' + b"x" * 10_000_000 + b'"}'),
        "endless": lambda answer: _wreck(answer, "endless"),
        "header": lambda answer: _reason(answer, "x" * 9000),
        "markup": lambda answer: _replace(
            answer, _NAME.sub(lambda found: b'"%b":"%b"' % (found[1], _MARKUP), answer.body or b"")
        ),
    }
    if how not in kinds:
        raise BadTarget(f"rubbish: how must be one of {', '.join(kinds)}, not {how!r}.")
    return _spoil(target, path, probability, count, kinds[how])


def _replace(answer: Answer, body: bytes, kind: str = JSON) -> None:
    if answer.status == 200:
        answer.body, answer.type = body, kind


def _wreck(answer: Answer, how: str) -> None:
    answer.wreck = how


def _reason(answer: Answer, reason: str) -> None:
    answer.reason = reason
