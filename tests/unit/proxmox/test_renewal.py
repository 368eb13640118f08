"""Which commands make a certificate anew depends on who signed the one that is shown."""

from __future__ import annotations

import pytest

from paddock.proxmox.certificates import parse
from paddock.proxmox.renewal import renewal_hint, renewals
from paddock.web.hints import advice
from pvesim.certificates import Authority

BY_CLUSTER = "pvecm updatecerts --force && systemctl restart pveproxy"
OTHERWISE = (
    "pvenode acme cert renew --force",
    "pvenode cert set CHAIN.pem KEY.pem --force 1 --restart 1",
)


@pytest.mark.parametrize(
    ("by_cluster", "commands"),
    [(True, (BY_CLUSTER,)), (False, OTHERWISE), (None, (BY_CLUSTER, *OTHERWISE))],
    ids=["cluster", "another", "unknown"],
)
def test_a_hint_names_the_commands_of_whoever_signed_it(
    by_cluster: bool | None, commands: tuple[str, ...]
) -> None:
    assert tuple(one.command for one in renewals(by_cluster)) == commands
    assert advice(renewal_hint(by_cluster)).commands == commands


def test_a_certificate_of_a_clusters_ca_is_told_from_another_by_its_issuer() -> None:
    leaves = (
        Authority.create("5e1f").leaf("pve1", ["pve1"]),
        Authority.stranger("Proxmox Virtual Environment").leaf("pve1", ["pve1"]),
    )
    assert [parse(leaf.pem).by_cluster for leaf in leaves] == [True, False]
