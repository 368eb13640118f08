"""`paddock nodes list|show|events`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from paddock.terminal.commands import Commands, Terminal
from paddock.terminal.lists import InCluster, InSite, PageNumber, PageSize, Search, Sort, read_list
from paddock.terminal.names import CLUSTERS, NODES, SITES, find, find_id
from paddock.terminal.output import Column, Item
from paddock.terminal.words import (
    LEVELS,
    NODE_STATES,
    NOTHING,
    Word,
    age,
    cores_of,
    count_of,
    gib_of,
    moment,
    plain,
    state,
)

NodeName = Annotated[
    str, typer.Argument(metavar="NODE", help="NAME, CLUSTER/NAME, or the id of the node.", show_default=False)
]


def register(nodes: Commands) -> None:
    nodes.add(
        "list",
        "paddock nodes list --site vienna",
        "paddock nodes list --status unreachable",
        "paddock nodes list --sort -memory",
        "paddock nodes list --json",
    )(list_nodes)
    nodes.add("show", "paddock nodes show pve1", "paddock nodes show production/pve1")(show)
    nodes.add("events", "paddock nodes events pve1", "paddock nodes events pve1 --limit 200")(events)


def list_nodes(
    terminal: Terminal,
    site: InSite = None,
    cluster: InCluster = None,
    status: Annotated[
        str | None,
        typer.Option("--status", help="online, unreachable, offline, refused, untrusted or unknown."),
    ] = None,
    search: Search = None,
    sort: Sort = None,
    page: PageNumber = None,
    size: PageSize = None,
) -> None:
    """List the nodes with status, address, figures and when each was last seen."""
    now = datetime.now(UTC)
    filters = {
        "q": search,
        "status": status,
        "site": find_id(terminal.client, SITES, site),
        "cluster": find_id(terminal.client, CLUSTERS, cluster),
    }
    answer = read_list(terminal, "/nodes", filters, sort=sort, page=page, size=size)
    columns = (
        Column("Name", lambda n: plain(n.get("name"))),
        Column("Status", lambda n: state(NODE_STATES, n.get("status"))),
        Column("Cluster", lambda n: plain(n.get("cluster")), spare=1),
        Column("Site", lambda n: plain(n.get("site")), spare=5),
        Column("Address", lambda n: plain(n.get("address")), spare=2),
        Column("CPU", lambda n: cores_of(n.get("cpu_used"), n.get("cores")), right=True, spare=4),
        Column("Memory", lambda n: gib_of(n.get("memory_used"), n.get("memory")), right=True, spare=6),
        Column(
            "Storage", lambda n: gib_of(n.get("storage_used"), n.get("storage_total")), right=True, spare=8
        ),
        Column(
            "CTs",
            lambda n: count_of(n.get("containers_running"), n.get("containers_total")),
            right=True,
            spare=7,
        ),
        Column("VMs", lambda n: count_of(n.get("vms_running"), n.get("vms_total")), right=True, spare=10),
        Column("PVE", lambda n: plain(n.get("pve_version")), spare=9),
        Column("Last seen", lambda n: age(n.get("last_seen_at"), now), spare=3),
    )
    terminal.show_list(
        answer,
        columns,
        label=NODES.label,
        one="node",
        empty="No node fits."
        if any(filters.values())
        else "There is no node yet. Import some: paddock nodes import --site SITE --url URL",
    )


def show(terminal: Terminal, node: NodeName) -> None:
    """Show one node: why it has its status, capacity, storages and bridges."""
    client = terminal.client
    found = client.get(f"/nodes/{find(client, NODES, node).get('id')}")
    if terminal.options.as_json:
        terminal.out.data(found)
        return
    now = datetime.now(UTC)
    out = terminal.out
    out.facts(
        [
            ("Node", f"{plain(found.get('cluster'))}/{plain(found.get('name'))}"),
            ("Status", state(NODE_STATES, found.get("status"))),
            ("Since", age(found.get("status_since"), now)),
            ("Why", plain(found.get("status_reason"))),
            ("Site", plain(found.get("site"))),
            ("Address", plain(found.get("address"))),
            ("URL", plain(found.get("url"))),
            ("Proxmox VE", plain(found.get("pve_version"))),
            ("CPU", cores_of(found.get("cpu_used"), found.get("cores"))),
            ("Memory", gib_of(found.get("memory_used"), found.get("memory"))),
            ("Storage", gib_of(found.get("storage_used"), found.get("storage_total"))),
            ("Containers", _running(found, "containers")),
            ("VMs", _running(found, "vms")),
            ("Figures", age(found.get("figures_at"), now)),
            ("Last seen", age(found.get("last_seen_at"), now)),
            ("Id", plain(found.get("id"))),
        ]
    )
    if terminal.options.quiet:
        return
    if storages := client.rows(f"/nodes/{found.get('id')}/storages"):
        out.line("")
        out.table(STORAGES, storages)
    if bridges := client.rows(f"/nodes/{found.get('id')}/bridges"):
        out.line("")
        out.table(BRIDGES, bridges)


def events(
    terminal: Terminal,
    node: NodeName,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many at most.")] = 50,
) -> None:
    """Show what happened to a node, the newest first."""
    node_id = find(terminal.client, NODES, node).get("id")
    found = terminal.client.rows(f"/nodes/{node_id}/events", {"limit": limit})
    now = datetime.now(UTC)
    columns = (
        Column("When", lambda e: age(e.get("at"), now)),
        Column("Time", lambda e: _time(e.get("at")), spare=1),
        Column("Level", lambda e: state(LEVELS, e.get("level"))),
        Column("What", lambda e: plain(e.get("text"))),
    )
    if terminal.options.as_json:
        terminal.out.data(found)
    elif not found:
        terminal.out.note("Nothing has happened yet.")
    else:
        terminal.out.table(columns, found)


STORAGES = (
    Column("Storage", lambda s: plain(s.get("name"))),
    Column("Type", lambda s: plain(s.get("type"))),
    Column("Use", lambda s: gib_of(s.get("used"), s.get("total")), right=True),
    Column("Shared", lambda s: plain(s.get("shared"))),
    Column("Content", lambda s: plain(s.get("content")), spare=1),
)
BRIDGES = (
    Column("Bridge", lambda b: plain(b.get("name"))),
    Column("CIDR", lambda b: plain(b.get("cidr"))),
    Column("Ports", lambda b: plain(b.get("ports"))),
    Column("VLAN-aware", lambda b: plain(b.get("vlan_aware"))),
    Column("State", lambda b: Word("Active", "✓", "green") if b.get("active") else Word("Down", "✗", "red")),
)


def _running(node: Item, what: str) -> str:
    counts = count_of(node.get(f"{what}_running"), node.get(f"{what}_total"))
    return counts if counts == NOTHING else f"{counts} running"


def _time(value: object) -> str:
    at = moment(value)
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else NOTHING
