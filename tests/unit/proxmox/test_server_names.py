"""Under which name a certificate is checked."""

import pytest

from paddock.proxmox.server_names import covers, server_name


@pytest.mark.parametrize(
    ("names", "host", "expected"),
    [
        (["pve1.example.org"], "pve1.example.org", True),
        (["PVE1.example.org"], "pve1.EXAMPLE.org", True),
        (["192.0.2.11"], "192.0.2.11", True),
        (["*.example.org"], "pve1.example.org", True),
        (["*.example.org"], "a.pve1.example.org", False),
        (["*.example.org"], "example.org", False),
        (["*.2.0.192"], "11.2.0.192", False),
        ([], "pve1", False),
    ],
)
def test_a_certificate_covers_a_host(names: list[str], host: str, expected: bool) -> None:
    assert covers(names, host) is expected


@pytest.mark.parametrize(
    ("host", "node", "names", "expected"),
    [
        ("192.0.2.11", "pve1", ["pve1.example.org"], "pve1.example.org"),
        ("192.0.2.11", "pve1", ["192.0.2.11", "pve1.example.org"], ""),
        ("192.0.2.12", "pve2", ["*.example.org"], "pve2.example.org"),
        ("192.0.2.12", "PVE2", ["www.example.org", "pve2.example.org"], "pve2.example.org"),
        ("192.0.2.12", "pve2", ["cluster.example.org"], "cluster.example.org"),
        ("192.0.2.12", "pve2", ["localhost", "192.0.2.99"], ""),
        ("192.0.2.12", "pve2", [], ""),
    ],
)
def test_the_name_to_check_is_the_nodes_own_where_there_is_one(
    host: str, node: str, names: list[str], expected: str
) -> None:
    assert server_name(host, node, names) == expected
