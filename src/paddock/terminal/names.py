"""From the name that a person types to the thing: by id, by name, by CLUSTER/NAME where a name is not enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from paddock.terminal.client import Client
from paddock.terminal.failures import Exit, Failed, wrong_use
from paddock.terminal.words import plain

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """How things of one kind are called. `label` is always unambiguous within a cluster."""

    word: str
    path: str
    names: Callable[[Item], Sequence[str]]
    label: Callable[[Item], str]


def _named(item: Item) -> list[str]:
    return [str(item.get("name") or "")]


def _in_cluster(item: Item) -> str:
    return f"{plain(item.get('cluster'))}/{plain(item.get('name'))}"


def _container_label(item: Item) -> str:
    return f"{plain(item.get('cluster'))}/{plain(item.get('vmid'))}"


SITES = Kind("site", "/sites", _named, lambda item: plain(item.get("name")))
CLUSTERS = Kind("cluster", "/clusters", _named, lambda item: plain(item.get("name")))
NODES = Kind("node", "/nodes", _named, _in_cluster)
CONTAINERS = Kind(
    "container",
    "/containers",
    lambda item: [str(item.get("vmid") or ""), str(item.get("name") or "")],
    _container_label,
)
TOKENS = Kind("token", "/tokens", _named, lambda item: plain(item.get("name")))
USERS = Kind("user", "/users", _named, lambda item: plain(item.get("name")))


def find(client: Client, kind: Kind, wanted: str) -> Item:
    """The one thing meant. Raises Failed: not found (with the likely one), or ambiguous (with the candidates)."""
    return choose(kind, client.everything(kind.path)["items"], wanted)


def find_id(client: Client, kind: Kind, wanted: str | None) -> str | None:
    """The id of the thing meant; None where none was named."""
    return None if wanted is None else str(find(client, kind, wanted).get("id", ""))


def choose(kind: Kind, items: Sequence[Item], wanted: str) -> Item:
    """Id, then the exact name, then the name in another case. Pure."""
    for item in items:
        if item.get("id") == wanted:
            return item
    cluster, slash, name = wanted.partition("/")
    if slash:
        pool = [item for item in items if str(item.get("cluster") or "").casefold() == cluster.casefold()]
    else:
        pool, name = list(items), wanted
    for same in (_exactly, _folded):
        found = [item for item in pool if name and any(same(name, each) for each in kind.names(item))]
        if len(found) == 1:
            return found[0]
        if found:
            raise _ambiguous(kind, found, wanted)
    raise _missing(kind, items, wanted)


def _exactly(one: str, other: str) -> bool:
    return one == other


def _folded(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _ambiguous(kind: Kind, found: Sequence[Item], wanted: str) -> Failed:
    labels = [kind.label(item) for item in found]
    if len(set(labels)) < len(labels):  # two clusters of the same name: only the id tells them apart
        labels = [f"{plain(item.get('id'))} ({kind.label(item)})" for item in found]
    return wrong_use(
        f"{wanted} is the name of {len(found)} {kind.word}s.",
        hint="Say which one, as listed here.",
        candidates=sorted(labels),
    )


def _missing(kind: Kind, items: Sequence[Item], wanted: str) -> Failed:
    known = {name.casefold(): kind.label(item) for item in items for name in kind.names(item) if name}
    close = get_close_matches(wanted.rpartition("/")[2].casefold(), known, n=1)
    command = f"paddock access {kind.word}s list" if kind in (TOKENS, USERS) else f"paddock {kind.word}s list"
    hint = f"Did you mean {known[close[0]]}?" if close else f"See what there is: {command}"
    return Failed(
        f"There is no {kind.word} {plain(wanted)}.", exit_code=Exit.NOT_FOUND, code="not_found", hint=hint
    )
