"""Those who meddle with answers: late, lost, torn, dripping, silent, foreign.

What a node says that handed the call over to the one in trouble is AnyEvent::HTTP's: 596 where the
connection ends before an answer has begun, 597 in the middle of one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from pvesim.errors import unreachable
from pvesim.layers import Undo
from pvesim.strangers import Kind, answer_of
from pvesim.trouble import Meddler, Selector
from pvesim.wire import RESET, Answer, Request

if TYPE_CHECKING:
    from pvesim.api import Call
    from pvesim.model import Node

_GONE = "Connection reset by peer"
_TIMED_OUT = "Connection timed out"
_PATIENCE = 30.0  # of a node that hands a call over


def meddle(nodes: Iterable[Node], meddler: Meddler) -> Undo:
    """Let it meddle with the nodes' answers until that is undone."""
    lists = [node.trouble.meddlers for node in nodes]
    for each in lists:
        each.append(meddler)

    def undo() -> None:
        for each in lists:
            if meddler in each:
                each.remove(meddler)

    return undo


def nothing(how: str) -> Answer:
    """No answer: the connection is closed, reset, or kept open in silence."""
    if how == "silent":
        return Answer(hang=True)

    def end(data: bytes) -> Iterator[bytes | float | None]:
        if how == "reset":
            yield RESET

    return Answer(status=0, reason="", body=None, delivery=end)


class Lost(Meddler):
    """The request is processed; its answer never arrives."""

    def __init__(self, selector: Selector, how: str) -> None:
        super().__init__(selector)
        self.how = how

    def after(self, node: Node, answer: Answer) -> Answer:
        return replace(nothing(self.how), delay=answer.delay)

    def on_the_way_back(self, answer: Answer) -> Answer:
        if self.how == "silent":
            return Answer(596, _TIMED_OUT, None, None, delay=_PATIENCE)
        return Answer(596, _GONE, None, None)


class Unheard(Meddler):
    """The connection ends before anybody has looked at the request."""

    def __init__(self, selector: Selector, how: str) -> None:
        super().__init__(selector)
        self.how = how

    def instead(self, node: Node, request: Request) -> Answer | None:
        return nothing(self.how)

    def on_the_way(self, call: Call) -> None:
        if self.how == "silent":
            raise unreachable(596, _TIMED_OUT, _PATIENCE * call.cluster.settings.delay_scale)
        raise unreachable(596, _GONE, 0.0)


class Silent(Unheard):
    """Taken and never answered."""

    def __init__(self, selector: Selector) -> None:
        super().__init__(selector, "silent")


class Late(Meddler):
    """The answer comes later."""

    def __init__(self, selector: Selector, seconds: float) -> None:
        super().__init__(selector)
        self.seconds = seconds

    def after(self, node: Node, answer: Answer) -> Answer:
        return replace(answer, delay=answer.delay + self.seconds)

    def on_the_way(self, call: Call) -> None:
        if self.seconds >= _PATIENCE:
            raise unreachable(596, _TIMED_OUT, _PATIENCE * call.cluster.settings.delay_scale)
        call.delay += self.seconds


class Torn(Meddler):
    """The connection ends in mid-answer."""

    def __init__(self, selector: Selector, share: float, how: str) -> None:
        super().__init__(selector)
        self.share = share
        self.how = how

    def after(self, node: Node, answer: Answer) -> Answer:
        return replace(answer, delivery=self._deliver)

    def _deliver(self, data: bytes) -> Iterator[bytes | float | None]:
        head = data.find(b"\r\n\r\n") + 4
        yield data[: head + int((len(data) - head) * self.share)]
        if self.how == "reset":
            yield 0.01  # so that what was sent is not overtaken by the reset
            yield RESET

    def on_the_way_back(self, answer: Answer) -> Answer:
        return Answer(597, _GONE if self.how == "reset" else "Unexpected end-of-file", None, None)


class Dripping(Meddler):
    """The answer comes a few bytes at a time."""

    def __init__(self, selector: Selector, size: int, seconds: float) -> None:
        super().__init__(selector)
        self.size = size
        self.seconds = seconds

    def after(self, node: Node, answer: Answer) -> Answer:
        return replace(answer, delivery=self._deliver)

    def _deliver(self, data: bytes) -> Iterator[bytes | float | None]:
        for start in range(0, len(data), self.size):
            yield data[start : start + self.size]
            yield float(self.seconds)

    def on_the_way_back(self, answer: Answer) -> Answer:
        pieces = len(answer.body or b"") // self.size + 1
        return replace(answer, delay=answer.delay + pieces * self.seconds)


class Refused(Meddler):
    """Something in front of the node answers in its place."""

    def __init__(self, selector: Selector, status: int, reason: str) -> None:
        super().__init__(selector)
        self.status = status
        self.reason = reason

    def instead(self, node: Node, request: Request) -> Answer | None:
        page = f"<html><head><title>{self.status} {self.reason}</title></head></html>\n".encode()
        return Answer(self.status, self.reason, page, "text/html")

    def on_the_way(self, call: Call) -> None:
        raise unreachable(self.status, self.reason, 0.0)


class Foreign(Meddler):
    """Another product answers everything."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(Selector(Random(0)))  # noqa: S311 - nothing is drawn
        self.kind = kind

    def instead(self, node: Node, request: Request) -> Answer | None:
        raw = answer_of(self.kind, request.method, request.target)
        return Answer(int(raw.split(b" ", 2)[1]), "", None, None, raw=raw)
