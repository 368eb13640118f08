"""`paddock clusters list` and `show`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from paddock.terminal.commands import Commands, Terminal
from paddock.terminal.lists import InSite, PageNumber, PageSize, Search, Sort, read_list
from paddock.terminal.names import CLUSTERS, SITES, find, find_id
from paddock.terminal.output import Column, Item
from paddock.terminal.words import Cell, Word, age, plain

TRUST = {
    "system": "a public or own CA",
    "cluster_ca": "the cluster's own CA",
    "pinned": "one pinned certificate per node",
    "off": "off: certificates are not checked",
}
Which = Annotated[
    str, typer.Argument(metavar="CLUSTER", help="Name or id of the cluster.", show_default=False)
]


def trust(cluster: Item) -> Cell:
    mode = str(cluster.get("trust_mode") or cluster.get("mode"))
    text = TRUST.get(mode, plain(mode))
    return Word(text, "!", "dark_orange") if mode == "off" else text


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


def register(clusters: Commands) -> None:
    clusters.add("list", "paddock clusters list", "paddock clusters list --site vienna")(list_clusters)
    clusters.add("show", "paddock clusters show production")(show)
    clusters.add("members", "paddock clusters members production")(members)


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
        Column("Trust", trust, spare=4),
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


def show(
    terminal: Terminal,
    cluster: Which,
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
            ("Trust", trust(found)),
            ("CA fingerprint", plain(found.get("ca_fingerprint"))),
            ("Id", plain(found.get("id"))),
        ]
    )


def members(terminal: Terminal, cluster: Which) -> None:
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
