"""Tasks and storages that do not do what they should."""

from __future__ import annotations

import re

from pvesim.faults.registry import BadTarget, Target, Undo, fault, put
from pvesim.tasks import Sabotage


@fault("task-trouble", scope="node or cluster")
def _task_trouble(
    target: Target, how: str = "fail", type: str = "", count: int = 1, text: str = "something broke"
) -> Undo:
    """The next tasks of a type (a regular expression; empty: any) go wrong. how=fail: they end with `text`;
    warn: they end with a warning; hang: they go on for ever, until somebody stops them."""
    if how not in ("fail", "warn", "hang"):
        raise BadTarget(f"task-trouble: how must be fail, warn or hang, not {how!r}.")
    made = [(node, Sabotage(re.compile(type), how, text, count or -1)) for node in target.nodes]
    for node, sabotage in made:
        node.tasks.sabotages.append(sabotage)

    def undo() -> None:
        for node, sabotage in made:
            if sabotage in node.tasks.sabotages:
                node.tasks.sabotages.remove(sabotage)

    return undo


@fault("storage-full", scope="node or cluster")
def _storage_full(target: Target, storage: str = "local") -> Undo:
    """Nothing more fits on the storage: figures say so, and what would write there fails."""
    _known(target, storage)
    for node in target.nodes:
        node.full_storages.add(storage)
        node.changed()

    def undo() -> None:
        for node in target.nodes:
            node.full_storages.discard(storage)
            node.changed()

    return undo


@fault("storage-hung")
def _storage_hung(target: Target, storage: str = "local") -> Undo:
    """The storage does not answer, as an NFS server that is gone: asking the node about its storages hangs."""
    _known(target, storage)
    return put(target.nodes, hung_storage=storage)


def _known(target: Target, storage: str) -> None:
    if storage not in target.cluster.storages:
        known = ", ".join(target.cluster.storages)
        raise BadTarget(f"cluster {target.cluster.name!r} has no storage {storage!r}: it has {known}.")
