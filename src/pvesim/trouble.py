"""What is wrong with a node for the moment, and who meddles with its answers and tasks.

Faults set it; the door, the API and the tasks ask it. A meddler is chosen by a Selector and may answer
instead of the node, do something before it answers, or change the answer and how its bytes go out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvesim.wire import Answer, Request

if TYPE_CHECKING:
    from pvesim.api import Call
    from pvesim.model import Node
    from pvesim.tasks import Task, Work


@dataclass(slots=True)
class Selector:
    """Which calls, or which tasks: by pattern, by number, by chance."""

    chance: random.Random
    pattern: re.Pattern[str] | None = None
    probability: float = 1.0
    count: int = 0  # so many, then no more; 0: without end
    after: int = 0  # the first ones that fit are let through
    seen: int = 0
    hits: int = 0

    @property
    def everything(self) -> bool:
        """Whether nothing is selected."""
        return self.pattern is None and self.probability >= 1 and not self.count and not self.after

    def takes(self, text: str) -> bool:
        """Whether this one is meant. Counts."""
        if self.count and self.hits >= self.count:
            return False
        if self.pattern is not None and not self.pattern.search(text):
            return False
        self.seen += 1
        if self.seen <= self.after:
            return False
        if self.probability < 1 and self.chance.random() >= self.probability:
            return False
        self.hits += 1
        return True


class Meddler:
    """Meddles with the calls that its selector takes."""

    def __init__(self, selector: Selector) -> None:
        self.selector = selector

    def takes(self, method: str, path: str) -> bool:
        return self.selector.takes(f"{method} {path}")

    def instead(self, node: Node, request: Request) -> Answer | None:
        """An answer without any look at the request; it is never processed."""
        return None

    def before(self, node: Node, request: Request) -> None:
        """Do something just before the request is processed."""

    def after(self, node: Node, answer: Answer) -> Answer:
        """What goes out instead of the answer; the request has been processed."""
        return answer

    def on_the_way(self, call: Call) -> None:
        """Another node hands the call over to the node in trouble, which has not processed it. May raise
        ApiError: what that other node says then."""

    def on_the_way_back(self, answer: Answer) -> Answer:
        """The answer as that other node passes it on."""
        return answer


TaskMeddler = Callable[["Node", "Task", "Work"], "Work"]


@dataclass(slots=True, eq=False)
class Trouble:
    """A node's trouble besides what the node itself has attributes for."""

    skew: float = 0.0  # seconds that the node's clock is ahead
    full_backlog: bool = False  # takes no further connections
    blind_since: float | None = None  # pvestatd hangs: no figures since then
    inactive_storages: set[str] = field(default_factory=set)
    hung_storages: set[str] = field(default_factory=set)
    meddlers: list[Meddler] = field(default_factory=list)
    task_meddlers: list[TaskMeddler] = field(default_factory=list)

    def storage_hangs(self, path: str, storage: str | None) -> bool:
        """Whether a call under /nodes/N/storage would wait for a storage that does not answer."""
        if not self.hung_storages or not re.match(r"/+nodes/+[^/]+/+storage(/|$)", path):
            return False
        return storage is None or storage in self.hung_storages
