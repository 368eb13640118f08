"""All settings, read once at start: defaults, then `paddock.toml` in the data directory, then the environment.

Nothing else in Paddock reads the environment or a configuration file.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

PREFIX = "PADDOCK_"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class BadSetting(ValueError):
    """A setting that cannot be used; the text names it and says what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    data_dir: Path = field(
        default=Path("paddock-data"), metadata={"help": "Directory of the database and keys."}
    )
    database_url: str = field(
        default="",
        metadata={
            "help": "postgresql+psycopg://user:password@host/name; empty for SQLite in the data directory."
        },
    )
    listen: str = field(default="127.0.0.1:8080", metadata={"help": "Address and port to listen on."})
    tls_cert: Path | None = field(default=None, metadata={"help": "Certificate chain (PEM) for HTTPS."})
    tls_key: Path | None = field(default=None, metadata={"help": "Private key (PEM) for HTTPS."})
    behind_proxy: bool = field(
        default=False,
        metadata={
            "help": "A reverse proxy ends TLS in front; trust its X-Forwarded-* headers (see trusted_proxies)."
        },
    )
    trusted_proxies: tuple[str, ...] = field(
        default=("127.0.0.0/8", "::1"),
        metadata={
            "help": "Addresses or networks of the reverse proxy; X-Forwarded-* headers from anybody else are ignored."
        },
    )
    root_path: str = field(
        default="", metadata={"help": "Path below which the proxy serves Paddock, for example /paddock."}
    )
    allowed_hosts: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Host names by which browsers may reach Paddock; loopback and the listening address always may."
        },
    )
    allow_addresses: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Link-local or metadata addresses, or networks of them, where Proxmox VE nodes do stand; Paddock connects to no others."
        },
    )
    key: str = field(
        default="",
        metadata={
            "help": "The key that seals secrets, 32 bytes in base64. Prefer a key file.",
            "secret": True,
        },
    )
    key_file: Path | None = field(
        default=None, metadata={"help": "File with the key; default: secret.key in the data directory."}
    )
    watch: bool = field(
        default=True, metadata={"help": "Watch the clusters. Off for maintenance of Paddock itself."}
    )
    watch_interval: float = field(default=10.0, metadata={"help": "Seconds between two looks at a cluster."})
    contact_interval: float = field(
        default=45.0, metadata={"help": "Seconds between two own contacts with each node; under 60."}
    )
    details_per_second: float = field(
        default=20.0, metadata={"help": "Upper bound of container details read per second and cluster."}
    )
    session_idle_minutes: int = field(
        default=60, metadata={"help": "A session ends after this time without a request."}
    )
    session_hours: int = field(default=12, metadata={"help": "A session ends after this time in any case."})
    events_days: int = field(default=90, metadata={"help": "How long node events are kept."})
    audit_days: int = field(default=400, metadata={"help": "How long the audit is kept."})
    jobs_days: int = field(default=90, metadata={"help": "How long ended jobs and their logs are kept."})
    time_zone: str = field(
        default="",
        metadata={"help": "Time zone of the pages, for example Europe/Vienna; empty: the server's."},
    )
    log_level: str = field(default="INFO", metadata={"help": "DEBUG, INFO, WARNING or ERROR."})

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def secure(self) -> bool:
        """Whether browsers reach Paddock over HTTPS."""
        return self.tls_cert is not None or self.behind_proxy


