"""Search over everything: nodes, containers, addresses, clusters, sites, pages and actions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from paddock.access import guard
from paddock.base.context import Context
from paddock.clusters import queries as clusters
from paddock.containers import queries as containers
from paddock.nodes import queries as nodes
from paddock.sites import queries as sites
from paddock.web.paging import Paging

PER_KIND = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """One find: `path` leads there, `terms` are what the text may have matched in."""

    title: str
    text: str
    path: str
    icon: str
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finds:
    """Finds of one kind; `path` shows them all, where there are more than fit."""

    kind: str
    hits: Sequence[Hit]
    total: int
    path: str = ""


PLACES: tuple[tuple[str, Hit], ...] = (
    (
        "overview.read",
        Hit("Overview", "What needs attention", "/", "layout-dashboard", ("dashboard", "home")),
    ),
    ("sites.read", Hit("Sites", "All sites", "/sites", "map-pin")),
    ("sites.create", Hit("Create Site", "Action", "/sites/new", "plus", ("new site", "add site"))),
    ("nodes.read", Hit("Nodes", "All nodes", "/nodes", "server", ("hosts", "servers"))),
    (
        "nodes.import",
        Hit("Import Nodes", "Action", "/nodes/import", "download", ("add cluster", "add node")),
    ),
    (
        "nodes.diagnose",
        Hit("Diagnose an address", "Action", "/diagnose", "stethoscope", ("check url", "connection")),
    ),
    ("containers.read", Hit("Containers", "All containers", "/containers", "box", ("lxc",))),
    ("jobs.read", Hit("Jobs", "What runs and what ran", "/jobs", "list-check", ("tasks",))),
    ("access.read", Hit("Users", "Access", "/access", "users", ("people", "roles"))),
    ("audit.read", Hit("Audit", "Who did what", "/access/audit", "history", ("log",))),
    (
        "account.own",
        Hit(
            "Account",
            "Password, API tokens, sessions",
            "/account",
            "user",
            ("password", "token", "api token"),
        ),
    ),
    ("account.own", Hit("REST documentation", "For programs", "/api/docs", "api", ("openapi", "api"))),
)
"""Pages and actions, and who may see them."""


async def search(ctx: Context, text: str) -> list[Finds]:
    """What matches, by kind; in each kind what begins with the text, or is it, first."""
    text = text.strip()
    if not text:
        return []
    found: list[Finds] = []
    if guard.may(ctx, "nodes.read"):
        found += [await _nodes(ctx, text), await _clusters(ctx, text)]
    if guard.may(ctx, "containers.read"):
        found.append(await _containers(ctx, text))
    if guard.may(ctx, "sites.read"):
        found.append(await _sites(ctx, text))
    found.append(_places(ctx, text))
    return [finds for finds in found if finds.hits]


async def _nodes(ctx: Context, text: str) -> Finds:
    page = (await nodes.list_nodes(ctx, Paging(q=text, size=1000))).page
    hits = [
        Hit(
            node.name,
            f"{node.address} · {node.cluster}, {node.site} · {node.face.word}",
            f"/nodes/{node.id}",
            "server",
            (node.name, node.address),
        )
        for node in page.items
    ]
    return _finds("Nodes", hits, text, page.total, f"/nodes?{_q(text)}")


async def _clusters(ctx: Context, text: str) -> Finds:
    page = await clusters.list_clusters(ctx, Paging(q=text, size=100))
    hits = [
        Hit(
            one.row.name,
            f"{one.members} members, {one.site}",
            f"/nodes?cluster={one.row.id}",
            "server-2",
            (one.row.name,),
        )
        for one in page.items
        if one.row.kind != "standalone"
    ]
    return _finds("Clusters", hits, text, len(hits))


async def _containers(ctx: Context, text: str) -> Finds:
    page = (await containers.list_containers(ctx, Paging(q=text, size=200))).page
    hits = [
        Hit(
            one.name or f"CT {one.vmid}",
            " · ".join([str(one.vmid), *one.addresses[:2], f"{one.node_name}, {one.cluster}", one.status]),
            f"/containers?{_q(str(one.vmid))}&cluster={one.cluster_id}",
            "box",
            (one.name, str(one.vmid), *one.addresses),
        )
        for one in page.items
    ]
    return _finds("Containers", hits, text, page.total, f"/containers?{_q(text)}")


async def _sites(ctx: Context, text: str) -> Finds:
    page = await sites.list_sites(ctx, Paging(q=text, size=100))
    hits = [
        Hit(one.name, one.domain or one.subnet or "Site", f"/sites/{one.id}", "map-pin", (one.name,))
        for one in page.items
    ]
    return _finds("Sites", hits, text, page.total)


def _places(ctx: Context, text: str) -> Finds:
    wanted = text.casefold()
    hits = [
        hit
        for permission, hit in PLACES
        if guard.may(ctx, permission) and any(wanted in term for term in (hit.title.casefold(), *hit.terms))
    ]
    return _finds("Pages and actions", hits, text, len(hits))


def _finds(kind: str, hits: Iterable[Hit], text: str, total: int, path: str = "") -> Finds:
    best = sorted(hits, key=lambda hit: _rank(hit, text.casefold()))
    return Finds(kind, best[:PER_KIND], total, path)


def _rank(hit: Hit, wanted: str) -> int:
    terms = [term.casefold() for term in (hit.title, *hit.terms)]
    if wanted in terms:
        return 0
    return 1 if any(term.startswith(wanted) for term in terms) else 2


def _q(text: str) -> str:
    return urlencode({"q": text})
