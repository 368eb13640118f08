"""The registry of faults: every fault is one function, and documents itself.

A fault changes state and returns how to undo it. `sockets` says that listeners and open connections must
follow the change.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pvesim.model import Cluster, Estate, Node

Undo = Callable[[], None]


class UnknownFault(ValueError):
    """No fault of that name, in a sentence."""


class BadTarget(ValueError):
    """A fault aimed at nothing, or with wrong parameters, in a sentence."""


@dataclass(frozen=True, slots=True)
class Target:
    cluster: Cluster
    node: Node | None = None

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
        return cls(found, found.nodes[node] if node else None)

    @property
    def nodes(self) -> list[Node]:
        return [self.node] if self.node else list(self.cluster.nodes.values())


Effect = Callable[..., Undo]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble."""

    name: str
    scope: str  # "node", "cluster", or "node or cluster"
    sockets: bool
    effect: Effect
    reversible: bool = True  # whether clearing it puts back what it has done

    @property
    def description(self) -> str:
        return inspect.cleandoc(self.effect.__doc__ or "")

    @property
    def parameters(self) -> Mapping[str, object]:
        """Name → default."""
        given = list(inspect.signature(self.effect).parameters.values())[1:]
        return {each.name: each.default for each in given}

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
        return values

    def apply(self, target: Target, parameters: Mapping[str, object]) -> Undo:
        return self.effect(target, **parameters)


@dataclass(slots=True, eq=False)
class Active:
    """A fault that is in effect."""

    id: int
    fault: Fault
    target: Target
    parameters: Mapping[str, object]
    undo: Undo


#: Every fault by name, in the order in which they are documented.
FAULTS: dict[str, Fault] = {}


def fault(
    name: str, *, scope: str = "node", sockets: bool = False, reversible: bool = True
) -> Callable[[Effect], Effect]:
    """Register a fault."""

    def register(effect: Effect) -> Effect:
        FAULTS[name] = Fault(name, scope, sockets, effect, reversible)
        return effect

    return register


def put(things: list[Node] | list[Cluster], **values: object) -> Undo:
    before = [(thing, {name: getattr(thing, name) for name in values}) for thing in things]

    def change(thing: Node | Cluster, values: Mapping[str, object]) -> None:
        for name, value in values.items():
            setattr(thing, name, value)

    for thing in things:
        change(thing, values)

    def undo() -> None:
        for thing, old in before:
            change(thing, old)

    return undo
