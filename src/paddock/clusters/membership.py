"""Members of a cluster: which address is theirs, and what changed since they were last written down. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_address, ip_interface


@dataclass(frozen=True, slots=True)
class MemberSeen:
    """A member as `/cluster/status` and `/nodes` show it now."""

    name: str
    address: str
    port: int
    nodeid: int = 0
    online: bool = True
    fingerprint: str = ""
    """SHA-256 of its certificate as the cluster reports it; empty where it does not."""
    reported: str = ""
    """The address that the cluster reports, whichever was chosen."""
    host: str = ""
    """Host of its API URL, where a person typed another than the address."""
    server_name: str | None = None
    """Name that its certificate is checked for instead of the address; None leaves it as it is known."""


@dataclass(frozen=True, slots=True)
class MemberKnown:
    """A member as it is written down."""

    name: str
    address: str
    port: int
    fingerprint: str = ""
    vanished: bool = False
    registered: bool = True
    """Whether it is a node of Paddock's; an unregistered member only serves fail-over."""


class Comparison(StrEnum):
    NEW = "new"
    KNOWN = "known"
    CHANGED = "changed"
    VANISHED = "vanished"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class MemberCompared:
    name: str
    comparison: Comparison
    changes: tuple[str, ...] = ()


def compare(seen: Iterable[MemberSeen], known: Iterable[MemberKnown]) -> list[MemberCompared]:
    """Every member, seen or written down, with what an import would change. Names are case-sensitive."""
    known_by_name = {member.name: member for member in known}
    result: list[MemberCompared] = []
    names: set[str] = set()
    for member in seen:
        names.add(member.name)
        before = known_by_name.get(member.name)
        if before is None or not before.registered:
            result.append(MemberCompared(member.name, Comparison.NEW))
        elif changes := _changes(member, before):
            result.append(MemberCompared(member.name, Comparison.CHANGED, changes))
        else:
            result.append(MemberCompared(member.name, Comparison.KNOWN))
    gone = [member for name, member in known_by_name.items() if name not in names and member.registered]
    result.extend(MemberCompared(member.name, Comparison.VANISHED) for member in gone)
    return result


def _changes(seen: MemberSeen, known: MemberKnown) -> tuple[str, ...]:
    changes = []
    if known.vanished:
        changes.append("It is a member again")
    if seen.address != known.address:
        changes.append(f"Address {known.address} → {seen.address}")
    if seen.port != known.port:
        changes.append(f"Port {known.port} → {seen.port}")
    if seen.fingerprint and known.fingerprint and seen.fingerprint != known.fingerprint:
        changes.append("Certificate renewed")
    return tuple(changes)


def choose_address(
    reported: str, interfaces: Iterable[str], typed: str, typed_interfaces: Iterable[str]
) -> str:
    """The address of a member under which Paddock should reach it.

    `reported` is what `/cluster/status` says, often the address of the cluster's own network. Where the
    person typed an address of another network of the first node (`typed_interfaces`, its CIDRs), the
    member's address in that same network is preferred; `interfaces` are the member's CIDRs.
    """
    network = _network_of(typed, typed_interfaces)
    if network is None or not _is_ip(reported) or ip_address(reported) in network:
        return reported
    for interface in _readable(interfaces):
        address = interface.ip
        if address.version == network.version and address in network:
            return str(address)
    return reported


def same_network(reported: Iterable[str], typed: str, typed_interfaces: Iterable[str]) -> bool:
    """Whether all reported addresses lie in the network of the typed one, so that nothing else needs to be asked."""
    network = _network_of(typed, typed_interfaces)
    return network is None or all(ip_address(address) in network for address in reported if _is_ip(address))


def _network_of(typed: str, interfaces: Iterable[str]) -> IPv4Network | IPv6Network | None:
    if not _is_ip(typed):
        return None
    address = ip_address(typed)
    for interface in _readable(interfaces):
        network = interface.network
        if network.version == address.version and address in network:
            return network
    return None


def _readable(interfaces: Iterable[str]) -> Iterator[IPv4Interface | IPv6Interface]:
    for cidr in interfaces:
        try:
            yield ip_interface(cidr)
        except ValueError:
            continue


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
