"""A company that has a CA of its own and has put certificates of it on its nodes."""

from __future__ import annotations

from pvesim import Running
from pvesim.certificates import Authority


def certify(running: Running, cluster: str, *, domain: str = "example.org") -> Authority:
    """Every node shows a certificate for its name in the domain, and for nothing else. Returns the CA."""
    company = Authority.stranger()
    for node in running[cluster].nodes:
        certify_one(running, node, company, cluster=cluster, domain=domain)
    return company


def certify_one(
    running: Running, node: str, company: Authority, *, cluster: str = "prod", domain: str = "example.org"
) -> None:
    found, name = running[cluster].nodes[node], f"{node}.{domain}"
    found.state.install(found.state.leaf, company.leaf(name, [name]))
    found.listener.reset()
    found.listener.refresh()
