"""Addresses as people type them, and which Paddock is meant."""

from pathlib import Path

import pytest

from paddock.terminal.config import Server, canonical_url, find_server, path, read, write
from paddock.terminal.failures import Failed

A = Server("https://a.example", "pdk_a")


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("paddock.example.com", "https://paddock.example.com"),
        ("HTTPS://Paddock.Example.com/", "https://paddock.example.com"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("localhost:8080/api/v1", "http://localhost:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("https://[2001:db8::1]/paddock/api/v1/", "https://[2001:db8::1]/paddock"),
    ],
)
def test_an_address_has_one_form(typed: str, canonical: str) -> None:
    assert canonical_url(typed) == canonical


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "new" / "cli.toml"
    profiles = {
        "default": A,
        "lab": Server("http://127.0.0.1:8080", "pdk_b", ca='/a "b"/ü.pem', insecure=True),
    }
    write(file, profiles)
    assert read(file) == profiles
    assert [each.name for each in file.parent.iterdir()] == ["cli.toml"]


def test_a_missing_file_has_no_profiles(tmp_path: Path) -> None:
    assert read(tmp_path / "cli.toml") == {}


def test_the_environment_wins_over_the_profile() -> None:
    assert find_server({"default": A}, {}) == A
    assert find_server({"default": A}, {"PADDOCK_TOKEN": "pdk_x"}).token == "pdk_x"
    assert find_server({"default": A}, {"PADDOCK_URL": "a.example/"}) == A
    assert find_server({"default": A}, {"PADDOCK_URL": "b.example"}) == Server("https://b.example")
    assert find_server({"lab": A}, {"PADDOCK_PROFILE": "lab"}) == A


@pytest.mark.parametrize("token", ["two words", "pdk\nX-Evil: 1", "ü"])
def test_a_token_cannot_smuggle_a_header(token: str) -> None:
    with pytest.raises(Failed, match="no API token"):
        find_server({"default": A}, {"PADDOCK_TOKEN": token})


def test_the_file_stands_where_xdg_says() -> None:
    assert path({"XDG_CONFIG_HOME": "/x"}) == Path("/x/paddock/cli.toml")
    assert path({"HOME": "/home/maria"}) == Path("/home/maria/.config/paddock/cli.toml")
