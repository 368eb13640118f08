"""`paddock containers`: LXC containers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from paddock.terminal.commands import Commands, Terminal
from paddock.terminal.lists import InCluster, InSite, PageNumber, PageSize, Search, Sort, read_list
from paddock.terminal.names import CLUSTERS, CONTAINERS, NODES, SITES, find, find_id
from paddock.terminal.output import Column
from paddock.terminal.words import (
    CONTAINER_STATES,
    NOTHING,
    age,
    cores_of,
    gib_of,
    number,
    plain,
    span,
    state,
)

containers = Commands(
    "LXC containers, as their clusters show them.\n\n"
    "A container is named by its VMID or name where that is unique, else by CLUSTER/VMID."
)
app = containers.app

COLUMNS = (
    Column("VMID", lambda c: plain(c.get("vmid")), right=True),
    Column("Name", lambda c: plain(c.get("name"))),
    Column("Status", lambda c: state(CONTAINER_STATES, c.get("status"))),
    Column("Node", lambda c: plain(c.get("node"))),
    Column("Cluster", lambda c: plain(c.get("cluster")), spare=1),
    Column("Site", lambda c: plain(c.get("site")), spare=6),
    Column("Addresses", lambda c: plain(c.get("addresses")), spare=2),
    Column("CPU", lambda c: cores_of(c.get("cpu_used"), c.get("cores")), right=True, spare=3),
    Column("Memory", lambda c: gib_of(c.get("memory_used"), c.get("memory")), right=True, spare=4),
    Column("Disk", lambda c: gib_of(c.get("disk_used"), c.get("disk")), right=True, spare=5),
    Column("Tags", lambda c: plain(c.get("tags")), spare=7),
)


@containers.add(
    "list",
    "paddock containers list --node production/pve1",
    "paddock containers list --status stopped --site vienna",
    "paddock containers list --search web --json",
)
def list_containers(
    terminal: Terminal,
    site: InSite = None,
    cluster: InCluster = None,
    node: Annotated[
        str | None, typer.Option("--node", metavar="NODE", help="Only those on this node.")
    ] = None,
    status: Annotated[str | None, typer.Option("--status", help="running, stopped or unknown.")] = None,
    search: Search = None,
    sort: Sort = None,
    page: PageNumber = None,
    size: PageSize = None,
) -> None:
    """List the containers with their node, addresses, tags and figures."""
    filters = {
        "q": search,
        "status": status,
        "site": find_id(terminal.client, SITES, site),
        "cluster": find_id(terminal.client, CLUSTERS, cluster),
        "node": find_id(terminal.client, NODES, node),
    }
    answer = read_list(terminal, "/containers", filters, sort=sort, page=page, size=size)
    terminal.show_list(
        answer,
        COLUMNS,
        label=CONTAINERS.label,
        one="container",
        empty="No container fits."
        if any(filters.values())
        else "There is no container. They appear when nodes are imported: paddock nodes import --help",
    )


@containers.add("show", "paddock containers show 101", "paddock containers show production/101")
def show(
    terminal: Terminal,
    container: Annotated[
        str, typer.Argument(metavar="CONTAINER", help="VMID, name, or CLUSTER/VMID.", show_default=False)
    ],
) -> None:
    """Show one container."""
    now = datetime.now(UTC)
    found = terminal.client.get(f"/containers/{find(terminal.client, CONTAINERS, container).get('id')}")
    if terminal.options.as_json:
        terminal.out.data(found)
        return
    uptime = number(found.get("uptime"))
    terminal.out.facts(
        [
            ("Container", f"{plain(found.get('name'))} ({plain(found.get('vmid'))})"),
            ("Status", state(CONTAINER_STATES, found.get("status"))),
            ("Node", plain(found.get("node"))),
            ("Cluster", plain(found.get("cluster"))),
            ("Site", plain(found.get("site"))),
            ("Addresses", plain(found.get("addresses"))),
            ("Tags", plain(found.get("tags"))),
            ("CPU", cores_of(found.get("cpu_used"), found.get("cores"))),
            ("Memory", gib_of(found.get("memory_used"), found.get("memory"))),
            ("Disk", gib_of(found.get("disk_used"), found.get("disk"))),
            ("Up for", span(uptime) if uptime else NOTHING),
            ("Figures", age(found.get("figures_at"), now)),
            ("Id", plain(found.get("id"))),
        ]
    )
