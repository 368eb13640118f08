"""What people type for a site's network."""

import pytest

from paddock.sites.network import SiteNetwork, Wish, check


def accepted(**fields: str) -> SiteNetwork:
    network, faults = check(Wish(**{"name": "Vienna", **fields}))
    assert network is not None, faults
    return network


def refused(**fields: str) -> dict[str, str]:
    network, faults = check(Wish(**{"name": "Vienna", **fields}))
    assert network is None
    return {fault.field: fault.message for fault in faults}


@pytest.mark.parametrize(
    "typed",
    ["192.168.1.0/24", "192.168.1.0/255.255.255.0", "192.168.1.0 255.255.255.0", " 192.168.1.0 / 24 "],
)
def test_a_subnet_is_accepted_with_prefix_and_with_mask(typed: str) -> None:
    assert accepted(subnet=typed).subnet == "192.168.1.0/24"


@pytest.mark.parametrize(
    "typed",
    [
        "192.168.1.100-192.168.1.200",
        "192.168.1.100,192.168.1.200",
        "192.168.1.100 - 192.168.1.200",
        "192.168.1.100-200",
    ],
)
def test_a_range_is_accepted_with_hyphen_and_with_comma(typed: str) -> None:
    network = accepted(subnet="192.168.1.0/24", range=typed)
    assert (network.range_start, network.range_end) == ("192.168.1.100", "192.168.1.200")


def test_ipv6_is_accepted_everywhere() -> None:
    network = accepted(
        subnet="fd00:1::/64",
        range="fd00:1::100-fd00:1::200",
        gateway="fd00:1::1",
        forwarders="2001:4860:4860::8888",
    )
    assert network.subnet == "fd00:1::/64"
    assert network.forwarders == ("2001:4860:4860::8888",)


def test_forwarders_may_be_separated_by_anything_and_count_once() -> None:
    assert accepted(forwarders="1.1.1.1, 9.9.9.9;1.1.1.1").forwarders == ("1.1.1.1", "9.9.9.9")


def test_a_domain_is_lowered_and_loses_its_final_dot() -> None:
    assert accepted(domain="Vienna.Example.NET.").domain == "vienna.example.net"


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"name": "  "}, "name", "name"),
        ({"name": "x" * 65}, "name", "65"),
        ({"domain": "no_underscores.net"}, "domain", "Not a domain"),
        ({"domain": "a..b"}, "domain", "empty part"),
        ({"subnet": "192.168.1.0"}, "subnet", "prefix or mask"),
        ({"subnet": "192.168.1.7/24"}, "subnet", "the subnet itself is 192.168.1.0/24"),
        ({"subnet": "nonsense/24"}, "subnet", "Not a subnet"),
        ({"subnet": "10.0.0.0/8", "range": "10.0.0.9-10.0.0.2"}, "range", "ends before it begins"),
        ({"subnet": "10.0.0.0/24", "range": "10.0.0.9-10.0.1.2"}, "range", "10.0.1.2 is not in the subnet"),
        ({"subnet": "10.0.0.0/24", "range": "10.0.0.0-10.0.0.9"}, "range", "network or broadcast"),
        (
            {"subnet": "10.0.0.0/24", "range": "10.0.0.1-10.0.0.9", "gateway": "10.0.0.5"},
            "range",
            "gateway 10.0.0.5",
        ),
        ({"subnet": "10.0.0.0/24", "gateway": "10.1.0.1"}, "gateway", "not in the subnet"),
        ({"subnet": "10.0.0.0/24", "gateway": "10.0.0.255"}, "gateway", "broadcast"),
        ({"gateway": "10.0.0.1"}, "gateway", "Give the subnet too"),
        ({"range": "10.0.0.1-fd00::1"}, "range", "both IPv4 or both IPv6"),
        ({"forwarders": "1.1.1.1, dns.google"}, "forwarders", "dns.google"),
        ({"external_ip": "300.1.1.1"}, "external_ip", "Not an IP address"),
        ({"subnet": "10.0.0.0/24", "external_ip": "10.0.0.9"}, "external_ip", "inside the subnet"),
    ],
)
def test_a_fault_is_told_beside_its_field(fields: dict[str, str], field: str, says: str) -> None:
    faults = refused(**fields)
    assert says in faults[field]


def test_all_faults_are_told_at_once() -> None:
    assert set(refused(name="", domain="-", subnet="x", external_ip="y")) == {
        "name",
        "domain",
        "subnet",
        "external_ip",
    }
