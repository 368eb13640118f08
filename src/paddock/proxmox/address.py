"""The address of a Proxmox VE API, out of whatever people type or paste. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from paddock.base.errors import Invalid

DEFAULT_PORT = 8006
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_PATHS = {"", "/api2", "/api2/json", "/api2/extjs"}
_NEVER = tuple(
    ipaddress.ip_network(net)
    for net in (
        "169.254.0.0/16", "fe80::/10",  # link-local, and the metadata of most clouds
        "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::254/128", "fd20:ce::254/128",
        "0.0.0.0/32", "::/128",
    )
)  # fmt: skip
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address
_allowed: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
_EXAMPLE = "For example https://pve1.example.org:8006 or 192.0.2.11."


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """Where one member's API listens. `host` is a name or an address without brackets, in lower case."""

    host: str
    port: int = DEFAULT_PORT

    @property
    def url(self) -> str:
        """Canonical: `https://host:8006`, an IPv6 address in brackets."""
        return f"https://{self.authority}"

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return self.authority


def parse_api_url(text: str) -> Endpoint:
    """Accepts host, host:port, URLs with /api2/json, pasted browser addresses, IPv6 with or without brackets.

    Without a port it is 8006, also after https://; a proxy on 443 must be typed with :443. `http://` is taken as
    https, since Proxmox VE speaks nothing else. Raises Invalid for the field `url`.
    """
    text = text.strip().strip("\"'<>").strip()
    if not text:
        raise _invalid("The API URL is missing.", hint=_EXAMPLE)
    if scheme := _SCHEME.match(text):
        if scheme.group(1).lower() not in {"http", "https"}:
            raise _invalid(f"Proxmox VE speaks HTTPS, not {scheme.group(1)}.", hint=_EXAMPLE)
        text = text[scheme.end() :]
    authority, slash, rest = re.split(r"[?#]", text, maxsplit=1)[0].partition("/")
    path = re.sub(r"/+", "/", slash + rest).rstrip("/").lower()
    if "@" in authority:
        raise _invalid(
            "A user name or password does not belong into the URL.",
            hint="Give the address alone; the sign-in has its own fields.",
        )
    if path not in _PATHS:
        raise _invalid(
            f"The path {slash}{rest} is not Proxmox VE's API.",
            hint="Give the address alone, without a path: Proxmox VE's API is at the root of its host.",
        )
    host, port = _split(authority)
    return Endpoint(_check_host(host), _check_port(port))


def is_forbidden(address: str) -> bool:
    """Link-local and metadata addresses: no Proxmox VE lives there, and a cloud's secrets might."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:
            found = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        else:
            found = found.ipv4_mapped or found
    if any(found.version == net.version and found in net for net in _allowed):
        return False
    return any(found.version == net.version and found in net for net in _NEVER)


def allow(networks: Iterable[str]) -> None:
    """Exceptions from what is forbidden, for the whole process: the setting `allow_addresses`. Replaces earlier ones.

    Raises ValueError for what is no address or network.
    """
    _allowed[:] = [ipaddress.ip_network(network) for network in networks]


def member_endpoint(address: str, port: int = DEFAULT_PORT) -> Endpoint:
    """For an address that a cluster reports: nothing but an IP address or a host name, never a part of a URL.

    Raises Invalid for the field `address` (also for link-local and metadata addresses) or `port`.
    """
    try:
        host = _check_host(address)
    except Invalid as error:
        raise Invalid.field("address", error.message, hint=error.hint) from None
    if not 0 < port < 65536:
        raise Invalid.field("port", f"{port} is not a port.", hint="A number from 1 to 65535.")
    return Endpoint(host, port)


def is_host(text: str) -> bool:
    """Whether it is an IP address or a legal host name, alone."""
    try:
        _check_host(text)
    except Invalid:
        return False
    return True


def _split(authority: str) -> tuple[str, str | None]:
    if authority.startswith("["):
        host, bracket, rest = authority[1:].partition("]")
        if ":" not in host or not bracket or (rest and not rest.startswith(":")):
            raise _invalid(f"“{authority}” is not an IPv6 address in brackets.", hint="[2001:db8::11]:8006")
        return host, rest[1:] if rest else None
    if authority.count(":") > 1:
        return authority, None
    host, colon, port = authority.partition(":")
    return host, port if colon else None


def _check_host(host: str) -> str:
    if len(host) > 1000:
        raise _invalid(f"“{host[:40]}…” is not a host name.", hint=_EXAMPLE)
    typed = host
    try:  # first: full-width digits become plain ones, and may make an address
        host = host if host.isascii() else host.strip().encode("idna").decode()
    except UnicodeError:
        raise _invalid(f"“{typed}” is not a host name.", hint=_EXAMPLE) from None
    host = host.strip().lower().rstrip(".")
    if not host:
        raise _invalid("The URL has no host.", hint=_EXAMPLE)
    if is_forbidden(host):
        raise _invalid(
            f"{host} is a link-local or metadata address; no Proxmox VE node is managed there.",
            hint="Give the node's address in your network. If nodes do stand there: the setting allow_addresses.",
        )
    if ":" in host:
        try:
            if "%" in host:  # a zone may hold any signs, and means something on one machine only
                raise ValueError
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            raise _invalid(f"“{host}” is not an IPv6 address.", hint="[2001:db8::11]:8006") from None
    if re.fullmatch(r"[0-9.]+|0x[0-9a-f.x]+", host):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise _invalid(
                f"“{host}” is not an IPv4 address.", hint="It has four numbers: 192.0.2.11."
            ) from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise _invalid(f"“{typed}” is not a host name.", hint=_EXAMPLE)
    return host


def _check_port(port: str | None) -> int:
    if port is None:
        return DEFAULT_PORT
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise _invalid(
            f"“{port}” is not a port." if port else "The port is missing after the colon.",
            hint=f"A number from 1 to 65535; Proxmox VE listens on {DEFAULT_PORT}.",
        )
    return int(port)


def _invalid(message: str, *, hint: str) -> Invalid:
    return Invalid.field("url", message, hint=hint)
