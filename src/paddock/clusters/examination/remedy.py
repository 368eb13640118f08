"""What a remedy is, and how one is put together. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from paddock.clusters.examination import commands as run
from paddock.clusters.examination.commands import Values
from paddock.clusters.examination.steps import Command, Key


@dataclass(frozen=True, slots=True)
class Remedy:
    """One cause: at which step it shows, what it means, what to do."""

    key: Key
    means: str
    next: str
    commands: Callable[[Values], tuple[Command, ...]]


def nothing(_values: Values) -> tuple[Command, ...]:
    return ()


def several(
    *makers: Callable[[Values], Command | tuple[Command, ...]],
) -> Callable[[Values], tuple[Command, ...]]:
    def all_of(values: Values) -> tuple[Command, ...]:
        found: list[Command] = []
        for make in makers:
            made = make(values)
            found += [made] if isinstance(made, Command) else made
        return tuple(found)

    return all_of


def service(name: str) -> Callable[[Values], tuple[Command, ...]]:
    return lambda values: run.service(values, name)


TOO_MUCH = "A proxy in between may change the answers: give the node's own address, port 8006."
