"""How one member is reached: its IP address, and the host and port of its API where they are others. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from paddock.base.errors import Detail, Invalid
from paddock.proxmox.address import Endpoint, member_endpoint, parse_api_url


@dataclass(frozen=True, slots=True)
class Way:
    """`host` is empty where the API is called by the address itself."""

    address: str
    host: str
    port: int

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.host or self.address, self.port)


def changed(before: Way, *, address: str | None = None, url: str | None = None) -> Way:
    """The way with what a person has typed; None, or what is there already, stays.

    A URL that is made of the address follows the address, and the other way round. Raises Invalid with every
    fault beside its field, `address` or `url`.
    """
    faults: list[Detail] = []
    typed, endpoint = before.address, before.endpoint
    try:
        if address is not None:
            typed = _address(address, before.address)
    except Invalid as error:
        faults += error.details
    try:
        if url is not None:
            endpoint = parse_api_url(url)
    except Invalid as error:
        faults += error.details
    if faults:
        message = faults[0].message if len(faults) == 1 else "Please look at the marked fields."
        raise Invalid(message, details=faults)
    if endpoint == before.endpoint:
        return _way(typed, before.host, before.port)
    if typed == before.address and not before.host and is_ip(endpoint.host):
        typed = endpoint.host
    return _way(typed, endpoint.host, endpoint.port)


def way(address: str, endpoint: Endpoint) -> Way:
    """Out of an address and the endpoint that was typed besides."""
    return _way(address, endpoint.host, endpoint.port)


def is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _way(address: str, host: str, port: int) -> Way:
    return Way(address, "" if host == address else host, port)


def _address(text: str, before: str) -> str:
    text = text.strip().strip("[]")
    if text == before:
        return text  # it may be a host name, where the node was first reached by one
    if not is_ip(text):
        shown = f"Not an IP address: {text!r}." if text else "The IP address is missing."
        raise Invalid.field("address", shown, hint="For example 192.0.2.11 or 2001:db8::11.")
    return member_endpoint(text).host
