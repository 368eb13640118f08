"""How the certificate that a node shows is made anew: it depends on who signed it. Pure.

`pvecm updatecerts` renews pve-ssl.pem alone. A pveproxy-ssl.pem, by ACME or one's own, is shown instead of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Renewal:
    """One command, to be run on the node. `when` it is the right one."""

    command: str
    when: str


CLUSTER = Renewal("pvecm updatecerts --force && systemctl restart pveproxy", "if the cluster's CA signed it")
ACME = Renewal("pvenode acme cert renew --force", "if it came by ACME")
OWN = Renewal("pvenode cert set CHAIN.pem KEY.pem --force 1 --restart 1", "if it is one of your own")
"""Without `--force 1` an existing one is not replaced (9.2)."""


def renewals(by_cluster: bool | None) -> tuple[Renewal, ...]:
    """`by_cluster`: whether the CA of a Proxmox VE cluster signed it; None where nobody knows."""
    if by_cluster:
        return (CLUSTER,)
    return (ACME, OWN) if by_cluster is False else (CLUSTER, ACME, OWN)


def renewal_hint(by_cluster: bool | None) -> str:
    if by_cluster:
        return f"On the node: {CLUSTER.command}"
    first, *others = renewals(by_cluster)
    ways = (f". {one.when[0].upper()}{one.when[1:]}: {one.command}" for one in others)
    return f"On the node, {first.when}: {first.command}{''.join(ways)}"
