"""Trouble on demand. Every fault is one function in a module of this package; the registry documents itself.

A fault changes state and returns how to undo it. Those that meddle with answers or tasks can be narrowed
down by path or type, by number and by chance; all can be in effect together and end in any order.
"""

from __future__ import annotations

from pvesim.faults import (
    answers,
    certificates,
    cluster,
    credentials,
    guests,
    network,
    odd_answers,
    storages,
    tasks,
)
from pvesim.faults.registry import FAULTS, Active, BadTarget, Fault, Target, UnknownFault

__all__ = ["FAULTS", "Active", "BadTarget", "Fault", "Target", "UnknownFault"]

_IN_ORDER = [
    each.__name__
    for each in (
        network, answers, odd_answers, certificates, credentials, cluster, guests, tasks, storages,
    )
]  # fmt: skip
for _each in sorted(FAULTS.values(), key=lambda one: _IN_ORDER.index(one.effect.__module__)):
    FAULTS[_each.name] = FAULTS.pop(_each.name)
