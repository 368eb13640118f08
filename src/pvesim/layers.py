"""Changes that can be taken back in any order: the last one shows, the first value comes back at the end.

Several faults may change the same thing; ending one must not bring back what another has changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Undo = Callable[[], None]


@dataclass(slots=True)
class _Stack:
    thing: object
    base: object
    values: list[tuple[object, object]] = field(default_factory=list)  # (whose, value), the last one shows


class Layers:
    """What faults have laid over the attributes of a cluster's things."""

    __slots__ = ("_held", "_lifted", "_stacks")

    def __init__(self) -> None:
        self._stacks: dict[tuple[int, str], _Stack] = {}
        self._held: Counter[tuple[int, str]] = Counter()
        self._lifted: list[tuple[object, str, object]] = []

    def put(self, things: Iterable[object], **values: object) -> Undo:
        """Set attributes; returns how to take that back. What somebody else has set meanwhile stays."""
        whose = object()
        keys = []
        for thing in things:
            for name, value in values.items():
                key = (id(thing), name)
                stack = self._stacks.get(key)
                if stack is None:
                    stack = self._stacks[key] = _Stack(thing, getattr(thing, name))
                stack.values.append((whose, value))
                setattr(thing, name, value)
                keys.append(key)

        def undo() -> None:
            for key in keys:
                self._take(key, whose)

        return undo

    def _take(self, key: tuple[int, str], whose: object) -> None:
        stack = self._stacks.get(key)
        if stack is None or not any(owner is whose for owner, _ in stack.values):
            return
        name = key[1]
        shown = stack.values[-1][1]
        untouched = getattr(stack.thing, name) == shown
        stack.values = [(owner, value) for owner, value in stack.values if owner is not whose]
        if untouched:
            setattr(stack.thing, name, stack.values[-1][1] if stack.values else stack.base)
        if not stack.values:
            del self._stacks[key]

    def lift(self) -> None:
        """Show everything as it is without faults, until `lay`."""
        self._lifted = []
        for (_, name), stack in self._stacks.items():
            shown = getattr(stack.thing, name)
            if shown == stack.values[-1][1]:
                self._lifted.append((stack.thing, name, shown))
                setattr(stack.thing, name, stack.base)

    def lay(self) -> None:
        """The faults are there again."""
        for thing, name, value in self._lifted:
            setattr(thing, name, value)
        self._lifted = []

    def hold(self, names: set[str], name: str) -> Undo:
        """Put a name into a set, until everybody who did so has taken it back."""
        key = (id(names), name)
        self._held[key] += 1
        names.add(name)
        done = False

        def undo() -> None:
            nonlocal done
            if done:
                return
            done = True
            self._held[key] -= 1
            if self._held[key] <= 0:
                del self._held[key]
                names.discard(name)

        return undo
