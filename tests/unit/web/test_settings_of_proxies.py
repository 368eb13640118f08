"""Whose X-Forwarded-* headers are believed: the setting."""

from typing import Any

import pytest

from paddock.settings import BadSetting, load


def test_the_proxy_on_the_same_machine_is_trusted_by_default() -> None:
    assert load({"behind_proxy": True}, environ={}).trusted_proxies == ("127.0.0.0/8", "::1")


def test_proxies_are_addresses_or_networks_with_commas() -> None:
    found = load({}, environ={"PADDOCK_TRUSTED_PROXIES": "192.0.2.10, 2001:db8::/64"})
    assert found.trusted_proxies == ("192.0.2.10", "2001:db8::/64")


@pytest.mark.parametrize(
    "given",
    [
        {"trusted_proxies": "proxy.example.net"},
        {"trusted_proxies": "192.0.2.1/24"},
        {"behind_proxy": True, "trusted_proxies": ""},
    ],
)
def test_what_names_no_proxy_is_refused_by_its_name(given: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match="trusted_proxies"):
        load(given, environ={})
