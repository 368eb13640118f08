"""Answers that go wrong on their way: lost, cut off, dripping, or not what they should be.

A node carries its spoilers; each looks at the request and decides whether this answer is its own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from pvesim.wire import Answer, Request

_BASE = "/api2/json"


@dataclass(slots=True, eq=False)
class Spoiler:
    """Spoils answers to requests whose "METHOD path" matches `pattern`, with this probability, so often."""

    spoil: Callable[[Answer], None]
    pattern: re.Pattern[str]
    probability: float
    count: int  # how many more; negative: without end
    chance: random.Random

    def meets(self, request: Request) -> bool:
        if not self.count or not self.pattern.search(f"{request.method} {request.path.removeprefix(_BASE)}"):
            return False
        if self.probability < 1 and self.chance.random() >= self.probability:
            return False
        self.count -= self.count > 0
        return True


def spoiled(spoilers: list[Spoiler], request: Request, answer: Answer) -> Answer:
    """The answer after everything that is wrong with this node has had its turn."""
    for spoiler in spoilers:
        if spoiler.meets(request):
            spoiler.spoil(answer)
    return answer
