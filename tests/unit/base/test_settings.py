"""Settings: where they come from, who wins, and what is refused with which words."""

from pathlib import Path
from typing import Any

import pytest

from paddock.settings import BadSetting, is_loopback, load


def test_the_command_line_beats_the_environment_and_that_the_file(tmp_path: Path) -> None:
    (tmp_path / "paddock.toml").write_text(
        'listen = "127.0.0.1:1"\nsession_hours = 1\nwatch_interval = 5\nbehind_proxy = true\n'
    )
    environ = {"PADDOCK_LISTEN": "127.0.0.1:2", "PADDOCK_SESSION_HOURS": "2", "HOME": "/x"}
    found = load({"data_dir": tmp_path, "listen": "127.0.0.1:3", "tls_cert": None}, environ=environ)
    assert (found.listen, found.session_hours, found.watch_interval) == ("127.0.0.1:3", 2, 5.0)
    assert found.behind_proxy is True
    assert found.data_dir == tmp_path


def test_the_data_directory_may_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "paddock.toml").write_text('time_zone = "Europe/Vienna"\n')
    assert load(environ={"PADDOCK_DATA_DIR": str(tmp_path)}).time_zone == "Europe/Vienna"


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("yes", True), ("ON", True), ("false", False), ("0", False)]
)
def test_yes_and_no_are_read_in_many_forms(tmp_path: Path, text: str, value: bool) -> None:
    found = load({"data_dir": tmp_path}, environ={"PADDOCK_BEHIND_PROXY": text})
    assert found.behind_proxy is value


def test_host_names_are_read_as_a_list(tmp_path: Path) -> None:
    environ = {"PADDOCK_ALLOWED_HOSTS": "paddock.example.org, p.example.org,"}
    found = load({"data_dir": tmp_path}, environ=environ)
    assert found.allowed_hosts == ("paddock.example.org", "p.example.org")


def test_an_ipv6_address_loses_its_brackets(tmp_path: Path) -> None:
    found = load({"data_dir": tmp_path, "listen": "[::1]:8080"}, environ={})
    assert (found.host, found.port) == ("::1", 8080)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"listen": "8080"}, "ADDRESS:PORT"),
        ({"listen": ":8080"}, "ADDRESS:PORT"),
        ({"listen": "127.0.0.1:http"}, "ADDRESS:PORT"),
        ({"listen": "127.0.0.1:65536"}, "ADDRESS:PORT"),
        ({"listen": "127.0.0.1:²"}, "ADDRESS:PORT"),
        ({"listen": "0.0.0.0:8080"}, "without TLS"),
        ({"listen": "[::]:8080"}, "without TLS"),
        ({"listen": "127.evil.example:8080"}, "without TLS"),
        ({"listen": "192.0.2.7:8080"}, "--behind-proxy"),
        ({"tls_cert": "chain.pem"}, "both or none"),
        ({"tls_key": "key.pem"}, "both or none"),
        ({"root_path": "paddock"}, "begins with a slash"),
        ({"watch_interval": "0.5"}, "at least 1 second"),
        ({"watch_interval": "soon"}, "watch_interval = 'soon'"),
        ({"watch_interval": "nan"}, "watch_interval"),
        ({"contact_interval": "60"}, "under 60"),
        ({"details_per_second": "0"}, "from 1 to"),
        ({"session_idle_minutes": "0"}, "at least 1"),
        ({"audit_days": "-3"}, "at least 1"),
        ({"log_level": "loud"}, "DEBUG, INFO"),
        ({"database_url": "mysql://x"}, "postgresql+psycopg://"),
        ({"session_hours": "12.5"}, "session_hours = '12.5'"),
        ({"watch": "perhaps"}, "watch = 'perhaps'"),
        ({"colour": "blue"}, "unknown setting: colour"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_is_allowed(
    tmp_path: Path, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadSetting) as caught:
        load({"data_dir": tmp_path, **given}, environ={})
    assert words in str(caught.value)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "paddock.toml").write_text("listen = 127.0.0.1:80\n")
    with pytest.raises(BadSetting, match=r"paddock\.toml"):
        load({"data_dir": tmp_path}, environ={})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_loopback_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["127.evil.example", "127.0.0.1.example", "0.0.0.0", "::", "10.0.0.1", "", "pve"]
)
def test_nothing_else_is(host: str) -> None:
    assert not is_loopback(host)


def test_tls_or_a_proxy_makes_any_address_safe(tmp_path: Path) -> None:
    for more in ({"tls_cert": "c.pem", "tls_key": "k.pem"}, {"behind_proxy": True}):
        assert load({"data_dir": tmp_path, "listen": "0.0.0.0:8443", **more}, environ={}).secure
