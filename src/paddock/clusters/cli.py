"""`paddock clusters`: Proxmox VE clusters and lone hosts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from paddock.terminal import removal
from paddock.terminal.commands import Commands, Terminal
from paddock.terminal.lists import InSite, PageNumber, PageSize, Search, Sort, read_list
from paddock.terminal.names import CLUSTERS, SITES, find, find_id
from paddock.terminal.output import Column, Item
from paddock.terminal.words import Cell, Word, age, plain

clusters = Commands(
    "Proxmox VE clusters and lone hosts: quorum, trust, sign-in, and whether Paddock can read them.\n\n"
    "Clusters come with their nodes: see `paddock nodes import`."
)
app = clusters.app

ClusterName = Annotated[
    str, typer.Argument(metavar="CLUSTER", help="Name or id of the cluster.", show_default=False)
]

TRUST = {
    "system": "the system's CAs",
    "cluster_ca": "the cluster's own CA",
    "pinned": "the fingerprints that the cluster reports",
    "off": "off: certificates are not checked",
}


def quorum(cluster: Item) -> Cell:
    if cluster.get("kind") == "standalone":
        return "lone host"
    match cluster.get("quorate"):
        case True:
            return Word("Quorate", "✓", "green")
        case False:
            return Word("No quorum", "✗", "red")
        case _:
            return Word("Unknown", "?", "bright_black")


def health(cluster: Item) -> Cell:
    if not cluster.get("trouble"):
        return Word("Read", "✓", "green")
    return Word(plain(cluster.get("trouble_text") or cluster.get("trouble")), "!", "dark_orange")


@clusters.add("list", "paddock clusters list", "paddock clusters list --site vienna")
def list_clusters(
    terminal: Terminal,
    site: InSite = None,
    search: Search = None,
    sort: Sort = None,
    page: PageNumber = None,
    size: PageSize = None,
) -> None:
    """List the clusters and lone hosts, and whether Paddock can read them."""
    now = datetime.now(UTC)
    filters = {"q": search, "site": find_id(terminal.client, SITES, site)}
    answer = read_list(terminal, "/clusters", filters, sort=sort, page=page, size=size)
    columns = (
        Column("Name", lambda c: plain(c.get("name"))),
        Column("Site", lambda c: plain(c.get("site")), spare=1),
        Column("Nodes", lambda c: plain(c.get("nodes")), right=True),
        Column("Quorum", quorum),
        Column("Reading", health),
        Column("Since", lambda c: age(c.get("trouble_since"), now), spare=2),
        Column("Signed in as", lambda c: plain(c.get("credential_name")), spare=3),
    )
    terminal.show_list(
        answer,
        columns,
        label=lambda c: plain(c.get("name")),
        one="cluster",
        empty="No cluster fits."
        if search or site
        else "There is no cluster yet. Import one: paddock nodes import --site SITE --url URL",
    )


@clusters.add("show", "paddock clusters show production")
def show(
    terminal: Terminal,
    cluster: ClusterName,
) -> None:
    """Show one cluster: quorum, trust, sign-in, and what keeps Paddock from reading it."""
    now = datetime.now(UTC)
    found = terminal.client.get(f"/clusters/{find(terminal.client, CLUSTERS, cluster).get('id')}")
    if terminal.options.as_json:
        terminal.out.data(found)
        return
    kind = "API token" if found.get("credential_kind") == "token" else "password"
    terminal.out.facts(
        [
            ("Cluster", plain(found.get("name"))),
            ("Site", plain(found.get("site"))),
            ("Nodes", plain(found.get("nodes"))),
            ("Quorum", quorum(found)),
            ("Reading", health(found)),
            ("Trouble since", age(found.get("trouble_since"), now)),
            ("Signed in as", f"{plain(found.get('credential_name'))} ({kind})"),
            ("Trust", TRUST.get(str(found.get("trust_mode")), plain(found.get("trust_mode")))),
            ("CA fingerprint", plain(found.get("ca_fingerprint"))),
            ("Id", plain(found.get("id"))),
        ]
    )


@clusters.add("members", "paddock clusters members production")
def members(terminal: Terminal, cluster: ClusterName) -> None:
    """List all members of a cluster, those included that are not managed."""
    now = datetime.now(UTC)
    found = find(terminal.client, CLUSTERS, cluster)
    rows = terminal.client.rows(f"/clusters/{found.get('id')}/members")
    if terminal.options.as_json:
        terminal.out.data(rows)
        return
    columns = (
        Column("Name", lambda m: plain(m.get("name"))),
        Column("Address", lambda m: plain(m.get("address"))),
        Column("Port", lambda m: plain(m.get("port")), right=True),
        Column("Managed", lambda m: Word("yes", "✓", "green") if m.get("managed") else "no"),
        Column("Joined", lambda m: age(m.get("joined_at"), now)),
        Column("Left", lambda m: age(m.get("vanished_at"), now), spare=1),
    )
    terminal.out.table(columns, rows)


@clusters.add(
    "remove",
    "paddock clusters remove production",
    "paddock clusters remove lab --reason 'switched off' --yes",
)
def remove(
    terminal: Terminal, cluster: ClusterName, reason: removal.Reason = "", yes: removal.Yes = False
) -> None:
    """Take a cluster with all its nodes out of Paddock. Nothing changes in Proxmox VE.

    Refused while active containers run on any of its managed nodes; they are listed.
    """
    found = find(terminal.client, CLUSTERS, cluster)
    name = plain(found.get("name"))
    removal.remove(terminal, f"/clusters/{found.get('id')}", "cluster", name, reason, yes=yes)
