"""`paddock sites`: places with their network."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from paddock.terminal.asking import confirm_name
from paddock.terminal.commands import Commands, Terminal
from paddock.terminal.failures import wrong_use
from paddock.terminal.lists import PageNumber, PageSize, Search, Sort, read_list
from paddock.terminal.names import SITES, find
from paddock.terminal.output import Column, Item
from paddock.terminal.words import age, plain

sites = Commands(
    "Places with their network: internal domain, subnet, address range, gateway, DNS forwarders.\n\n"
    "A site is named by its name, in any case, or by its id."
)
app = sites.app

Site = Annotated[str, typer.Argument(metavar="SITE", help="Name or id of the site.", show_default=False)]
Domain = Annotated[str | None, typer.Option(help="Internal domain, for example vienna.example.net.")]
Subnet = Annotated[str | None, typer.Option(help="Subnet, as 10.0.0.0/24 or 10.0.0.0/255.255.255.0.")]
Range = Annotated[str | None, typer.Option(help="Addresses to give away, as 10.0.0.100-10.0.0.200.")]
Gateway = Annotated[str | None, typer.Option(help="Default gateway within the subnet.")]
Forwarders = Annotated[str | None, typer.Option(help="DNS servers, separated by commas.")]
ExternalIp = Annotated[
    str | None, typer.Option("--external-ip", help="Address under which the world sees it.")
]

COLUMNS = (
    Column("Name", lambda s: plain(s.get("name"))),
    Column("Domain", lambda s: plain(s.get("domain")), spare=2),
    Column("Subnet", lambda s: plain(s.get("subnet"))),
    Column("Range", lambda s: plain(s.get("range")), spare=3),
    Column("Gateway", lambda s: plain(s.get("gateway")), spare=1),
    Column("Nodes", lambda s: plain(s.get("nodes")), right=True),
    Column("Containers", lambda s: plain(s.get("containers")), right=True),
)


@sites.add("list", "paddock sites list", "paddock sites list --json | jq '.items | length'")
def list_sites(
    terminal: Terminal,
    search: Search = None,
    sort: Sort = None,
    page: PageNumber = None,
    size: PageSize = None,
) -> None:
    """List the sites, with how many nodes and containers each has."""
    answer = read_list(terminal, "/sites", {"q": search}, sort=sort, page=page, size=size)
    terminal.show_list(
        answer,
        COLUMNS,
        label=lambda s: plain(s.get("name")),
        one="site",
        empty="No site fits." if search else "There is no site yet. Make one: paddock sites create NAME",
    )


@sites.add("show", "paddock sites show vienna")
def show(terminal: Terminal, site: Site) -> None:
    """Show one site with its network."""
    _print(terminal, terminal.client.get(f"/sites/{_id(terminal, site)}"))


@sites.add(
    "create",
    "paddock sites create vienna --domain vienna.example.net --subnet 10.0.0.0/24 --gateway 10.0.0.1",
    "paddock sites create lab --range 10.9.0.100-10.9.0.200 --forwarders 9.9.9.9,1.1.1.1 --subnet 10.9.0.0/24",
)
def create(
    terminal: Terminal,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="How the site is to be called.", show_default=False)
    ],
    domain: Domain = None,
    subnet: Subnet = None,
    range: Range = None,
    gateway: Gateway = None,
    forwarders: Forwarders = None,
    external_ip: ExternalIp = None,
) -> None:
    """Make a site. Only the name is needed; the network can be added later with `paddock sites edit`."""
    given = _given(domain, subnet, range, gateway, forwarders, external_ip)
    made = terminal.client.post("/sites", {"name": name, **given})
    if terminal.options.quiet and not terminal.options.as_json:
        terminal.out.line(plain(made.get("name")))
        return
    _print(terminal, made)


@sites.add(
    "edit",
    "paddock sites edit vienna --forwarders 9.9.9.9",
    "paddock sites edit vienna --name vienna-1",
    'paddock sites edit vienna --gateway ""',
)
def edit(
    terminal: Terminal,
    site: Site,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    domain: Domain = None,
    subnet: Subnet = None,
    range: Range = None,
    gateway: Gateway = None,
    forwarders: Forwarders = None,
    external_ip: ExternalIp = None,
) -> None:
    """Change a site. What is not given stays; an empty text removes a value.

    If somebody else has changed the site in the meantime, nothing is written.
    """
    given = _given(domain, subnet, range, gateway, forwarders, external_ip)
    if name is not None:
        given["name"] = name
    if not given:
        raise wrong_use("Nothing to change.", hint="See what can be changed: paddock sites edit --help")
    path = f"/sites/{_id(terminal, site)}"
    etag = terminal.client.send("GET", path).etag
    changed = terminal.client.send("PATCH", path, body=given, if_match=etag).data
    _print(terminal, changed if isinstance(changed, dict) else terminal.client.get(path))


@sites.add("delete", "paddock sites delete lab", "paddock sites delete lab --yes")
def delete(
    terminal: Terminal,
    site: Site,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a site. Refused while nodes stand in it; nothing on the nodes is touched."""
    found = find(terminal.client, SITES, site)
    name = plain(found.get("name"))
    confirm_name(f"the site {name}", name, yes=yes)
    terminal.client.delete(f"/sites/{found.get('id')}")
    if terminal.options.as_json:
        terminal.out.data({"deleted": found.get("id")})
    terminal.out.note(f"The site {name} is gone.")


def _id(terminal: Terminal, site: str) -> str:
    return str(find(terminal.client, SITES, site).get("id", ""))


def _given(
    domain: str | None,
    subnet: str | None,
    addresses: str | None,
    gateway: str | None,
    forwarders: str | None,
    external_ip: str | None,
) -> dict[str, str]:
    """What was said on the command line, as it goes over the wire."""
    texts = {
        "domain": domain,
        "subnet": subnet,
        "range": addresses,
        "gateway": gateway,
        "forwarders": forwarders,
        "external_ip": external_ip,
    }
    return {name: text for name, text in texts.items() if text is not None}


def _print(terminal: Terminal, site: Item) -> None:
    if terminal.options.as_json:
        terminal.out.data(site)
        return
    terminal.out.facts(
        [
            ("Site", plain(site.get("name"))),
            ("Domain", plain(site.get("domain"))),
            ("Subnet", plain(site.get("subnet"))),
            ("Range", plain(site.get("range"))),
            ("Gateway", plain(site.get("gateway"))),
            ("Forwarders", plain(site.get("forwarders"))),
            ("External IP", plain(site.get("external_ip"))),
            ("Nodes", plain(site.get("nodes"))),
            ("Containers", plain(site.get("containers"))),
            ("Changed", age(site.get("updated_at"), datetime.now(UTC))),
            ("Id", plain(site.get("id"))),
        ]
    )
