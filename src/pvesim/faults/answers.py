"""Answers.

Answers that are lost, cut or late. `path` is a regular expression that is searched for in "METHOD /path"
(without /api2/json), `probability` the share of those, `count` how many at most (0: without end), `after`
how many are let through first. Asked by way of another node, such answers are 596 or 597 there.
"""

from __future__ import annotations

from pvesim.faults.registry import BadTarget, Target, fault, one_of
from pvesim.layers import Undo
from pvesim.meddling import Dripping, Lost, Refused, Torn, Unheard, meddle
from pvesim.trouble import Selector

_HOW = ("close", "reset", "silent")


@fault("answer-lost", scope="node or cluster", selects="answers", path="^(POST|PUT|DELETE) ", count=1)
def _answer_lost(target: Target, selector: Selector, how: str = "close") -> Undo:
    """The request is processed, its task runs, but the client never gets the answer. how=close: the
    connection is closed; how=reset: reset; how=silent: stays open."""
    one_of("answer-lost", "how", how, *_HOW)
    return meddle(target.nodes, Lost(selector, how))


@fault("request-lost", scope="node or cluster", selects="answers", path="^(POST|PUT|DELETE) ", count=1)
def _request_lost(target: Target, selector: Selector, how: str = "close") -> Undo:
    """To the client as answer-lost, but the request has never been processed: nothing happens."""
    one_of("request-lost", "how", how, *_HOW)
    return meddle(target.nodes, Unheard(selector, how))


@fault("answer-cut", scope="node or cluster", selects="answers", count=1)
def _answer_cut(target: Target, selector: Selector, share: float = 0.5, how: str = "reset") -> Undo:
    """The connection ends when a share of the body has been sent, 0 to 1. how=reset: by a reset; how=close:
    as if that were all, though Content-Length says more."""
    one_of("answer-cut", "how", how, "reset", "close")
    if not 0 <= share < 1:
        raise BadTarget(f"answer-cut: share must be from 0 to below 1, not {share}.")
    return meddle(target.nodes, Torn(selector, share, how))


@fault("drip", scope="node or cluster", selects="answers")
def _drip(target: Target, selector: Selector, size: int = 16, seconds: float = 0.5) -> Undo:
    """Answers come `size` bytes every so many `seconds`: never idle, never done."""
    if size < 1 or seconds < 0:
        raise BadTarget("drip: size must be at least 1, and seconds not negative.")
    return meddle(target.nodes, Dripping(selector, size, seconds))


@fault("overloaded", scope="node or cluster", selects="answers")
def _overloaded(
    target: Target, selector: Selector, status: int = 503, reason: str = "Service Unavailable"
) -> Undo:
    """A gateway in front of the node answers in its place, with HTML; the request is not processed."""
    if not 300 <= status <= 599:
        raise BadTarget(f"overloaded: status must be from 300 to 599, not {status}.")
    if "\r" in reason or "\n" in reason:
        raise BadTarget("overloaded: reason must be one line.")
    return meddle(target.nodes, Refused(selector, status, reason))
