from __future__ import annotations

import pytest

from paddock.base.errors import Invalid
from paddock.proxmox.address import Endpoint, allow, is_forbidden, member_endpoint, parse_api_url
from paddock.settings import BadSetting, load


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("pve1", "https://pve1:8006"),
        ("  PVE1.Example.ORG ", "https://pve1.example.org:8006"),
        ("pve1.example.org.", "https://pve1.example.org:8006"),
        ("pve1:8006", "https://pve1:8006"),
        ("pve1:443", "https://pve1:443"),
        ("https://pve1", "https://pve1:8006"),
        ("https://pve1/", "https://pve1:8006"),
        ("https://pve1:443/", "https://pve1:443"),
        ("HTTPS://PVE1:8006/api2/json/", "https://pve1:8006"),
        ("https://pve1:8006/api2/extjs", "https://pve1:8006"),
        ("https://pve1:8006//api2//json", "https://pve1:8006"),
        ("https://pve1:8006/#v1:0:=node%2Fpve1:4:5::::::", "https://pve1:8006"),
        ("https://pve1:8006#v1:0:18:4", "https://pve1:8006"),
        ("https://pve1:8006/?console=shell", "https://pve1:8006"),
        ("http://pve1", "https://pve1:8006"),
        ("http://pve1:8006", "https://pve1:8006"),
        ("192.0.2.11", "https://192.0.2.11:8006"),
        ("192.0.2.11:18006", "https://192.0.2.11:18006"),
        ("2001:db8::11", "https://[2001:db8::11]:8006"),
        ("[2001:DB8:0:0::11]", "https://[2001:db8::11]:8006"),
        ("https://[2001:db8::11]:443/api2/json", "https://[2001:db8::11]:443"),
        ("<https://pve1:8006>", "https://pve1:8006"),
        ("bücher.example", "https://xn--bcher-kva.example:8006"),
        ("127.31.0.11:8006", "https://127.31.0.11:8006"),
    ],
)
def test_every_form_that_people_type_becomes_the_same_url(typed: str, url: str) -> None:
    assert parse_api_url(typed).url == url


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "missing"),
        ("   ", "missing"),
        ("https://", "no host"),
        ("https://root@pam:secret@pve1:8006", "user name or password"),
        ("root@pve1", "user name or password"),
        ("https://pve1:8006/pve2/", "path"),
        ("https://pve1/api2/json/nodes", "path"),
        ("ftp://pve1", "HTTPS, not ftp"),
        ("pve1:", "port"),
        ("pve1:0", "not a port"),
        ("pve1:65536", "not a port"),
        ("pve1:http", "not a port"),
        ("pve1:８００６", "not a port"),
        ("[2001:db8::11", "brackets"),
        ("[pve1]:8006", "brackets"),
        ("2001:db8::xyz", "not an IPv6"),
        ("256.1.1.1", "not an IPv4"),
        ("127.1", "not an IPv4"),
        ("2130706433", "not an IPv4"),
        ("0x7f000001", "not an IPv4"),
        ("pve 1", "not a host name"),
        ("-pve1", "not a host name"),
        ("a..b", "not a host name"),
        ("x" * 64, "not a host name"),
        ("169.254.169.254", "link-local"),
        ("https://[fe80::1]:8006", "link-local"),
        ("[fe80::1%eth0]", "link-local"),
        ("[::ffff:169.254.169.254]", "link-local"),
        ("0.0.0.0", "link-local"),
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence_for_the_field(typed: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_api_url(typed)
    assert says in caught.value.message
    assert caught.value.details[0].field == "url"
    assert caught.value.hint


def test_parsing_a_canonical_url_again_changes_nothing() -> None:
    for endpoint in (Endpoint("pve1", 443), Endpoint("2001:db8::1"), Endpoint("192.0.2.1", 8006)):
        assert parse_api_url(endpoint.url) == endpoint
        assert parse_api_url(str(endpoint)) == endpoint


def test_names_are_not_forbidden_addresses() -> None:
    assert not is_forbidden("pve1")
    assert not is_forbidden("192.0.2.1")
    assert is_forbidden("169.254.1.1")


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
        "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254", "0.0.0.0", "::",
    ],
)  # fmt: skip
def test_link_local_and_metadata_addresses_are_refused_in_every_spelling(address: str) -> None:
    assert is_forbidden(address)


def test_a_setting_allows_link_local_addresses_where_nodes_stand() -> None:
    """And those alone; the next start without it forbids them again."""
    try:
        allow(load({"allow_addresses": "169.254.7.0/24, fe80::12"}, environ={}).allow_addresses)
        assert parse_api_url("169.254.7.9").host == "169.254.7.9"
        assert not is_forbidden("fe80::12")
        assert is_forbidden("169.254.169.254")
        assert is_forbidden("fe80::13")
    finally:
        allow(())
    assert is_forbidden("169.254.7.9")
    with pytest.raises(BadSetting, match="allow_addresses"):
        load({"allow_addresses": "nonsense"}, environ={})


@pytest.mark.parametrize(
    ("reported", "host"),
    [
        ("192.0.2.11", "192.0.2.11"),
        ("2001:DB8::11", "2001:db8::11"),
        ("PVE1.example.org", "pve1.example.org"),
    ],
)
def test_a_reported_address_is_a_literal_or_a_name(reported: str, host: str) -> None:
    assert member_endpoint(reported, 443) == Endpoint(host, 443)


@pytest.mark.parametrize(
    "reported",
    ["", "pve1/evil", "pve1:443", "a@b", "a b", "a?b", "a#b", "[::1]", "2001:db8::1%eth0", "2001:db8::1%/x", ".x",
     "x" * 64, "a." * 200, "pve1\x00", "169.254.169.254", "fe80::1", "fd00:ec2::254", "a" * 100_000],
)  # fmt: skip
def test_a_reported_address_never_changes_where_a_request_goes(reported: str) -> None:
    with pytest.raises(Invalid) as caught:
        member_endpoint(reported)
    assert caught.value.details[0].field == "address"
    assert len(caught.value.message) < 1100


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_reported_port_is_one(port: int) -> None:
    with pytest.raises(Invalid):
        member_endpoint("pve1", port)


def test_a_port_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(Invalid, match="not a port"):
        parse_api_url("pve1:" + "9" * 5000)
