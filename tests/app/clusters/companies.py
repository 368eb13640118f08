"""A company that has a CA of its own and has put certificates of it on its nodes."""

from __future__ import annotations

from pvesim import Running
from pvesim.certificates import Authority


def certify(running: Running, cluster: str, *, domain: str = "example.org") -> Authority:
    """Every node shows a certificate for its name in the domain, and for nothing else. Returns the CA."""
    company = Authority.stranger()
    for node in running[cluster].nodes.values():
        name = f"{node.name}.{domain}"
        node.state.install(node.state.leaf, company.leaf(name, [name]))
        node.listener.reset()
        node.listener.refresh()
    return company
