"""Under which name a member's certificate is checked, where the address that is called does not stand in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address


def covers(names: Iterable[str], host: str) -> bool:
    """Whether one of a certificate's names is the host; a star stands for one whole first label."""
    host = host.lower()
    return any(
        name.lower() == host
        or (name.startswith("*.") and not _is_ip(host) and name[1:].lower() == host[host.find(".") :])
        for name in names
    )


def server_name(host: str, node: str, names: Iterable[str]) -> str:
    """The name to check instead of `host`; empty where `host` itself is in the certificate, or nothing fits.

    `names` are those of the certificate that the cluster reports for the node, read over a trusted connection.
    Names that begin with the node's own come first, then whatever else the certificate is for.
    """
    names = [name.lower() for name in names]
    if covers(names, host):
        return ""
    node = node.lower()
    usable = [name for name in names if not _is_ip(name) and name != "localhost"]
    stars = [node + name[1:] for name in usable if name.startswith("*.")]
    plain = [name for name in usable if "*" not in name]
    own = [name for name in plain if name == node or name.startswith(f"{node}.")]
    return next(iter([*own, *stars, *plain]), "")


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
