"""The network of a site: reads what people type, checks each field and the fields against each other. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface, ip_network
from typing import TypeVar

from paddock.base.errors import Detail

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

T = TypeVar("T")

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person typed, field by field; an empty text is "not set"."""

    name: str
    domain: str = ""
    subnet: str = ""
    range: str = ""
    gateway: str = ""
    forwarders: str = ""
    external_ip: str = ""


@dataclass(frozen=True, slots=True)
class SiteNetwork:
    """The same in canonical form."""

    name: str
    domain: str
    subnet: str
    range_start: str
    range_end: str
    gateway: str
    forwarders: tuple[str, ...]
    external_ip: str


class _Reader:
    """Collects the faults, so that all are told at once."""

    def __init__(self) -> None:
        self.faults: list[Detail] = []

    def read(self, field: str, text: str, parse: Callable[[str], T]) -> T | None:
        if not text.strip():
            return None
        try:
            return parse(text.strip())
        except ValueError as error:
            self.faults.append(Detail(field, str(error)))
            return None

    def fault(self, field: str, message: str) -> None:
        self.faults.append(Detail(field, message))


def check(wish: Wish) -> tuple[SiteNetwork | None, Sequence[Detail]]:
    """The canonical network, or all faults. Exactly one of the two is there."""
    reader = _Reader()
    name = " ".join(wish.name.split())
    if not name:
        reader.fault("name", "Give the site a name, for example Vienna.")
    elif len(name) > 64:
        reader.fault("name", f"At most 64 characters; this name has {len(name)}.")
    elif not name.isprintable():
        reader.fault("name", "Only printable characters.")
    domain = reader.read("domain", wish.domain, parse_domain)
    subnet = reader.read("subnet", wish.subnet, parse_subnet)
    span = reader.read("range", wish.range, parse_range)
    gateway = reader.read("gateway", wish.gateway, parse_address)
    forwarders = reader.read("forwarders", wish.forwarders, parse_addresses)
    external = reader.read("external_ip", wish.external_ip, parse_address)
    _check_together(reader, subnet, span, gateway, external)
    if reader.faults:
        return None, reader.faults
    return SiteNetwork(
        name=name,
        domain=domain or "",
        subnet=_text(subnet),
        range_start=_text(span and span[0]),
        range_end=_text(span and span[1]),
        gateway=_text(gateway),
        forwarders=tuple(str(address) for address in forwarders or ()),
        external_ip=_text(external),
    ), ()


def _check_together(
    reader: _Reader,
    subnet: Network | None,
    span: tuple[Address, Address] | None,
    gateway: Address | None,
    external: Address | None,
) -> None:
    if external is not None and subnet is not None and external in subnet:
        reader.fault(
            "external_ip",
            f"{external} lies inside the subnet {subnet}; the external address is the one seen from outside.",
        )
    if subnet is None:
        for field, value in (("range", span), ("gateway", gateway)):
            if value is not None and not any(fault.field == "subnet" for fault in reader.faults):
                reader.fault(field, "Give the subnet too: without it nothing says where this belongs.")
        return
    if gateway is not None:
        if gateway not in subnet:
            reader.fault("gateway", f"{gateway} is not in the subnet {subnet}.")
        elif gateway in _reserved(subnet):
            reader.fault("gateway", f"{gateway} is the network or broadcast address of {subnet}.")
    if span is None:
        return
    start, end = span
    if outside := [address for address in span if address not in subnet]:
        reader.fault("range", f"{outside[0]} is not in the subnet {subnet}.")
        return
    if reserved := [address for address in span if address in _reserved(subnet)]:
        reader.fault("range", f"{reserved[0]} is the network or broadcast address of {subnet}.")
    if gateway is not None and gateway.version == start.version and int(start) <= int(gateway) <= int(end):
        reader.fault(
            "range",
            f"The gateway {gateway} lies inside the range; end the range before it or begin after it.",
        )


def _reserved(subnet: Network) -> tuple[Address, ...]:
    if subnet.version == 6 or subnet.prefixlen >= 31:
        return ()
    return (subnet.network_address, subnet.broadcast_address)


def parse_domain(text: str) -> str:
    """A DNS domain in lower case without a final dot. Raises ValueError with a sentence."""
    domain = text.lower().rstrip(".")
    if len(domain) > 253:
        raise ValueError("A domain has at most 253 characters.")
    for label in domain.split("."):
        if not _LABEL.match(label):
            shown = label or "an empty part"
            raise ValueError(
                f"Not a domain: {shown!r}. Letters, digits and hyphens between dots, for example vienna.example.net."
            )
    return domain


def parse_subnet(text: str) -> Network:
    """`192.168.1.0/24`, `192.168.1.0/255.255.255.0`, `192.168.1.0 255.255.255.0` or IPv6. Raises ValueError with a sentence."""
    compact = "/".join(text.replace("/", " ").split())
    if "/" not in compact:
        raise ValueError(
            "Give the prefix or mask too, for example 192.168.1.0/24 or 192.168.1.0/255.255.255.0."
        )
    try:
        return ip_network(compact, strict=True)
    except ValueError:
        pass
    try:
        meant = ip_interface(compact).network
    except ValueError:
        raise ValueError(
            f"Not a subnet: {text!r}. For example 192.168.1.0/24, 192.168.1.0/255.255.255.0 or fd00:1::/64."
        ) from None
    raise ValueError(
        f"{compact.split('/')[0]} is an address inside the subnet; the subnet itself is {meant}."
    )


def parse_address(text: str) -> Address:
    try:
        return ip_address(text.strip().strip("[]"))
    except ValueError:
        raise ValueError(f"Not an IP address: {text.strip()!r}.") from None


def parse_addresses(text: str) -> tuple[Address, ...]:
    """Addresses separated by commas, semicolons or blanks; a doubled one counts once."""
    return tuple(dict.fromkeys(parse_address(part) for part in re.split(r"[\s,;]+", text) if part))


def parse_range(text: str) -> tuple[Address, Address]:
    """`a-b` or `a,b`; the end may be shortened to its last number (`192.168.1.100-200`). Raises ValueError with a sentence."""
    parts = [part.strip() for part in re.split(r"[,–—-]|\bto\b", text) if part.strip()]
    if len(parts) != 2:
        raise ValueError("Give the first and the last address, for example 192.168.1.100-192.168.1.200.")
    start = parse_address(parts[0])
    if parts[1].isascii() and parts[1].isdigit() and start.version == 4:
        parts[1] = f"{str(start).rpartition('.')[0]}.{parts[1]}"
    end = parse_address(parts[1])
    if start.version != end.version:
        raise ValueError("The first and the last address must be of one kind, both IPv4 or both IPv6.")
    if int(end) < int(start):
        raise ValueError(f"The range ends before it begins: {start} comes after {end}.")
    return start, end


def _text(value: object | None) -> str:
    return "" if value is None else str(value)
