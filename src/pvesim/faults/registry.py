"""The registry of faults: what each is called, takes and does. It documents itself."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvesim.chance import chance
from pvesim.deeds import Refused
from pvesim.layers import Undo
from pvesim.trouble import Selector

if TYPE_CHECKING:
    from pvesim.estate import Estate
    from pvesim.model import Cluster, Node

Effect = Callable[..., Undo]

#: What a fault that meddles with answers, or with tasks, can be narrowed down by, with the defaults.
SELECTING: Mapping[str, Mapping[str, object]] = {
    "": {},
    "answers": {"path": "", "probability": 1.0, "count": 0, "after": 0},
    "tasks": {"type": "", "probability": 1.0, "count": 1, "after": 0},
}


_MOST = 1e9  # beyond that lies no date, and no client waits so long


class UnknownFault(ValueError):
    """No fault of that name, in a sentence."""


class BadTarget(ValueError):
    """A fault aimed at nothing, or with wrong parameters, in a sentence."""


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster, or a node of it."""

    cluster: Cluster
    node: Node | None = None
    estate: Estate | None = None

    @classmethod
    def find(cls, estate: Estate, fault: Fault, cluster: str, node: str) -> Target:
        names = ", ".join(estate.clusters)
        if not cluster and len(estate.clusters) == 1:
            cluster = names
        if cluster not in estate.clusters:
            raise BadTarget(f"which cluster? {cluster!r} is not one of {names}.")
        found = estate.clusters[cluster]
        if node and node not in found.nodes:
            raise BadTarget(f"cluster {cluster!r} has no node {node!r}: it has {', '.join(found.nodes)}.")
        if fault.scope == "node" and not node:
            raise BadTarget(f"{fault.name} needs a node: one of {', '.join(found.nodes)}.")
        return cls(found, found.nodes[node] if node else None, estate)

    @property
    def nodes(self) -> list[Node]:
        return [self.node] if self.node else list(self.cluster.nodes.values())

    def put(self, things: Iterable[object], **values: object) -> Undo:
        """Set attributes; other faults may have set them too, and end in any order."""
        return self.cluster.altered.put(things, **values)


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble."""

    name: str
    scope: str  # "node", "cluster", or "node or cluster"
    sockets: bool  # listeners and open connections must follow the change
    effect: Effect
    reversible: bool = True  # once it has ended, everything is as it was
    selects: str = ""  # answers or tasks, where it can be narrowed down
    chosen: Mapping[str, object] | None = None  # what it is narrowed down to unless told otherwise

    @property
    def description(self) -> str:
        return inspect.cleandoc(self.effect.__doc__ or "")

    @property
    def group(self) -> str:
        """What kind of trouble it belongs to: the first line of its module."""
        text = sys.modules[self.effect.__module__].__doc__ or ""
        return text.strip().partition("\n")[0].rstrip(".")

    @property
    def own_parameters(self) -> Mapping[str, object]:
        """Name → default, without those that only select."""
        given = list(inspect.signature(self.effect).parameters.values())[2 if self.selects else 1 :]
        return {each.name: each.default for each in given}

    @property
    def parameters(self) -> Mapping[str, object]:
        """Name → default."""
        return {**self.own_parameters, **SELECTING[self.selects], **(self.chosen or {})}

    def parameters_from(self, given: Mapping[str, object]) -> dict[str, object]:
        """Texts as the parameters' types. Raises BadTarget."""
        known = self.parameters
        values: dict[str, object] = {}
        for name, value in given.items():
            if name not in known:
                takes = ", ".join(known) or "none"
                raise BadTarget(f"{self.name} has no parameter {name!r}; it takes: {takes}.")
            kind = type(known[name])
            try:
                values[name] = kind(str(value)) if kind in (int, float, str) else value
            except ValueError as error:
                raise BadTarget(f"{self.name}: {name} must be a number, not {value!r}.") from error
            if kind in (int, float) and not abs(float(str(values[name]))) <= _MOST:
                raise BadTarget(
                    f"{self.name}: {name} must be a number up to a thousand million, not {value}."
                )
        return values

    def apply(self, target: Target, parameters: Mapping[str, object]) -> tuple[Undo, Selector | None]:
        """Cause it; returns how to end it, and what it selects. Raises BadTarget."""
        try:
            return self._apply(target, parameters)
        except Refused as error:
            raise BadTarget(f"{self.name}: {error}") from error

    def _apply(self, target: Target, parameters: Mapping[str, object]) -> tuple[Undo, Selector | None]:
        if not self.selects:
            return self.effect(target, **parameters), None
        own = {name: value for name, value in parameters.items() if name in self.own_parameters}
        selector = self._selector(target, {**self.parameters, **parameters})
        return self.effect(target, selector, **own), selector

    def _selector(self, target: Target, values: Mapping[str, object]) -> Selector:
        text = str(values["path" if self.selects == "answers" else "type"])
        probability, count, after = (values[name] for name in ("probability", "count", "after"))
        assert isinstance(probability, float)
        assert isinstance(count, int)
        assert isinstance(after, int)
        if not 0 <= probability <= 1:
            raise BadTarget(f"{self.name}: probability must be from 0 to 1, not {probability}.")
        if count < 0 or after < 0:
            raise BadTarget(f"{self.name}: count and after must not be negative.")
        try:
            pattern = re.compile(text) if text else None
        except re.error as error:
            raise BadTarget(f"{self.name}: {text!r} is no regular expression: {error}.") from error
        draw = chance(target.cluster.seed, target.cluster.name, self.name, text)
        return Selector(draw, pattern, probability, count, after)


@dataclass(slots=True, eq=False)
class Active:
    """A fault that is in effect."""

    id: int
    fault: Fault
    target: Target
    parameters: Mapping[str, object]
    undo: Undo
    selector: Selector | None = None

    @property
    def hits(self) -> int:
        """How many calls or tasks it has struck, where it selects any."""
        return self.selector.hits if self.selector else 0


#: Every fault by name, in the order in which they are documented.
FAULTS: dict[str, Fault] = {}


def fault(
    name: str,
    *,
    scope: str = "node",
    sockets: bool = False,
    reversible: bool = True,
    selects: str = "",
    **chosen: object,
) -> Callable[[Effect], Effect]:
    """Register a fault. Its effect takes a Target (and a Selector, where it selects), then its parameters
    with defaults, and returns how to undo it."""

    def register(effect: Effect) -> Effect:
        FAULTS[name] = Fault(name, scope, sockets, effect, reversible, selects, chosen or None)
        return effect

    return register


def one_of(fault: str, name: str, value: str, *known: str) -> None:
    """Raises BadTarget for a word that is not among the known ones."""
    if value not in known:
        choices = f"{', '.join(known[:-1])} or {known[-1]}"
        raise BadTarget(f"{fault}: {name} must be {choices}, not {value!r}.")


def all_of(undos: Iterable[Undo]) -> Undo:
    """One undo for several, the last first."""
    undos = list(undos)

    def undo() -> None:
        for each in reversed(undos):
            each()

    return undo


def joined(things: list[object], thing: object) -> Undo:
    """Put something into a list until it is undone."""
    things.append(thing)

    def undo() -> None:
        if thing in things:
            things.remove(thing)

    return undo