def load(overrides: Mapping[str, Any] | None = None, *, environ: Mapping[str, str] | None = None) -> Settings:
    """Builds the settings. `overrides` (the command line) win over the environment, that over the file.

    Raises BadSetting for an unknown name, a value of the wrong kind, or a combination that is not safe.
    """
    environ = os.environ if environ is None else environ
    given = {k: v for k, v in (overrides or {}).items() if v is not None}
    from_environment = {
        f.name: environ[PREFIX + f.name.upper()]
        for f in fields(Settings)
        if PREFIX + f.name.upper() in environ
    }
    data_dir = Path(given.get("data_dir") or from_environment.get("data_dir") or Settings().data_dir)
    merged: dict[str, Any] = {
        **_file(data_dir / "paddock.toml"),
        **from_environment,
        **given,
        "data_dir": data_dir,
    }
    known = {f.name: f for f in fields(Settings)}
    if unknown := sorted(set(merged) - set(known)):
        raise BadSetting(f"unknown setting: {', '.join(unknown)}")
    settings = Settings(**{name: _convert(name, known[name].type, value) for name, value in merged.items()})
    _check(settings)
    return settings


def _file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"{path}: {error}") from None


def _convert(name: str, kind: Any, value: Any) -> Any:
    kind = str(kind)
    try:
        if "tuple" in kind:
            items = value.split(",") if isinstance(value, str) else value
            return tuple(item.strip() for item in items if item.strip())
        if "Path" in kind:
            return Path(value) if str(value) else None
        if kind == "bool":
            return _boolean(value)
        if name == "log_level":
            return str(value).upper()
        return {"int": int, "float": float, "str": str}[kind](value)
    except (ValueError, TypeError, AttributeError):
        raise BadSetting(f"{name} = {value!r}: not a valid {kind}") from None


def _boolean(value: Any) -> bool:
    text = str(value).strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError(value)


def _check(settings: Settings) -> None:
    host, separator, port = settings.listen.rpartition(":")
    if not separator or not host or not (port.isascii() and port.isdigit()) or not 0 <= int(port) < 65536:
        raise BadSetting(
            f"listen = {settings.listen!r}: give ADDRESS:PORT, for example 127.0.0.1:8080 or [::1]:8080"
        )
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise BadSetting("tls_cert and tls_key belong together: give both or none")
    if not is_loopback(settings.host) and not settings.secure:
        raise BadSetting(
            f"listening on {settings.host} without TLS would send passwords in clear: "
            "give --tls-cert and --tls-key, or --behind-proxy where a reverse proxy ends TLS"
        )
    for proxy in settings.trusted_proxies:
        _check_network("trusted_proxies", proxy)
    for network in settings.allow_addresses:
        _check_network("allow_addresses", network)
    if settings.behind_proxy and not settings.trusted_proxies:
        raise BadSetting(
            "trusted_proxies: behind_proxy needs the address of the proxy, for example 127.0.0.1"
        )
    if settings.root_path and not settings.root_path.startswith("/"):
        raise BadSetting(f"root_path = {settings.root_path!r}: begins with a slash, for example /paddock")
    if not 1 <= settings.watch_interval <= 3600:
        raise BadSetting("watch_interval: at least 1 second, at most 3600")
    if not 1 <= settings.contact_interval < 60:
        raise BadSetting("contact_interval: at least 1 second, and under 60")
    if not 1 <= settings.details_per_second <= 10_000:
        raise BadSetting("details_per_second: from 1 to 10000")
    for name in ("session_idle_minutes", "session_hours", "events_days", "audit_days", "jobs_days"):
        if getattr(settings, name) < 1:
            raise BadSetting(f"{name}: at least 1")
    if settings.log_level not in LOG_LEVELS:
        raise BadSetting(f"log_level = {settings.log_level!r}: one of {', '.join(LOG_LEVELS)}")
    if settings.database_url and not settings.database_url.startswith(
        ("postgresql+psycopg://", "sqlite+aiosqlite:")
    ):
        raise BadSetting("database_url: begins with postgresql+psycopg://; leave it empty for SQLite")


def _check_network(name: str, text: str) -> None:
    try:
        ip_network(text)
    except ValueError as error:
        raise BadSetting(
            f"{name} = {text!r}: {error}; give addresses or networks, for example 127.0.0.1, 192.0.2.0/28"
        ) from None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it. A name other than localhost may lead anywhere."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
